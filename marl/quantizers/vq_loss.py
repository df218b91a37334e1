"""Losses of the vector quantiser, averaged over N states.

L = recon + vq_weight * vq + commit_weight * commit + coverage_weight * coverage, with sg = detach,
x = encoder(s), e = the code nearest to x, e_j = code j:
    recon    = |decoder(x + sg[e - x]) - s|^2        (mean or sum over the state's numbers)
    vq       = |sg[x] - e|^2                         trains the code
    commit   = |x - sg[e]|^2                         trains the encoder
    coverage = sum_j w_tj |sg[x] - e_j|^2            trains the codes of slot t (see coverage.py)
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

LatentLoss = Literal["squared", "norm", "mean"]


class Losses(NamedTuple):
    """The four terms, 0-d, before their weights."""

    recon: Tensor
    vq: Tensor
    commit: Tensor
    coverage: Tensor


def reconstruction_loss(
    decoded: Tensor, states: Tensor, reduction: Literal["mean", "sum"]
) -> Tensor:
    """decoded, states: [N,S]. The published weights were tuned with the mean."""
    mean = torch.nn.functional.mse_loss(decoded, states)
    return mean * states.shape[-1] if reduction == "sum" else mean


def latent_distance(a: Tensor, b: Tensor, loss: LatentLoss) -> Tensor:
    """Mean distance of a and b, [N,D] each -> 0-d."""
    squares = (a - b).square()
    if loss == "mean":
        return squares.mean()
    if loss == "norm":
        return torch.linalg.vector_norm(squares, dim=-1).mean()
    return squares.sum(-1).mean()


def coverage_loss(
    encoded: Tensor, slot: Tensor, codebook: Tensor, weights: Tensor, loss: LatentLoss
) -> Tensor:
    """Mean over states of their weighted distance to the codes of their slot.

    encoded [N,D], slot [N] int64, codebook [K,D], weights [T,K] whose rows sum to 1. Trains the
    codebook alone. Needs no [N,K,D]: within a slot all states see the same weights, so
    sum_j w_tj |x - e_j|^2 = |x|^2 - 2 x . (W e)_t + (W |e|^2)_t needs only the sum of x per slot.
    """
    states = encoded.detach()
    if loss == "norm":  # the norm of squares is the square of the 4-norm
        distance = torch.cdist(states, codebook, p=4.0).square()  # [N,K]
        return (weights[slot] * distance).sum(1).mean()
    count = torch.bincount(slot, minlength=len(weights)).to(states.dtype)  # [T]
    total = states.new_zeros(len(weights), states.shape[1]).index_add_(0, slot, states)  # [T,D]
    cross = (total * (weights @ codebook)).sum()
    norms = count @ (weights @ codebook.square().sum(1))
    squared = (states.square().sum() - 2 * cross + norms) / len(states)
    return squared / states.shape[1] if loss == "mean" else squared


def share_of_slot(codes: Tensor, slot: Tensor, n_codes: int) -> Tensor:
    """1 / number of states with the same slot and code. codes, slot [N] -> [N,1]."""
    pair = slot * n_codes + codes
    return 1.0 / torch.bincount(pair)[pair][:, None]

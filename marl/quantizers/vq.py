"""Vector quantiser of global states: encoder, codebook, decoder (van den Oord et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from marl.config.schema import option
from marl.protocols import Quantized
from marl.quantizers.coverage import Leftovers
from marl.quantizers.nearest import find_nearest

LatentLoss = Literal["squared", "norm", "mean"]


@dataclass(frozen=True)
class CodebookConfig:
    """The state quantiser and its training."""

    size: int = option(64, low=1, high=65_536)  # K, codes
    dim: int = option(8, low=1, high=1024)  # D, numbers per code
    hidden_dim: int = option(64, low=1, high=4096)  # both hidden layers of encoder and decoder
    lr: float = option(0.0005, above=0)  # Adam, of encoder and decoder
    code_lr: float | None = option(0.005, above=0)  # Adam, of the codes; None: lr
    # uniform: codes from U[0,1), as published. batch: encodings of the first batch, drawn at
    # random; kmeans: those of them that k-means finds.
    init: Literal["uniform", "batch", "kmeans"] = "kmeans"
    # gradient: codes follow the vq and coverage losses; ema: moving averages of their encodings.
    codes: Literal["gradient", "ema"] = "gradient"
    ema_decay: float = option(0.99, low=0, high=1)  # of codes=ema, per update
    revive_after: int | None = option(None, low=1)  # updates without use; then drawn anew
    grad_clip: float | None = option(10.0, above=0)  # L2 norm; None clips nothing
    update_interval: int = option(10, low=1)  # episodes between updates, once past the start
    vq_weight: float = option(1.0, low=0)
    commit_weight: float = option(0.5, low=0)
    coverage_weight: float = option(0.5, low=0)
    # Distance of state and code in the three latent terms: squared = sum over D of squares,
    # mean = that over D, norm = the norm of the element-wise squares.
    loss: LatentLoss = "squared"
    recon_reduction: Literal["mean", "sum"] = "mean"  # over the state's numbers
    # per_code divides the vq gradient of a code by the number of states of that slot that chose it.
    gradient: Literal["plain", "per_code"] = "plain"
    horizon: Literal["batch", "limit"] = "batch"  # of J(t): the batch's slots, or all possible
    leftovers: Leftovers = "official"  # slots that get the remainder of K / horizon

    def __post_init__(self) -> None:
        """Refuse settings that would do nothing."""
        if self.codes == "gradient":
            return
        for name, idle in {"code_lr": None, "gradient": "plain"}.items():
            if getattr(self, name) != idle:
                raise ValueError(
                    f"{name}: codes=ema are moved by no gradient; set it to {idle or 'null'}"
                )


class VectorQuantizer(nn.Module):
    """Encoder S-H-H-D, codebook K x D drawn from U[0,1), decoder D-H-H-S, all with ReLU."""

    codebook: nn.Parameter

    def __init__(self, state_dim: int, n_codes: int, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.n_codes = n_codes
        self.encoder = _mlp(state_dim, hidden_dim, dim)
        self.codebook = nn.Parameter(torch.rand(n_codes, dim))  # [K,D]
        self.decoder = _mlp(dim, hidden_dim, state_dim)

    @torch.no_grad()
    def encode(self, states: Tensor) -> Tensor:
        """states [...,S] -> index of the nearest code [...]."""
        return self.nearest(self.encoder(states))

    @torch.no_grad()
    def nearest(self, encoded: Tensor) -> Tensor:
        """encoded [...,D] -> index of the code at the least distance; a tie takes the smallest."""
        flat = encoded.detach().reshape(-1, encoded.shape[-1])
        return nearest_codes(flat, self.codebook).reshape(encoded.shape[:-1])

    def quantize(self, vectors: Tensor) -> Quantized:
        """The nearest codes of vectors [...,D]; no gradient for the codebook."""
        codes = self.nearest(vectors)
        return Quantized(straight_through(vectors, self.look_up(codes)), codes)

    def look_up(self, codes: Tensor) -> Tensor:
        """codes [...] -> their vectors [...,D], differentiable."""
        return F.embedding(codes, self.codebook)


@torch.no_grad()
def nearest_codes(vectors: Tensor, codes: Tensor) -> Tensor:
    """Index of the code at the least distance from each vector; a tie takes the smallest.

    vectors [N,D], codes [K,D] -> [N] int64. Sums of squares, not |e|^2 - 2 x e: rounding makes that
    wrong once in 70,000 lookups.
    """
    if vectors.device.type == "cpu" and vectors.dtype == torch.float32:
        found = np.empty(len(vectors), dtype=np.int64)
        by_dimension = codes.detach().numpy().T.copy()  # [D,K]
        work = np.empty(len(codes), dtype=np.float32)
        find_nearest(vectors.contiguous().numpy(), by_dimension, work, found)
        return torch.from_numpy(found)
    distances = torch.cdist(vectors, codes, compute_mode="donot_use_mm_for_euclid_dist")  # [N,K]
    return distances.min(1).indices


def straight_through(encoded: Tensor, picked: Tensor) -> Tensor:
    """The value of `picked`; its gradient goes to `encoded` and none to the codebook."""
    return picked.detach() + (encoded - encoded.detach())


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, outputs),
    )

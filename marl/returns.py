"""Discounted rewards-to-go of whole episodes, and how much of them an estimate explains."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.batch import EpisodeBatch
from marl.compiled.jit import released


def returns_to_go(
    reward: NDArray[np.float32], filled: NDArray[np.bool_], gamma: float
) -> NDArray[np.float64]:
    """R_t = r_t + gamma * R_{t+1} at every slot; 0 at the final slot and in padding.

    reward, filled: [B,T] -> [B,T+1]. The environment's reward alone, even of an episode that a
    time limit cut off: what would have followed is not guessed.
    """
    returns = np.zeros((reward.shape[0], reward.shape[1] + 1))
    _sum_back(np.ascontiguousarray(reward), np.ascontiguousarray(filled), gamma, returns)
    return returns


def returns_of(batch: EpisodeBatch, gamma: float) -> NDArray[np.float64]:
    """`returns_to_go` of a batch, [B,T+1], on the CPU."""
    reward, filled = batch.reward[..., 0].cpu().numpy(), batch.filled[..., 0].cpu().numpy()
    return returns_to_go(reward, filled, gamma)


def explained_variance(found: Tensor, expected: Tensor) -> Tensor:
    """R^2: share of the variance of what was found that is explained; below 0 if worse than none.

    0 where all that was found is the same, within a millionth or rounding: there is nothing to
    explain. found, expected: [N].
    """
    error = (found - expected).square().mean()
    spread = found.var(unbiased=False)
    rounding = (4 * torch.finfo(found.dtype).eps * found.abs().max()).square()
    return torch.where(spread > rounding.clamp(min=1e-12), 1.0 - error / spread, 0.0)


@released
def _sum_back(
    reward: NDArray[np.float32],
    filled: NDArray[np.bool_],
    gamma: float,
    returns: NDArray[np.float64],
) -> None:
    """Fill returns [B,T+1], which holds zeros."""
    for row in range(len(reward)):
        for t in range(reward.shape[1] - 1, -1, -1):
            own = np.float64(reward[row, t]) if filled[row, t] else 0.0
            returns[row, t] = own + gamma * returns[row, t + 1]

"""Advantages and returns of on-policy rows: pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor


def gae(
    reward: Tensor, terminated: Tensor, filled: Tensor, values: Tensor, gamma: float, lam: float
) -> Tensor:
    """Generalised advantage estimates (Schulman et al. 2016, arXiv:1506.02438), [B,T,A].

        delta_t = r_t + gamma * (1 - terminated) * V_{t+1} - V_t
        A_t = delta_t + gamma * lam * A_{t+1}, 0 beyond the row's last step

    reward, terminated, filled: [B,T,1]; values: [B,T+1,A]. A row that is cut off bootstraps from
    its last slot. lam = 0: one step; lam = 1: the rest of the row.
    """
    alive = 1.0 - terminated.to(values.dtype)
    delta = reward + gamma * alive * values[:, 1:] - values[:, :-1]
    delta = delta * filled
    advantages = torch.empty_like(delta)
    following = torch.zeros_like(delta[:, 0])
    for t in range(delta.shape[1] - 1, -1, -1):
        following = delta[:, t] + gamma * lam * following
        advantages[:, t] = following
    return advantages


def normalised(values: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit deviation over the masked numbers; mask: bool, the same shape."""
    chosen = values[mask]
    if not len(chosen):
        return torch.zeros_like(values)
    return (values - chosen.mean()) / (chosen.std(correction=0) + 1e-8)

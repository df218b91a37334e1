"""N-step returns: the first step of each row, with what the next steps pay and where they lead.

    reward = sum over k < m of gamma^k * r_t+k,    discount = gamma^m,    next slot = t + m

m is n, or less where the row ends before: at a termination nothing follows, and after a time limit
the value of the last observation counts. Sutton & Barto 2018, section 7.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from marl.batch import EpisodeBatch

DISCOUNT = "discount"  # column of level `step`: of the value after the step, [B,T,1] float32


def first_transitions(batch: EpisodeBatch, n: int, gamma: float) -> EpisodeBatch:
    """The first step of each row as an n-step transition, [B,1,...], with the column `discount`.

    Rows are slices of at least n steps, padded past their episode's end; each has a real step.
    """
    if batch.steps < n:
        raise ValueError(f"asked for {n} steps of rows that have {batch.steps}")
    window = batch.filled[:, :n, 0]  # [B,n]; nothing follows a terminated step
    steps = window.sum(1)  # [B], m
    powers = gamma ** torch.arange(n + 1, dtype=torch.float32, device=window.device)
    reward = (batch.reward[:, :n, 0] * powers[:n] * window).sum(1)
    terminated = (batch.terminated[:, :n, 0] & window).any(1)
    row = torch.arange(batch.size, device=window.device)
    columns: dict[str, Tensor] = {}
    for name, column in batch.layout.items():
        values = batch[name]
        if column.level == "slot":
            columns[name] = torch.stack([values[:, 0], values[row, steps]], dim=1)
        else:
            columns[name] = values[:, :1] if column.level == "step" else values
    columns["reward"] = reward[:, None, None]
    columns["terminated"] = terminated[:, None, None]
    folded = EpisodeBatch(batch.layout, columns)
    return folded.with_steps(**{DISCOUNT: powers[steps][:, None, None]})


def discount_of(batch: EpisodeBatch, gamma: float) -> Tensor | float:
    """Discount of the value after each step: the column's where there is one, [B,T,1], or gamma."""
    return batch[DISCOUNT] if DISCOUNT in batch.columns else gamma

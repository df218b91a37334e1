"""One value out of an ensemble's: [K,...] -> [...]."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(values: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """The values of `count` critics drawn at random, the same for the whole batch, [count,...].

    All of them, and nothing is drawn, where there are no more.
    """
    if count >= len(values):
        return values
    picks = torch.randperm(len(values), generator=rng)[:count].to(values.device)
    return values[picks]


def soft_clipped(values: Tensor, least: float) -> Tensor:
    """`least` times the smallest and the rest times the largest value: 1 is the minimum.

    Soft-clipped double Q-learning, Fujimoto et al. 2019 (BCQ, arXiv:1812.02900), equation 8.
    """
    if least == 1.0:
        return values.amin(0)
    return least * values.amin(0) + (1.0 - least) * values.amax(0)

"""Which critics of an ensemble are asked, and one value out of theirs."""

from __future__ import annotations

import torch
from torch import Tensor

from marl.nets.critics import Picked, QEnsemble


def drawn(count: int, critics: QEnsemble, rng: torch.Generator) -> Picked:
    """`count` critics drawn at random, for a whole batch; all, and nothing is drawn, if no more."""
    if count >= critics.count:
        return None
    return torch.randperm(critics.count, generator=rng)[:count].tolist()


def soft_clipped(values: Tensor, least: float) -> Tensor:
    """`least` times the smallest value and the rest times the largest, [K,...] -> [...].

    1 is the minimum. Soft-clipped double Q-learning,
    Fujimoto et al. 2019 (BCQ, arXiv:1812.02900), equation 8.
    """
    if least == 1.0:
        return values.amin(0)
    return least * values.amin(0) + (1.0 - least) * values.amax(0)

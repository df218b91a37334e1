"""Target networks that follow the online ones slowly."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def soft_update(
    targets: Iterable[nn.Parameter], onlines: Iterable[nn.Parameter], tau: float
) -> None:
    """target <- (1 - tau) * target + tau * online, in place."""
    torch._foreach_lerp_([*targets], [*onlines], tau)

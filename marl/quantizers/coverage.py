"""Coverage loss: the weights with which each time slot's states pull the codes.

Without it most codes are never chosen. "all" pulls every code towards every state, which draws
them to the centre of all states; "timestep" gives each slot its own codes J(t), which spreads the
codebook over an episode's time. Na & Moon 2024 (arXiv:2405.19998).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Coverage = Literal["none", "all", "timestep"]
Leftovers = Literal["official", "balanced"]


def codes_of_slot(slot: int, n_codes: int, horizon: int, leftovers: Leftovers) -> list[int]:
    """J(t), the codes that slot t of 0..horizon-1 pulls; never empty.

    With n_codes >= horizon the sets split the codebook. The remainder of n_codes / horizon goes
    one code each to the first slots ("official", as published) or is spread by rounding the
    borders of contiguous blocks ("balanced"). With n_codes < horizon, neighbours share one code.
    Integers throughout: floor(t * (n_codes / horizon)) in floating point is off by one at times.
    """
    if not 0 <= slot < horizon:
        raise ValueError(f"slot {slot} is outside the horizon of {horizon} slots")
    if n_codes < horizon:
        return [slot * n_codes // horizon]
    if leftovers == "balanced":
        return list(range(n_codes * slot // horizon, n_codes * (slot + 1) // horizon))
    share, left = divmod(n_codes, horizon)
    codes = list(range(share * slot, share * (slot + 1)))
    return [*codes, share * horizon + slot] if slot < left else codes


@lru_cache(maxsize=512)
def coverage_weights(
    coverage: Coverage, n_codes: int, horizon: int, leftovers: Leftovers
) -> Tensor | None:
    """Share of each code in each slot's coverage loss, [horizon,K]; rows sum to 1. CPU, float32.

    None for "none". Callers share the tensor: do not write to it.
    """
    if coverage == "none":
        return None
    if coverage == "all":
        return torch.full((horizon, n_codes), 1.0 / n_codes)
    weights = torch.zeros(horizon, n_codes)
    for slot in range(horizon):
        codes = codes_of_slot(slot, n_codes, horizon, leftovers)
        weights[slot, codes] = 1.0 / len(codes)
    return weights

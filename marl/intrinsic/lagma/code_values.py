"""C_q: mean of the returns seen from each code (Na & Moon 2024)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.intrinsic.lagma.arrays import restore, saved
from marl.protocols import State


class CodeValues:
    """One first-in-first-out window of returns per code.

    phantom_zero: each window starts with one return of 0, which the first lap pushes out, as
    published; so a code without returns has value 0 instead of none.
    """

    def __init__(self, n_codes: int, window: int, phantom_zero: bool = False) -> None:
        self.ring = np.zeros((n_codes, window))  # [K,m]
        self.pushed = np.full(n_codes, int(phantom_zero), dtype=np.int64)  # [K], running counts

    def push(self, codes: NDArray[np.int64], returns: NDArray[np.float64]) -> None:
        """Append returns[i] to the window of codes[i], in this order. codes, returns: [N]."""
        n_codes, window = self.ring.shape
        order = np.argsort(codes, kind="stable")
        codes, returns = codes[order], returns[order]
        added = np.bincount(codes, minlength=n_codes)  # [K]
        rank = np.arange(len(codes)) - (np.cumsum(added) - added)[codes]  # among its code's own
        lasts = rank >= added[codes] - window  # the others would be overwritten at once
        position = (self.pushed[codes] + rank) % window
        self.ring[codes[lasts], position[lasts]] = returns[lasts]
        self.pushed += added

    @property
    def known(self) -> NDArray[np.bool_]:
        """Codes whose window holds something, [K]."""
        known: NDArray[np.bool_] = self.pushed > 0
        return known

    def means(self) -> NDArray[np.float64]:
        """C_q of every code, [K]; 0 where nothing is known."""
        held = np.clip(self.pushed, 1, self.ring.shape[1])
        means: NDArray[np.float64] = self.ring.sum(1) / held  # places not yet filled hold 0
        return means

    def state_dict(self) -> State:
        return saved({"ring": self.ring, "pushed": self.pushed})

    def load_state_dict(self, state: State) -> None:
        restore({"ring": self.ring, "pushed": self.pushed}, state)

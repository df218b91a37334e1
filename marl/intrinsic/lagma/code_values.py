"""C_q: mean of the returns seen from each code (Na & Moon 2024)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.intrinsic.lagma.arrays import restore, saved
from marl.protocols.loop import State


class CodeValues:
    """One first-in-first-out window of returns per code.

    phantom_zero: each window starts with one return of 0, which the first lap pushes out, as
    published; so a code without returns has value 0 instead of none.
    """

    def __init__(self, n_codes: int, window: int, phantom_zero: bool = False) -> None:
        self.ring = np.zeros((n_codes, window))  # [K,m]
        self.pushed_at_first = int(phantom_zero)
        self.pushed = np.full(n_codes, self.pushed_at_first, dtype=np.int64)  # [K], running counts

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
    def held(self) -> NDArray[np.int64]:
        """Returns in each code's window, [K]."""
        held: NDArray[np.int64] = np.minimum(self.pushed, self.ring.shape[1])
        return held

    @property
    def known(self) -> NDArray[np.bool_]:
        """Codes whose window holds something, [K]."""
        known: NDArray[np.bool_] = self.pushed > 0
        return known

    def means(self) -> NDArray[np.float64]:
        """Mean return of every code, [K]; 0 where nothing is known."""
        means: NDArray[np.float64] = self.ring.sum(1) / np.maximum(self.held, 1)
        return means  # places not yet filled hold 0

    def deviations(self) -> NDArray[np.float64]:
        """Standard deviation of every code's returns, [K]; 0 where nothing is known."""
        squares = np.square(self.ring).sum(1) / np.maximum(self.held, 1)
        deviations: NDArray[np.float64] = np.sqrt(np.maximum(squares - self.means() ** 2, 0.0))
        return deviations

    def clear(self) -> None:
        """Forget all returns."""
        self.ring[:] = 0.0
        self.pushed[:] = self.pushed_at_first

    def state_dict(self) -> State:
        return saved({"ring": self.ring, "pushed": self.pushed})

    def load_state_dict(self, state: State) -> None:
        restore({"ring": self.ring, "pushed": self.pushed}, state)


class ReturnMemory:
    """The newest returns with the states that they followed, so that codes can be given anew."""

    def __init__(self, capacity: int, state_dim: int) -> None:
        self.states = np.zeros((capacity, state_dim), dtype=np.float32)  # [M,S]
        self.returns = np.zeros(capacity)  # [M]
        self.added = np.zeros(1, dtype=np.int64)  # a running count

    def add(self, states: NDArray[np.float32], returns: NDArray[np.float64]) -> None:
        """Keep the newest of states [N,S] and returns [N], in this order."""
        capacity = len(self.returns)
        places = (self.added[0] + np.arange(len(returns))) % capacity
        newest = slice(max(0, len(returns) - capacity), None)
        self.states[places[newest]], self.returns[places[newest]] = states[newest], returns[newest]
        self.added += len(returns)

    def all(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """All that is held, the oldest first: states [n,S], returns [n]."""
        held = min(int(self.added[0]), len(self.returns))
        places = (self.added[0] - held + np.arange(held)) % len(self.returns)
        return self.states[places], self.returns[places]

    def _arrays(self) -> dict[str, NDArray]:
        return {"states": self.states, "returns": self.returns, "added": self.added}

    def state_dict(self) -> State:
        return saved(self._arrays())

    def load_state_dict(self, state: State) -> None:
        restore(self._arrays(), state)

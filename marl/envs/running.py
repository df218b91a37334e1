"""Which of E environments run: what `VecEnv.reset` says of its rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rows_to_start(
    running: NDArray[np.bool_], seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """The environments that a reset starts, one for each seed; `running` [E] says so afterwards.

    Without rows they are the first ones, and the others stay idle.
    """
    if rows is None:
        rows = np.arange(len(seeds))
        running[:] = False
    running[rows] = True
    return rows

"""The nearest of K codes, compiled; they lie side by side, so the inner loop is vector code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import released


@released
def find_nearest(
    vectors: NDArray[np.float32],
    codes: NDArray[np.float32],
    distances: NDArray[np.float32],
    found: NDArray[np.int64],
) -> None:
    """found[i]: number of the code at the least distance from vectors[i]; a tie takes the smallest.

    vectors [N,D], codes [D,K], distances [K] for the work, found [N].
    """
    dims, count = codes.shape
    for row in range(len(vectors)):
        for code in range(count):
            distances[code] = np.float32(0.0)
        for dim in range(dims):
            at = vectors[row, dim]
            for code in range(count):
                step = at - codes[dim, code]
                distances[code] += step * step
        least = distances[0]
        for code in range(1, count):
            least = min(least, distances[code])
        nearest = 0
        while nearest < count - 1 and distances[nearest] != least:
            nearest += 1
        found[row] = nearest

"""A tree of sums over numbers: any of them drawn in proportion to it, or changed, in log time.

Level by level in one array: the root at 1, the children of node n at 2n and 2n + 1, the numbers
themselves last. A parent is always the very sum of its children, so that no error adds up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import released

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class SumTree:
    """`size` numbers, at first all zero; none may be negative."""

    def __init__(self, size: int) -> None:
        self.size = 1 << max(0, (size - 1).bit_length())  # a power of two
        self.sums = np.zeros(2 * self.size)

    @property
    def total(self) -> float:
        """The sum of all."""
        return float(self.sums[1])

    def get(self, places: Integers) -> Floats:
        """The numbers at these places, [B]."""
        return self.sums[self.size + places]

    def put(self, places: Integers, values: Floats) -> None:
        """Change the numbers at these places, [B] each; of one that comes twice the last counts."""
        _put(self.sums, self.size, places, values)

    def fill(self, first: int, count: int, value: float) -> None:
        """Set `count` numbers from place `first` on; after the last place comes the first."""
        _fill(self.sums, self.size, first, count, value)

    def find(self, marks: Floats) -> Integers:
        """Where the numbers, laid one after the other from 0 on, cover these marks, [B]."""
        places = np.empty(len(marks), dtype=np.int64)
        _find(self.sums, self.size, marks, places)
        return places


@released
def _put(sums: Floats, size: int, places: Integers, values: Floats) -> None:
    for item in range(len(places)):
        node = size + places[item]
        sums[node] = values[item]
        while node > 1:
            node >>= 1
            sums[node] = sums[2 * node] + sums[2 * node + 1]


@released
def _fill(sums: Floats, size: int, first: int, count: int, value: float) -> None:
    for item in range(min(count, size)):
        sums[size + (first + item) % size] = value
    # Level by level, only the parents of what changed.
    low, high, width = first, first + min(count, size) - 1, size
    while width > 1:
        low, high, width = low >> 1, high >> 1, width >> 1
        for place in range(low, min(high, low + width - 1) + 1):
            node = width + place % width
            sums[node] = sums[2 * node] + sums[2 * node + 1]


@released
def _find(sums: Floats, size: int, marks: Floats, places: Integers) -> None:
    for item in range(len(marks)):
        mark, node = marks[item], 1
        while node < size:
            node *= 2
            # Rounding may carry a mark past the last number: never on to one that is zero.
            if mark >= sums[node] and sums[node + 1] > 0.0:
                mark -= sums[node]
                node += 1
        places[item] = node - size

"""Passes over the rows of a block inside compiled functions, beside products of them.

All arrays are float32 and contiguous.
"""

from __future__ import annotations

import numpy as np

from marl.compiled.jit import released
from marl.compiled.products import Floats

BLOCK = 96  # rows that go from the first layer to the last while they lie in the cache
ZERO = np.float32(0.0)


@released
def relu_rows(source: Floats, column: int, out: Floats, at: int, rows: int) -> None:
    """out[at:at + rows] = relu(source[:rows, column:]), as wide as out."""
    for row in range(rows):
        for unit in range(out.shape[1]):
            value = source[row, column + unit]
            out[at + row, unit] = ZERO if value < ZERO else value


@released
def copy_rows(source: Floats, out: Floats, at: int, rows: int) -> None:
    """out[at:at + rows] = source[:rows], as wide as out."""
    for row in range(rows):
        for column in range(out.shape[1]):
            out[at + row, column] = source[row, column]


@released
def relu_back(source: Floats, lit: Floats, at: int, rows: int, out: Floats, to: int) -> None:
    """out[:rows, to:] = source[:rows] where lit[at:at + rows] is not 0 or less, else 0.

    lit: what relu gave. out may be source.
    """
    for row in range(rows):
        for unit in range(lit.shape[1]):
            dark = lit[at + row, unit] <= ZERO
            out[row, to + unit] = ZERO if dark else source[row, unit]


@released
def add_rows(rows_of: Floats, start: int, rows: int, out: Floats) -> None:
    """out[0] += the sum of rows_of[start:start + rows]; rows_of [*,>=N], out [1,N]."""
    for row in range(start, start + rows):
        for column in range(out.shape[1]):
            out[0, column] += rows_of[row, column]

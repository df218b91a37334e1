"""Work on episodes of different lengths without working on their padding.

A batch sorted by falling length (the learner sorts it) has its real part in a staircase. It is cut
along time into a few rectangles, each as many rows high as episodes still run in it. Packed
sequences would be tighter, but torch runs those several times slower on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

SHRINK = 0.8  # a new rectangle begins where at most this share of the last one's rows runs on


class Chunk(NamedTuple):
    """Columns start..stop-1 of rows 0..rows-1."""

    start: int
    stop: int
    rows: int


def chunks(lengths: Tensor, columns: int) -> list[Chunk]:
    """Rectangles that cover the first lengths[b] columns of every row b.

    lengths: [B] int64, at most `columns`. Right for rows in any order, tight for sorted ones.
    """
    ends = lengths.tolist()
    rows_at = [1] * columns  # padding of all rows, if any, is left to the first row
    row = len(ends)
    longest = 0
    while row and longest < columns:  # from the last row up: who reaches farther than all below
        row -= 1
        for column in range(longest, ends[row]):
            rows_at[column] = row + 1
        longest = max(longest, ends[row])
    result: list[Chunk] = []
    start = 0
    for column in range(1, columns + 1):
        if column == columns or rows_at[column] <= SHRINK * rows_at[start]:
            result.append(Chunk(start, column, rows_at[start]))
            start = column
    return result


def join(pieces: list[Tensor], rows: int) -> Tensor:
    """The rectangles' results [rows_i,T_i,...] side by side, zero below each: [rows,T,...]."""
    padded = [
        pad(piece, (0, 0) * (piece.ndim - 1) + (0, rows - piece.shape[0])) for piece in pieces
    ]
    return torch.cat(padded, dim=1) if len(padded) > 1 else padded[0]


def map_chunks(
    function: Callable[[Tensor, Tensor], Tensor], parts: list[Chunk], one: Tensor, two: Tensor
) -> Tensor:
    """function(one, two) where it matters: both [B,T,...], the result zero outside the chunks."""
    pieces = [
        function(one[:rows, start:stop], two[:rows, start:stop]) for start, stop, rows in parts
    ]
    return join(pieces, one.shape[0])

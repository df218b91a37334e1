"""Work on episodes of different lengths without working on their padding.

A batch sorted by falling length has its real part in a staircase. It is cut along time into a few
rectangles, each as many rows high as episodes still run in its first column. So they cover some
ended rows too: beyond a row's own columns the results mean nothing and must be masked. Packed
sequences would be tighter, but torch runs those several times slower on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
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
    while row and longest < columns:  # from the last row up: rows that reach farther than all below
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


def join(pieces: list[Tensor], rows: int, axis: int = 0) -> Tensor:
    """The rectangles side by side in time, zero beyond the rows of each.

    axis: along which rows lie, 0 or 1; time lies along the other.
    """
    if len(pieces) == 1 and pieces[0].shape[axis] == rows:
        return pieces[0]
    padded = []
    for piece in pieces:
        beyond = (0, 0) * (piece.ndim - 1 - axis) + (0, rows - piece.shape[axis])
        padded.append(pad(piece, beyond))
    return torch.cat(padded, dim=1 - axis)


class Ragged:
    """Rows of different lengths, put into falling order for the work and back again after it."""

    def __init__(self, lengths: Tensor, columns: int) -> None:
        """lengths: [B] int64, each row's columns that hold something, at most `columns`."""
        ends = lengths.tolist()
        self.rows = len(ends)
        self.order: Tensor | None = None  # [B]; None where they fall already
        if any(one < two for one, two in pairwise(ends)):
            self.order = lengths.argsort(descending=True, stable=True)
            lengths = lengths[self.order]
        self.parts = chunks(lengths, columns)

    def map(self, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """function(*tensors) in each row's own columns, [B,T,...].

        Beyond them the numbers mean nothing and must be masked. tensors: [B,T,...] each; function
        sees rectangles [b,t,...] of them.
        """
        rows = [self._sort(tensor) for tensor in tensors]
        pieces = [
            function(*(tensor[: chunk.rows, chunk.start : chunk.stop] for tensor in rows))
            for chunk in self.parts
        ]
        return self._restore(join(pieces, self.rows, axis=0), axis=0)

    def scan(
        self, function: Callable[..., tuple[Tensor, Tensor]], hidden: Tensor, *tensors: Tensor
    ) -> Tensor:
        """As `map`, from left to right and by time: function(hidden, *tensors) -> results, hidden.

        hidden: [B,...], the same for all rows before their first column; function sees and gives
        rectangles [t,b,...].
        """
        pieces = []
        for chunk in self.parts:
            parts = (self._rectangle(tensor, chunk) for tensor in tensors)
            piece, hidden = function(hidden[: chunk.rows], *parts)
            pieces.append(piece)
        return self._restore(join(pieces, self.rows, axis=1), axis=1).transpose(0, 1)

    def _sort(self, tensor: Tensor) -> Tensor:
        """The longest row first; tensor: [B,...]."""
        return tensor if self.order is None else tensor.index_select(0, self.order)

    def _rectangle(self, tensor: Tensor, chunk: Chunk) -> Tensor:
        """The chunk by time, [t,b,...]; tensor: [B,T,...], not sorted."""
        by_time = tensor[:, chunk.start : chunk.stop].transpose(0, 1)
        if self.order is None:
            return by_time[:, : chunk.rows]
        return by_time.index_select(1, self.order[: chunk.rows])

    def _restore(self, tensor: Tensor, axis: int) -> Tensor:
        """The sorted rows in the order that they came in."""
        if self.order is None:
            return tensor
        return torch.empty_like(tensor).index_copy(axis, self.order, tensor)

"""Work on rows of different lengths without working on their padding.

The real columns of a batch are put one after the other by time: all rows' first columns, then all
second ones, and so on, the longest row first. So the rows that still run at a column are the first
ones of those at the column before, which is what a recurrent network needs (torch calls it a packed
sequence).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


class Packed:
    """The order of a batch's real columns, P of them."""

    def __init__(self, lengths: Tensor, columns: int) -> None:
        """lengths: [B] int64, each row's columns that hold something, 1..columns."""
        self.shape = (len(lengths), columns)
        order = lengths.argsort(descending=True, stable=True)
        runs = torch.arange(columns, device=lengths.device)[:, None] < lengths[order]  # [T,B]
        self.column, place = runs.nonzero(as_tuple=True)  # [P] each
        self.row = order[place]
        self._place = place
        self._rows_at = rows_at = runs.sum(1)  # [T]
        self._starts = rows_at.cumsum(0) - rows_at  # [T], of each column's rows
        self.sizes = rows_at[rows_at > 0].cpu()  # [T'] rows at each column, up to the longest

    def pack(self, tensor: Tensor) -> Tensor:
        """The real columns of [B,T,...], as [P,...]."""
        return tensor[self.row, self.column]

    def unpack(self, packed: Tensor) -> Tensor:
        """[P,...] as [B,T,...], zero in the padding."""
        return _unpacked(packed, self.row, self.column, self.shape)

    def steps(self) -> Steps:
        """The steps between slots, where the columns are slots."""
        return Steps(self)


class Steps:
    """The real steps of packed slots, N of them, with the slots before and after each."""

    def __init__(self, slots: Packed) -> None:
        rows, columns = slots.shape
        self.shape = (rows, columns - 1)
        place, starts = slots._place, slots._starts
        rows_after = pad(slots._rows_at[1:], (0, 1))  # [T], at the column after each
        # Slot t + 1 holds the first of slot t's rows, in the same order.
        followed = place < rows_after[slots.column]
        self._before = followed.nonzero()[:, 0]  # [N], positions among the packed slots
        self.row, self.column = slots.row[self._before], slots.column[self._before]
        self._after = starts[self.column + 1] + place[self._before]

    def before(self, slots: Tensor) -> Tensor:
        """Packed slots [P,...] -> the slot before each step, [N,...]."""
        return slots.index_select(0, self._before)

    def after(self, slots: Tensor) -> Tensor:
        """Packed slots [P,...] -> the slot after each step, [N,...]."""
        return slots.index_select(0, self._after)

    def pack(self, tensor: Tensor, shift: int = 0) -> Tensor:
        """[B,T,...] of steps, or [B,T+1,...] of slots before (shift 1: after) them -> [N,...]."""
        return tensor[self.row, self.column + shift]

    def unpack(self, packed: Tensor) -> Tensor:
        """[N,...] as [B,T,...], zero in the padding."""
        return _unpacked(packed, self.row, self.column, self.shape)


def _unpacked(packed: Tensor, row: Tensor, column: Tensor, shape: tuple[int, int]) -> Tensor:
    """packed [P,...] at (row, column) of zeros [B,T,...]."""
    empty = packed.new_zeros(shape[0] * shape[1], *packed.shape[1:])
    filled = empty.index_copy(0, row * shape[1] + column, packed)
    return filled.view(*shape, *packed.shape[1:])

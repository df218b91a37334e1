"""Work on rows of different lengths without working on their padding.

The real columns of a batch are put one after the other by time: all rows' first columns, then all
second ones, and so on, the longest row first. So the rows that still run at a column are the first
ones of those at the column before, which is what a recurrent network needs (torch calls it a packed
sequence).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Packed:
    """The order of a batch's real columns, P of them."""

    def __init__(self, lengths: Tensor, columns: int) -> None:
        """lengths: [B] int64, each row's columns that hold something, 1..columns."""
        self.shape = (len(lengths), columns)
        order = lengths.argsort(descending=True, stable=True)
        runs = torch.arange(columns, device=lengths.device)[:, None] < lengths[order]  # [T,B]
        self.column, place = runs.nonzero(as_tuple=True)  # [P] each
        self.row = order[place]
        rows_at = runs.sum(1)
        self.sizes = rows_at[rows_at > 0].cpu()  # [T'] rows at each column, up to the longest

    def pack(self, tensor: Tensor) -> Tensor:
        """The real columns of [B,T,...], as [P,...]."""
        return tensor[self.row, self.column]

    def unpack(self, packed: Tensor) -> Tensor:
        """[P,...] as [B,T,...], zero in the padding."""
        rows, columns = self.shape
        empty = packed.new_zeros(rows * columns, *packed.shape[1:])
        filled = empty.index_copy(0, self.row * columns + self.column, packed)
        return filled.view(rows, columns, *packed.shape[1:])

    def map(self, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """function(*tensors) at the real columns, zero elsewhere: [B,T,...].

        tensors: [B,T,...] each; function sees [P,...] of them.
        """
        return self.unpack(function(*(self.pack(tensor) for tensor in tensors)))

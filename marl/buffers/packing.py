"""Slots without their zeros: what the dead and the unseen are in an observation.

A slot's record is its row of every column (that of a step's columns: of the step after it), one
after the other, in words of four bytes. Packed it is one bit for each word, set where the word is
not zero, and those words. So a record without zeros costs 3 % more than it holds; of a battle of 27
against 30 a fifth is left. Words are compared by their bits, so that every number comes back as it
was, -0.0 and NaN too.

A packed episode, in words:

    firsts [n]    of n slots: where the slot's words begin, counted from the first one's
    bits   [n,G]  one for each word of the record, 32 in a group
    words         all slots', in their order
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from marl.batch import EpisodeBatch, Layout
from marl.buffers import packing_kernel, packing_plain
from marl.buffers.packing_kernel import GROUP, Integers, Words
from marl.compiled.jit import WITHOUT_COMPILER
from marl.compiled.memory import WORD_BYTES

FUNCTIONS = packing_plain if WITHOUT_COMPILER else packing_kernel


class Packing:
    """Packs the slots and steps of a layout's episodes; columns of whole episodes are no part.

    Its working memory serves one call at a time.
    """

    def __init__(self, layout: Layout) -> None:
        self.columns = [layout[name] for name in layout.names("slot", "step")]  # C of them
        self.sizes = np.array([column.row_bytes for column in self.columns], dtype=np.int64)  # [C]
        self.extra = np.array([column.level == "slot" for column in self.columns], dtype=np.int64)
        words = -(-self.sizes // WORD_BYTES)
        self.places = np.cumsum(words) - words  # of each column in the record, [C], in words
        self.groups = -(-int(words.sum()) // GROUP)
        self.record = np.zeros(self.groups * GROUP, dtype=np.uint32)
        self.room = np.empty(0, dtype=np.uint32)

    def pack(self, batch: EpisodeBatch, row: int, length: int) -> Words:
        """The first `length` steps of a row, packed; a view that the next call overwrites."""
        slots, rows = length + 1, length + self.extra  # [C]
        sources = [
            batch[column.name][row, :count].to(column.dtype).contiguous()
            for column, count in zip(self.columns, rows.tolist(), strict=True)
        ]
        # One more: a word is written before it is known to count.
        most = slots * (1 + self.groups + len(self.record)) + 1
        if len(self.room) < most:
            self.room = np.empty(most, dtype=np.uint32)
        found = FUNCTIONS.pack(
            addresses(sources), self.sizes, rows, self.places, self.record, self.room
        )
        return self.room[:found]

    def unpack(
        self, packed: Integers, slots: Integers, starts: Integers, into: Mapping[str, Tensor]
    ) -> None:
        """Fill the slot and step columns of `into`, [B,T+1,...] and [B,T,...]; padding is zero.

        packed: the addresses of B packed episodes; slots: how many each has; starts: the first to
        give of each. Not all columns need to be in `into`.
        """
        which = [c for c, column in enumerate(self.columns) if column.name in into]
        targets = [into[self.columns[c].name] for c in which]
        rooms = np.array([target.shape[1] for target in targets], dtype=np.int64)
        FUNCTIONS.unpack(
            packed,
            slots,
            starts,
            addresses(targets),
            self.sizes[which],
            rooms,
            self.places[which],
            self.record,
        )

    def fits(self, packed: Words, slots: int) -> bool:
        """Whether it begins with a packed episode of so many slots, whole and consistent."""
        if slots < 1 or len(packed) < slots * (1 + self.groups):
            return False
        return bool(FUNCTIONS.fits(packed, slots, self.groups))


def addresses(tensors: list[Tensor]) -> Integers:
    """Where the contiguous tensors lie, [C]."""
    assert all(tensor.is_contiguous() for tensor in tensors)
    return np.array([tensor.data_ptr() for tensor in tensors], dtype=np.int64)

"""A ring of memory that grows with what it holds: segments, filled one after the other.

An entry is a run of words that never moves. Entries go in the order in which they came, and a
segment's memory goes with its last one. So what is taken is what is held, and at most a segment
more at either end, however long the entries are; and a segment that is full never changes again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from marl.buffers.packing import Integers, Words
from marl.compiled.memory import WORD_BYTES

SEGMENT_WORDS = 2 * 2**20  # 8 MiB; of a longer entry its own segment has its length


@dataclass
class Segment:
    """Some words of memory, written from the front."""

    memory: Words
    used: int = 0  # words
    entries: int = 0  # that are still held

    @property
    def address(self) -> int:
        return self.memory.ctypes.data


class Segments:
    """Entries by their addresses, which hold until they are dropped."""

    def __init__(self) -> None:
        self.segments: deque[Segment] = deque()
        self.words = 0  # used in all segments

    @property
    def nbytes(self) -> int:
        return self.words * WORD_BYTES

    def add(self, entry: Words) -> int:
        """Keep a copy; its address."""
        last = self.segments[-1] if self.segments else None
        if last is None or last.used + len(entry) > len(last.memory):
            last = Segment(np.empty(max(SEGMENT_WORDS, len(entry)), dtype=np.uint32))
            self.segments.append(last)
        at = last.used
        last.memory[at : at + len(entry)] = entry
        last.used += len(entry)
        last.entries += 1
        self.words += len(entry)
        return last.address + at * WORD_BYTES

    def drop_oldest(self) -> None:
        """Let the oldest entry go."""
        first = self.segments[0]
        first.entries -= 1
        if first.entries == 0:
            self.words -= first.used
            self.segments.popleft()

    def clear(self) -> None:
        self.segments.clear()
        self.words = 0

    def contents(self) -> tuple[list[Tensor], list[int]]:
        """The used words of each segment, as int32 and without a copy, and its entries.

        They stay as they are whatever is added or dropped later.
        """
        parts = [
            torch.from_numpy(segment.memory[: segment.used].view(np.int32))
            for segment in self.segments
        ]
        return parts, [segment.entries for segment in self.segments]

    def starts(self, addresses: Integers) -> Integers:
        """Where all entries, the oldest first, begin in their segments, in words."""
        return (addresses - self._per_entry()) // WORD_BYTES

    def restore(
        self, parts: Sequence[Tensor], entries: Sequence[int], starts: Integers
    ) -> Integers:
        """Hold copies of another's contents; the entries' addresses. starts: the entries'."""
        self.clear()
        for number, (part, held) in enumerate(zip(parts, entries, strict=True), 1):
            words = part.numpy().view(np.uint32)
            room = SEGMENT_WORDS if number == len(parts) else 0  # the last one is filled further
            memory = np.empty(max(room, len(words)), dtype=np.uint32)
            memory[: len(words)] = words
            self.segments.append(Segment(memory, len(words), held))
            self.words += len(words)
        return self._per_entry() + starts * WORD_BYTES

    def _per_entry(self) -> Integers:
        """The address of each entry's segment."""
        addresses = [segment.address for segment in self.segments]
        held = [segment.entries for segment in self.segments]
        return np.repeat(np.array(addresses, dtype=np.int64), held)

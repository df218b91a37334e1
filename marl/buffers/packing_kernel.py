"""Packed episodes written, read and checked by compiled functions; their form: packing.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import released
from marl.compiled.memory import WORD_BYTES, clear, copy, count_bits, lowest_bit, read

GROUP = 32  # words of a record whose bits make one word

Words = NDArray[np.uint32]
Integers = NDArray[np.int64]


@released
def pack(
    sources: Integers, sizes: Integers, rows: Integers, places: Integers, record: Words, out: Words
) -> int:
    """Write a packed episode to `out`; its length in words. sources: of its columns, [C]."""
    groups, begin = len(record) // GROUP, record.ctypes.data
    slots = 0
    for count in rows:
        slots = max(slots, count)
    first = slots * (1 + groups)
    end = first
    for slot in range(slots):
        for c in range(len(sources)):
            target = begin + WORD_BYTES * places[c]
            if slot < rows[c]:
                copy(target, sources[c] + slot * sizes[c], sizes[c])
            else:
                clear(target, sizes[c])
        out[slot] = end - first
        for group in range(groups):
            some = np.uint32(0)
            for word in record[group * GROUP : (group + 1) * GROUP]:
                some |= word
            bits = np.uint32(0)
            if some != 0:
                for j in range(GROUP):
                    word = record[group * GROUP + j]
                    counts = word != 0
                    out[end] = word
                    end += counts
                    bits |= np.uint32(counts) << np.uint32(j)
            out[slots + slot * groups + group] = bits
    return end


@released
def _spread(bits_at: int, words_at: int, record: Words) -> None:
    """Write a slot's record from the addresses of its bits and its words."""
    for group in range(len(record) // GROUP):
        first = group * GROUP
        bits = read(bits_at + WORD_BYTES * group)
        for j in range(GROUP):
            record[first + j] = 0
        while bits != 0:
            record[first + np.int64(lowest_bit(bits))] = read(words_at)
            words_at += WORD_BYTES
            bits &= np.uint32(bits - np.uint32(1))


@released
def unpack(
    packed: Integers,
    slots: Integers,
    starts: Integers,
    targets: Integers,
    sizes: Integers,
    rooms: Integers,
    places: Integers,
    record: Words,
) -> None:
    groups, begin = len(record) // GROUP, record.ctypes.data
    most = 0
    for room in rooms:
        most = max(most, room)
    for b in range(len(packed)):
        given = max(0, min(most, slots[b] - starts[b]))
        for k in range(given):
            slot = starts[b] + k
            words = slots[b] * (1 + groups) + np.int64(read(packed[b] + WORD_BYTES * slot))
            bits = slots[b] + slot * groups
            _spread(packed[b] + WORD_BYTES * bits, packed[b] + WORD_BYTES * words, record)
            for c in range(len(targets)):
                if k < rooms[c]:
                    target = targets[c] + (b * rooms[c] + k) * sizes[c]
                    copy(target, begin + WORD_BYTES * places[c], sizes[c])
        for c in range(len(targets)):
            if given < rooms[c]:
                target = targets[c] + (b * rooms[c] + given) * sizes[c]
                clear(target, (rooms[c] - given) * sizes[c])


@released
def fits(packed: Words, slots: int, groups: int) -> bool:
    words = 0
    for slot in range(slots):
        if packed[slot] != words:
            return False
        for group in range(groups):
            words += count_bits(packed[slots + slot * groups + group])
    return slots * (1 + groups) + words <= len(packed)

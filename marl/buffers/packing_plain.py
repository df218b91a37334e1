"""What packing_kernel.py does, by numpy: for NUMBA_DISABLE_JIT, and to compare with; slower."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from marl.buffers.packing_kernel import GROUP, Integers, Words
from marl.compiled.memory import WORD_BYTES


def pack(
    sources: Integers, sizes: Integers, rows: Integers, places: Integers, record: Words, out: Words
) -> int:
    records = np.zeros((rows.max(), len(record)), dtype=np.uint32)
    for c, size in enumerate(sizes):
        source = _bytes(sources[c], rows[c] * size)
        _columns(records, places[c], size)[: rows[c]] = source.reshape(rows[c], size)
    present = records != 0
    counts = present.sum(1)
    bits = np.packbits(present, axis=1, bitorder="little").view(np.uint32)
    parts = (np.cumsum(counts) - counts, bits.ravel(), records[present])
    length = sum(len(part) for part in parts)
    np.concatenate(parts, out=out[:length], casting="unsafe")
    return length


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
    groups = len(record) // GROUP
    for b, (address, count, start) in enumerate(zip(packed, slots, starts, strict=True)):
        head = _bytes(address, WORD_BYTES * count * (1 + groups)).view(np.uint32)
        present = _present(head[count:], count)
        words = _bytes(address + head.nbytes, WORD_BYTES * present.sum()).view(np.uint32)
        records = np.zeros((count, len(record)), dtype=np.uint32)
        records[present] = words
        for c, (size, room) in enumerate(zip(sizes, rooms, strict=True)):
            target = _bytes(targets[c] + b * room * size, room * size).reshape(room, size)
            found = _columns(records, places[c], size)[start : start + room]
            target[: len(found)] = found
            target[len(found) :] = 0


def fits(packed: Words, slots: int, groups: int) -> bool:
    head = slots * (1 + groups)
    counts = _present(packed[slots:head], slots).sum(1)
    whole = head + counts.sum() <= len(packed)
    return bool(whole and (packed[:slots] == np.cumsum(counts) - counts).all())


def _present(bits: Words, slots: int) -> NDArray[np.bool_]:
    """Which words of each slot's record are not zero, [slots,words]."""
    return np.unpackbits(bits.view(np.uint8).reshape(slots, -1), axis=1, bitorder="little") != 0


def _columns(records: Words, place: int, size: int) -> NDArray[np.uint8]:
    """The bytes of one column in each record."""
    first = WORD_BYTES * place
    return records.view(np.uint8)[:, first : first + size]


def _bytes(address: int, count: int) -> NDArray[np.uint8]:
    """So many bytes of memory, as they are there."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * int(count)).from_address(int(address)))

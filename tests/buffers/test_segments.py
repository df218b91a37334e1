"""The ring of segments: entries stay where they are, and memory goes with them."""

from __future__ import annotations

import numpy as np

from marl.buffers.segments import SEGMENT_WORDS, Segments
from marl.compiled.memory import WORD_BYTES

THIRD = SEGMENT_WORDS // 3


def entry(value: int, words: int = THIRD) -> np.ndarray:
    return np.full(words, value, dtype=np.uint32)


def value_at(ring: Segments, address: int) -> int:
    """The first word of an entry, found by its address in the ring's memory."""
    for segment in ring.segments:
        place = (address - segment.address) // WORD_BYTES
        if 0 <= place < segment.used:
            return int(segment.memory[place])
    raise AssertionError("no segment holds it")


def test_an_entry_stays_at_its_address_until_it_is_dropped():
    ring = Segments()
    addresses = [ring.add(entry(value)) for value in range(7)]
    assert [value_at(ring, address) for address in addresses] == list(range(7))
    ring.drop_oldest()
    assert [value_at(ring, address) for address in addresses[1:]] == list(range(1, 7))


def test_a_segment_goes_with_its_last_entry():
    ring = Segments()
    for value in range(7):  # 3 + 3 + 1
        ring.add(entry(value))
    held = []
    for _ in range(7):
        ring.drop_oldest()
        held.append(ring.nbytes // (THIRD * WORD_BYTES))
    assert held == [7, 7, 4, 4, 4, 1, 0]
    assert not ring.segments


def test_what_comes_and_goes_takes_a_segment_more_than_is_held():
    ring = Segments()
    for value in range(100):
        ring.add(entry(value))
        if value >= 4:
            ring.drop_oldest()
        assert sum(len(s.memory) for s in ring.segments) <= 4 * THIRD + 2 * SEGMENT_WORDS


def test_a_longer_entry_has_a_segment_of_its_length():
    ring = Segments()
    ring.add(entry(1, 5))
    address = ring.add(entry(2, 2 * SEGMENT_WORDS))
    assert value_at(ring, address) == 2
    assert [len(s.memory) for s in ring.segments] == [SEGMENT_WORDS, 2 * SEGMENT_WORDS]


def test_contents_stay_as_they_are_whatever_comes_later():
    ring = Segments()
    for value in range(4):
        ring.add(entry(value))
    parts, entries = ring.contents()
    for value in range(4, 9):
        ring.add(entry(value))
        ring.drop_oldest()
    assert entries == [3, 1]
    assert [part[0].item() for part in parts] == [0, 3]
    assert [len(part) for part in parts] == [3 * THIRD, THIRD]


def test_restored_contents_go_on_as_the_ring_would_have():
    ring, other = Segments(), Segments()
    addresses = [ring.add(entry(value)) for value in range(8)]
    for _ in range(2):
        ring.drop_oldest()
    starts = ring.starts(np.array(addresses[2:]))
    restored = other.restore(*ring.contents(), starts)
    assert [value_at(other, address) for address in restored] == list(range(2, 8))
    for each in (ring, other):
        each.add(entry(8))
        each.add(entry(9))
        each.drop_oldest()
    assert other.nbytes == ring.nbytes
    assert [s.entries for s in other.segments] == [s.entries for s in ring.segments]
    for mine, theirs in zip(ring.contents()[0], other.contents()[0], strict=True):
        assert mine.equal(theirs)

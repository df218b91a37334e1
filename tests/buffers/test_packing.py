"""Slots without their zeros: everything comes back, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import SMALL, VECTORS, random_batch

from marl.batch import Column, EpisodeBatch, Layout, layout_of
from marl.buffers import packing as packing_module
from marl.buffers import packing_kernel, packing_plain
from marl.buffers.packing import GROUP, Packing, Words

WIDE = Column("wide", "step", (5 * GROUP + 1,), torch.float32)


@pytest.fixture(autouse=True, params=[packing_kernel, packing_plain], ids=["compiled", "plain"])
def _both_ways(request, monkeypatch):
    monkeypatch.setattr(packing_module, "FUNCTIONS", request.param)


def packed(packing: Packing, batch: EpisodeBatch) -> list[Words]:
    lengths = batch.lengths.tolist()
    return [packing.pack(batch, row, length).copy() for row, length in enumerate(lengths)]


def unpacked(
    packing: Packing, rows: list[Words], slots: list[int], starts: list[int], into: EpisodeBatch
) -> EpisodeBatch:
    """What is there before is overwritten: it begins as ones."""
    for name in into.layout.names("slot", "step"):
        into[name].fill_(1)
    addresses = np.array([row.ctypes.data for row in rows], dtype=np.int64)
    packing.unpack(addresses, np.array(slots), np.array(starts), into.columns)
    return into


def bits(tensor: torch.Tensor) -> list[int]:
    return tensor.contiguous().view(torch.uint8).flatten().tolist()


@pytest.mark.parametrize("spec", [SMALL, VECTORS], ids=["discrete", "continuous"])
def test_episodes_come_back_bit_for_bit_with_zero_padding(spec):
    layout = layout_of(spec, [WIDE])
    batch = random_batch(spec, 4, lengths=[9, 1, 4, 7], layout=layout)
    batch.obs[batch.obs < 0.7] = 0
    batch["wide"][0, 3, ::17] = 2.5
    packing = Packing(layout)
    rows = packed(packing, batch)
    back = unpacked(packing, rows, [10, 2, 5, 8], [0] * 4, EpisodeBatch.empty(layout, 4, 9))
    for name in layout.names("slot", "step"):
        assert bits(back[name]) == bits(batch[name]), name


def test_minus_zero_nan_and_the_smallest_number_come_back():
    layout = layout_of(VECTORS)
    batch = random_batch(VECTORS, 1, lengths=[2], layout=layout)
    odd = [-0.0, float("nan"), 1e-45, float("inf"), float("-inf"), 0.0, -1e-45]
    batch.state[0, 1] = torch.tensor(odd)
    packing = Packing(layout)
    back = unpacked(packing, packed(packing, batch), [3], [0], EpisodeBatch.empty(layout, 1, 2))
    assert bits(back.state) == bits(batch.state)


def test_a_part_of_an_episode_is_given_from_a_slot_on_and_ends_with_it():
    layout = layout_of(SMALL)
    batch = random_batch(SMALL, 2, lengths=[9, 4], layout=layout)
    packing = Packing(layout)
    rows = packed(packing, batch)
    back = unpacked(packing, rows, [10, 5], [3, 3], EpisodeBatch.empty(layout, 2, 3))
    assert torch.equal(back.obs[0], batch.obs[0, 3:7])
    assert torch.equal(back.actions[0], batch.actions[0, 3:6])
    assert torch.equal(back.obs[1, :2], batch.obs[1, 3:5])
    assert back.filled[1, :, 0].tolist() == [True, False, False]
    for name in layout.names("slot", "step"):
        assert not back[name][1, 2:].any(), name


def test_columns_that_are_not_asked_for_are_left_out():
    layout = layout_of(SMALL)
    batch = random_batch(SMALL, 1, layout=layout)
    packing = Packing(layout)
    (row,) = packed(packing, batch)
    actions = layout["actions"].empty(1, 2)
    packing.unpack(np.array([row.ctypes.data]), np.array([10]), np.array([5]), {"actions": actions})
    assert torch.equal(actions[0], batch.actions[0, 5:7])


def test_zeros_cost_a_bit_a_word_and_the_rest_a_bit_more_than_it_holds():
    layout = Layout([Column("wide", "slot", (64 * GROUP,), torch.float32)])
    packing = Packing(layout)
    empty, full = (EpisodeBatch(layout, {"wide": v * torch.ones(1, 3, 64 * GROUP)}) for v in (0, 1))
    assert len(packing.pack(empty, 0, 2)) == 3 * (1 + 64)
    assert len(packing.pack(full, 0, 2)) == 3 * (1 + 64 + 64 * GROUP)


def test_only_whole_and_consistent_episodes_fit():
    layout = layout_of(SMALL)
    packing = Packing(layout)
    (row,) = packed(packing, random_batch(SMALL, 1, lengths=[4], layout=layout))
    assert packing.fits(row, 5)
    assert packing.fits(np.append(row, np.uint32(7)), 5)  # another follows
    for slots in (-1, 0, 4, 6):
        assert not packing.fits(row, slots), slots
    for words in (0, 3, len(row) - 1):
        assert not packing.fits(row[:words], 5), words
    for place in (1, 4, 5, 5 + packing.groups * 5 - 1):  # the firsts but the zero, and the bits
        changed = row.copy()
        changed[place] ^= 1
        assert not packing.fits(changed, 5), place


def test_both_ways_pack_to_the_same_words(monkeypatch):
    layout = layout_of(SMALL, [WIDE])
    batch = random_batch(SMALL, 4, lengths=[9, 1, 4, 7], layout=layout)
    batch.obs[batch.obs < 0.5] = 0
    packing = Packing(layout)
    here = packed(packing, batch)
    monkeypatch.setattr(packing_module, "FUNCTIONS", packing_plain)
    for mine, theirs in zip(here, packed(packing, batch), strict=True):
        assert mine.tolist() == theirs.tolist()

"""The buffer of on-policy learning: everything, until it is emptied."""

from __future__ import annotations

import copy

import pytest
import torch
from builders import SMALL, random_batch

from marl.batch import layout_of
from marl.buffers.rollout import RolloutBuffer
from marl.buffers.samplers import AllRows, Slices
from marl.protocols.experience import BATCH

LAYOUT = layout_of(SMALL)


def filled(*lengths: int) -> RolloutBuffer:
    """Row i is episode i, of that many steps; each was added on its own."""
    buffer = RolloutBuffer(LAYOUT)
    for row, length in enumerate(lengths):
        batch = random_batch(SMALL, 1, seed=row, lengths=[length], layout=LAYOUT)
        batch.episode.fill_(row)
        buffer.add(batch)
    return buffer


def test_rows_come_back_as_they_went_in_with_zero_padding():
    buffer = RolloutBuffer(LAYOUT)
    batch = random_batch(SMALL, 3, lengths=[2, 9, 4], layout=LAYOUT)
    buffer.add(batch)
    assert (len(buffer), buffer.steps) == (3, 15)
    held = buffer.episodes(torch.arange(3))
    for name in LAYOUT:
        assert torch.equal(held[name], batch[name]), name
    shorter = buffer.episodes(torch.tensor([2, 0]))
    assert (shorter.steps, shorter.episode.tolist()) == (4, [2, 0])


def test_what_is_kept_is_a_copy():
    buffer = RolloutBuffer(LAYOUT)
    batch = random_batch(SMALL, 1, layout=LAYOUT)
    buffer.add(batch)
    batch.reward.fill_(7.0)
    assert (buffer.episodes(torch.tensor([0])).reward < 1).all()


def test_it_is_empty_after_all_was_taken():
    buffer = filled(2, 3)
    assert AllRows().ready(buffer)
    assert AllRows().sample(buffer, torch.Generator())[BATCH].episode.tolist() == [0, 1]
    assert (len(buffer), buffer.steps) == (0, 0)
    assert not AllRows().ready(buffer)


def test_every_step_can_be_found_and_sliced():
    buffer = filled(2, 3)
    assert buffer.lengths(torch.tensor([1, 0, 1])).tolist() == [3, 2, 3]
    rows, steps = buffer.locate(torch.arange(5))
    assert rows.tolist() == [0, 0, 1, 1, 1]
    assert steps.tolist() == [0, 1, 0, 1, 2]
    batch = Slices(50, length=2).sample(buffer, torch.Generator().manual_seed(0))[BATCH]
    assert set(batch.lengths.tolist()) == {1, 2}


@pytest.mark.parametrize("lengths", [(), (2, 9, 4)])
def test_a_saved_buffer_holds_the_same(lengths):
    buffer, other = filled(*lengths), filled(5)
    other.load_state_dict(copy.deepcopy(buffer.state_dict()))
    assert (len(other), other.steps) == (len(lengths), sum(lengths))
    if lengths:
        rows = torch.arange(len(lengths))
        for name in LAYOUT:
            assert torch.equal(other.episodes(rows)[name], buffer.episodes(rows)[name]), name

"""Samplers that take everything, or several samples for one update."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, random_batch

from marl.batch import layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.samplers import AllRows, NamedSamplers, Slices, WholeEpisodes
from marl.protocols.experience import BATCH

LAYOUT = layout_of(SMALL)


def replay(*lengths: int) -> EpisodeBuffer:
    buffer = EpisodeBuffer(LAYOUT, SMALL.episode_limit, 10)
    if lengths:
        buffer.add(random_batch(SMALL, len(lengths), lengths=list(lengths), layout=LAYOUT))
    return buffer


def test_everything_is_all_rows_from_the_oldest_on_and_leaves_none():
    buffer = replay(2, 5, 3)
    assert AllRows().ready(buffer)
    batch = AllRows().sample(buffer, torch.Generator())[BATCH]
    assert batch.episode.tolist() == [0, 1, 2]
    assert batch.lengths.tolist() == [2, 5, 3]
    assert (len(buffer), buffer.steps) == (0, 0)


def test_everything_of_nothing_is_refused():
    assert not AllRows().ready(replay())
    with pytest.raises(ValueError, match="rows of an empty buffer; wait for a collection"):
        AllRows().sample(replay(), torch.Generator())


def test_several_samples_have_their_names_and_come_in_their_order():
    buffer = replay(2, 5, 3)
    parts = {"episodes": WholeEpisodes(2), "transitions": Slices(7)}
    samples = NamedSamplers(parts).sample(buffer, torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(0)
    expected = {name: part.sample(buffer, rng)[BATCH] for name, part in parts.items()}
    assert list(samples) == ["episodes", "transitions"]
    assert (samples["episodes"].size, samples["transitions"].size) == (2, 7)
    assert NamedSamplers(parts).columns == ()
    for name, batch in samples.items():
        for column in LAYOUT:
            assert torch.equal(batch[column], expected[name][column]), (name, column)


def test_several_are_ready_once_each_of_them_is():
    parts = NamedSamplers({"episodes": WholeEpisodes(2), "transitions": Slices(7)})
    assert not parts.ready(replay(9))  # one episode
    assert not parts.ready(replay(3, 3))  # six steps
    assert parts.ready(replay(3, 4))

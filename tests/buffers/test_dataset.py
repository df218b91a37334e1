"""A run's replay as a dataset: it gives what the replay gave, and never changes."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, VECTORS, random_batch

from marl.batch import WON, layout_of
from marl.buffers.dataset import Dataset, DatasetConfig
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.samplers import AllRows, Slices, WholeEpisodes
from marl.buffers.transitions import TransitionBuffer
from marl.errors import ConfigError
from marl.protocols.experience import BATCH, Buffer

LAYOUT = layout_of(SMALL, [WON])


def episodes() -> EpisodeBuffer:
    return EpisodeBuffer(LAYOUT, SMALL.episode_limit, 10)


def transitions() -> TransitionBuffer:
    return TransitionBuffer(LAYOUT, 100)


@pytest.fixture(params=[episodes, transitions])
def replay(request) -> Buffer:
    buffer = request.param()
    buffer.add(random_batch(SMALL, 3, lengths=[4, 9, 2]))
    return buffer


@pytest.fixture
def dataset(replay, tmp_path) -> Dataset:
    """The replay as a checkpoint in tmp_path keeps it."""
    torch.save(replay.state_dict(), tmp_path / "replay.pt")
    return DatasetConfig(str(tmp_path)).build(LAYOUT, SMALL)


def test_a_dataset_is_the_replay_that_was_kept(replay, dataset):
    assert (len(dataset), dataset.steps) == (len(replay), 15)
    rows = torch.tensor([1, 0, 2])
    assert torch.equal(dataset.lengths(rows), replay.lengths(rows))
    for sampler in (WholeEpisodes(3), Slices(20)):
        draws = [
            sampler.sample(buffer, torch.Generator().manual_seed(1))[BATCH]
            for buffer in (replay, dataset)
        ]
        for name in LAYOUT:
            assert torch.equal(*(draw[name] for draw in draws)), name


def test_a_dataset_stays_as_it_is(dataset):
    dataset.add(random_batch(SMALL, 3).rows(0, 0))  # nothing
    with pytest.raises(ValueError, match=r"takes no new experience; use rollout\.kind=offline"):
        dataset.add(random_batch(SMALL, 1))
    with pytest.raises(ValueError, match="is not emptied; use another sampler"):
        AllRows().sample(dataset, torch.Generator())
    assert dataset.steps == 15


def test_a_checkpoint_holds_nothing_of_a_dataset(dataset):
    assert dataset.state_dict() == {}
    dataset.load_state_dict({})
    with pytest.raises(ValueError, match="learns from a dataset"):
        dataset.load_state_dict({"lengths": torch.zeros(1)})


def test_a_folder_without_a_replay_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(
        ConfigError, match=r"buffer\.path: .* holds no replay\.pt.*save_replay_buffer=True"
    ):
        len(DatasetConfig(str(tmp_path)).build(LAYOUT, SMALL))
    with pytest.raises(ValueError, match="path: name the folder of a dataset"):
        DatasetConfig()


@pytest.mark.parametrize("kind", [episodes, transitions])
def test_a_replay_of_another_environment_is_refused(kind, tmp_path):
    buffer = kind()
    buffer.add(random_batch(SMALL, 1))
    torch.save(buffer.state_dict(), tmp_path / "replay.pt")
    with pytest.raises(ConfigError, match=r"does not fit test/vectors: the replay's obs has shape"):
        len(DatasetConfig(str(tmp_path)).build(layout_of(VECTORS), VECTORS))

"""What every value-learning recipe refuses, and that its defaults can learn."""

from __future__ import annotations

import pytest

from marl.algos.qmix import QmixConfig
from marl.algos.values import ValueRecipeConfig
from marl.buffers.episodes import BufferConfig
from marl.buffers.samplers import EpisodeSamplerConfig, SliceSamplerConfig
from marl.registry import LEARNERS
from marl.runners.updates import ReplayUpdatesConfig


@pytest.mark.parametrize(
    ("sampler", "buffer", "said"),
    [
        (EpisodeSamplerConfig(32), BufferConfig(31), r"buffer\.episodes: 31 .* 32 episodes"),
        (EpisodeSamplerConfig(32, start=9), BufferConfig(32, 8), r"buffer\.steps: 8 .* 9 steps"),
        (SliceSamplerConfig(32, start=9), BufferConfig(1, 31), r"buffer\.steps: 31 .* 32 steps"),
        (SliceSamplerConfig(32, start=99), BufferConfig(1, 98), r"buffer\.steps: 98 .* 99 steps"),
    ],
)
def test_a_replay_too_small_for_the_first_update_is_refused(sampler, buffer, said):
    with pytest.raises(ValueError, match=said):
        QmixConfig(sampler=sampler, buffer=buffer)


@pytest.mark.parametrize(
    ("sampler", "buffer"),
    [
        (EpisodeSamplerConfig(32, start=9), BufferConfig(32, 9)),
        (SliceSamplerConfig(32, start=9), BufferConfig(1, 32)),
        (SliceSamplerConfig(32, start=99), BufferConfig(1)),
    ],
)
def test_a_replay_that_just_holds_the_first_update_is_taken(sampler, buffer):
    assert QmixConfig(sampler=sampler, buffer=buffer).buffer == buffer


def test_a_run_without_updates_is_refused():
    with pytest.raises(ValueError, match="one must be more than 0"):
        ReplayUpdatesConfig(per_episode=0.0)
    ReplayUpdatesConfig(per_episode=0.0, per_step=0.5)


VALUE_RECIPES = {
    name: recipe for name, recipe in LEARNERS.items() if issubclass(recipe, ValueRecipeConfig)
}


@pytest.mark.parametrize("recipe", VALUE_RECIPES.values(), ids=VALUE_RECIPES)
def test_the_defaults_leave_room_for_an_episode_beyond_the_first_update(recipe):
    """A replay as large as the start drops an episode before it is ever full."""
    config = recipe()
    assert config.buffer.steps is None or config.buffer.steps > 2 * config.sampler.steps_needed

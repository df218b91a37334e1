"""Hindsight: which goals are drawn, and what a step is worth under them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import ONE_AGENT
from runners.counting import CountingActor

from marl.batch import EpisodeBatch, goal_columns, layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.hindsight import Hindsight, HindsightSamplerConfig, with_goals
from marl.buffers.samplers import Slices
from marl.buffers.transitions import TransitionBuffer
from marl.config.schema import parse
from marl.envs.goals import BitFlipConfig, PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.errors import ConfigError, UserError
from marl.protocols.acting import Behaviour
from marl.protocols.experience import BATCH
from marl.runners.episodes import EpisodeRunner
from marl.runners.stopwatch import Stopwatch
from marl.spec import Discrete, EnvSpec
from tests.envs.goalkit import LINE


class SamePlace:
    """Pays 0 at the goal, -1 elsewhere; there it ends."""

    def reward(self, achieved, goal):
        return np.where((achieved == goal).all(-1), np.float32(0), np.float32(-1))

    def terminated(self, achieved, goal):
        return (achieved == goal).all(-1)


# One number that says where one is, and the goal after it.
PLACES = EnvSpec(
    "test/places", 2, Discrete(2), 2, 3, episode_limit=9, goal_dim=1, goals=SamePlace()
)
LAYOUT = layout_of(PLACES, goal_columns(PLACES))


def walk(*places: float, goal: float, terminated: bool = False, number: int = 0) -> EpisodeBatch:
    """One episode along these places, towards a goal."""
    steps = len(places) - 1
    batch = EpisodeBatch.zeros(LAYOUT, 1, steps)
    place = torch.tensor(places)
    batch.obs[0, ..., 0], batch.obs[0, ..., 1] = place[:, None], goal
    batch.state[0, :, 0], batch.state[0, :, 1], batch.state[0, :, 2] = place, 7.0, goal
    batch["achieved_goal"][0, :, 0], batch["goal"][0] = place, goal
    batch.reward[0, :, 0] = torch.where(place[1:] == goal, 0.0, -1.0)
    batch.terminated[0, -1] = terminated
    batch.filled.fill_(True)
    batch.started.fill_(True)
    batch.avail.fill_(True)
    batch.episode.fill_(number)
    return batch


def replay(*episodes: EpisodeBatch) -> EpisodeBuffer:
    buffer = EpisodeBuffer(LAYOUT, PLACES.episode_limit, 10)
    for episode in episodes:
        buffer.add(episode)
    return buffer


def drawn(buffer: EpisodeBuffer, count: int = 4000, **options) -> EpisodeBatch:
    sampler = HindsightSamplerConfig(batch_size=count, **options).build(PLACES)
    return sampler.sample(buffer, torch.Generator().manual_seed(0))[BATCH]


# Episode e is at 10 e + t in step t; no goal of theirs is ever met.
TWO = replay(walk(0, 1, 2, 3, goal=-1), walk(10, 11, 12, goal=-2, number=1))


def test_goals_come_from_any_later_slot_of_the_same_episode():
    batch = drawn(TWO)
    place, goal = batch["achieved_goal"][:, 0, 0], batch["goal"][:, 1, 0]
    pairs = {(p, g) for p, g in zip(place.tolist(), goal.tolist(), strict=True) if g >= 0}
    assert pairs == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (10, 11), (10, 12), (11, 12)}
    first = goal[(place == 0) & (goal >= 0)]
    for later in (1, 2, 3):
        assert (first == later).float().mean() == pytest.approx(1 / 3, abs=0.06)


def test_every_step_is_drawn_as_often_as_any_other():
    place = drawn(TWO)["achieved_goal"][:, 0, 0]
    for where in (0, 1, 2, 10, 11):
        assert (place == where).float().mean() == pytest.approx(1 / 5, abs=0.03)


@pytest.mark.parametrize(("future", "share"), [(4.0, 0.8), (1.0, 0.5), (0.0, 0.0)])
def test_k_steps_have_another_goal_for_each_that_keeps_its_own(future, share):
    goal = drawn(TWO, future=future)["goal"][:, 0, 0]
    assert (goal >= 0).float().mean() == pytest.approx(share, abs=0.02)


def test_the_final_slot_is_the_goal_where_that_is_asked_for():
    batch = drawn(TWO, strategy="final")
    goal, episode = batch["goal"][:, 0, 0], batch.episode
    assert set(goal[episode == 0].tolist()) == {-1.0, 3.0}
    assert set(goal[episode == 1].tolist()) == {-2.0, 12.0}


def test_the_new_goal_stands_wherever_the_old_one_stood():
    batch = drawn(TWO)
    goal, place = batch["goal"], batch["achieved_goal"]
    assert torch.equal(goal[:, 0], goal[:, 1])
    assert torch.equal(batch.obs, torch.cat([place, goal], -1)[:, :, None].expand(-1, -1, 2, -1))
    assert torch.equal(batch.state, torch.cat([place, torch.full_like(goal, 7.0), goal], -1))


def test_a_step_that_achieves_its_new_goal_is_paid_and_ends():
    batch = drawn(TWO)
    met = (batch["achieved_goal"] == batch["goal"])[:, 1]
    assert met.any()
    assert not met.all()
    assert torch.equal(batch.reward[:, 0], torch.where(met, 0.0, -1.0))
    assert torch.equal(batch.terminated[:, 0], met)


def test_without_another_goal_it_is_a_step_as_it_was_stored():
    rng = torch.Generator().manual_seed(0)
    plain = Slices(4000).sample(TWO, rng)[BATCH]
    batch = drawn(TWO, future=0.0)
    for name in LAYOUT:
        assert torch.equal(batch[name], plain[name]), name


def test_what_ended_for_its_old_goals_sake_goes_on_and_other_ends_stay():
    met = walk(0, 1, 2, goal=2, terminated=True)
    fell = walk(0, 1, 2, goal=5, terminated=True)
    for episode, stays in ((met, False), (fell, True)):
        other = with_goals(episode, torch.tensor([[8.0]]), torch.tensor([True]), SamePlace())
        assert other.terminated[0, :, 0].tolist() == [False, stays]
        assert other.reward[0, :, 0].tolist() == [-1.0, -1.0]
    assert met.terminated[0, 1]  # what is stored stays as it was
    assert met["goal"].unique().tolist() == [2.0]


def test_rows_that_keep_their_goal_and_padding_stay_as_they_are():
    both = replay(walk(0, 1, 2, 3, goal=5), walk(4, 4, goal=5)).episodes(torch.arange(2))
    goal = torch.tensor([[2.0], [4.0]])
    other = with_goals(both, goal, torch.tensor([False, True]), SamePlace())
    for name in LAYOUT:
        assert torch.equal(other[name][0], both[name][0]), name
    assert other.reward[1, :, 0].tolist() == [0.0, 0.0, 0.0]  # the first is real
    assert other.terminated[1, :, 0].tolist() == [True, False, False]
    assert other["goal"][1, :, 0].tolist() == [4.0, 4.0, 0.0, 0.0]
    assert other.obs[1, :, 0, 1].tolist() == [4.0, 4.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "config",
    [
        BitFlipConfig(bits=3),
        PointGoalConfig(goal_radius=0.5, time_limit=9),
        PointGoalConfig(goal_radius=0.5, time_limit=9, ends_at_goal=True),
        GymnasiumConfig(LINE),
    ],
    ids=["bit_flip", "point", "point_ends", "gymnasium"],
)
def test_under_its_own_goal_experience_is_worth_what_the_environment_paid(config):
    env = config.build(32, 1)
    actor = CountingActor(env.spec)
    layout = layout_of(env.spec, [*actor.columns, *goal_columns(env.spec)])
    runner = EpisodeRunner(env, layout, torch.device("cpu"), Stopwatch())
    batch = runner.play(Behaviour(actor), np.arange(32, dtype=np.uint64)).batch
    assert len(batch.reward[batch.filled].unique()) == 2
    assert env.spec.goals is not None
    every = torch.ones(32, dtype=torch.bool)
    again = with_goals(batch, batch["goal"][:, 0], every, env.spec.goals)
    for name in layout:
        assert torch.equal(again[name], batch[name]), name


def test_it_waits_for_enough_steps():
    assert HindsightSamplerConfig(batch_size=5).build(PLACES).ready(TWO)
    assert not HindsightSamplerConfig(batch_size=6).build(PLACES).ready(TWO)
    assert not HindsightSamplerConfig(batch_size=1, start=6).build(PLACES).ready(TWO)


def test_a_replay_without_a_step_or_of_parts_of_episodes_is_refused():
    sampler: Hindsight = HindsightSamplerConfig(batch_size=64).build(PLACES)
    with pytest.raises(ValueError, match="empty replay; wait for a first episode"):
        sampler.sample(replay(), torch.Generator())
    steps = TransitionBuffer(LAYOUT, 10)
    steps.add(walk(0, 1, 2, 3, goal=-1))
    with pytest.raises(UserError, match="this replay holds parts of them"):
        sampler.sample(steps, torch.Generator())


def test_an_environment_without_goals_is_refused():
    with pytest.raises(ConfigError, match="replaces goals, and test/one has none; use sampler"):
        HindsightSamplerConfig().check(ONE_AGENT, True, "")


def test_rows_that_are_less_than_episodes_are_refused():
    HindsightSamplerConfig().check(PLACES, True, "")
    with pytest.raises(ConfigError, match=r"buffer\.kind=episodes, not steps and transitions"):
        HindsightSamplerConfig().check(PLACES, False, "not steps and transitions")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"start": -1}, "start"),
        ({"future": -0.5}, "future"),
        ({"strategy": "futur"}, "strategy.*future"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, line):
    with pytest.raises(ConfigError, match=line):
        parse(HindsightSamplerConfig, options)

"""The runner on the two-step game: what was shown is what is stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from runners.counting import CountingActor

from marl import seeding
from marl.algos.qmix import QmixConfig
from marl.batch import goal_columns, layout_of
from marl.envs.goals import PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import TwoStepConfig
from marl.protocols.acting import Behaviour, Stopped
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import evaluation_seeds, play, statistics
from marl.runners.stopwatch import Stopwatch

CPU = torch.device("cpu")


def collect(config, num_envs, seeds, exploration_seed=0):
    env = config.build(num_envs, 1)
    torch.manual_seed(0)
    agent = QmixConfig().build(env.spec, CPU)
    runner = EpisodeRunner(env, agent.layout, CPU, Stopwatch())
    behaviour = Behaviour(agent.actor, rng=torch.Generator().manual_seed(exploration_seed))
    return runner.play(behaviour, seeds, first=40)


def test_two_step_episodes_have_two_steps():
    rollout = collect(TwoStepConfig(), 4, np.arange(4, dtype=np.uint64))
    assert rollout.lengths.tolist() == [2, 2, 2, 2]
    assert rollout.steps == 8
    assert rollout.batch.terminated[..., 0].tolist() == [[False, True]] * 4
    assert rollout.batch.episode.tolist() == [40, 41, 42, 43]
    assert np.allclose(rollout.batch.reward.sum((1, 2)).numpy(), rollout.returns)


def test_fewer_seeds_than_environments_give_fewer_episodes():
    rollout = collect(TwoStepConfig(), 4, np.arange(3, dtype=np.uint64))
    assert rollout.batch.size == 3
    assert len(rollout.returns) == 3


def test_episodes_of_different_lengths_are_padded_with_zeros():
    rollout = collect(GymnasiumConfig(env_id="CartPole-v1"), 4, np.arange(4, dtype=np.uint64))
    batch, lengths = rollout.batch, rollout.lengths
    assert len(set(lengths.tolist())) > 1
    assert batch.steps == lengths.max()
    for row, length in enumerate(lengths):
        assert batch.filled[row, :, 0].sum() == length
        assert batch.obs[row, : length + 1].abs().sum(-1).min() > 0
        assert batch.obs[row, length + 1 :].abs().sum() == 0
        assert batch.reward[row].sum() == length
        assert batch.terminated[row, length - 1]


def test_greedy_results_depend_on_seeds_alone_not_on_how_many_run_at_once():
    results = []
    for num_envs in (1, 3):
        env = GymnasiumConfig(env_id="CartPole-v1").build(num_envs, 1)
        torch.manual_seed(0)
        agent = QmixConfig().build(env.spec, CPU)
        runner = EpisodeRunner(env, agent.layout, CPU, Stopwatch())
        seeds = evaluation_seeds(seed=1, t_env=500, count=5)
        rollouts = play(runner, agent.actor, seeds)
        results.append(statistics(rollouts, "test_"))
    assert results[0] == results[1]
    assert results[0]["test_return_mean"] == results[0]["test_ep_length_mean"]


def test_whole_episodes_are_stopped_between_two_steps():
    steps = iter([False, True])
    env = TwoStepConfig().build(2, 1)
    agent = QmixConfig().build(env.spec, CPU)
    runner = EpisodeRunner(env, agent.layout, CPU, Stopwatch())
    with pytest.raises(Stopped):
        play(runner, agent.actor, np.arange(2, dtype=np.uint64), stopping=lambda: next(steps))
    assert next(steps, None) is None
    assert runner.state_dict() == {}


def test_streams_and_episodes_have_seeds_of_their_own():
    train = seeding.episode_seeds(3, seeding.TRAIN_EPISODES, 0, 50)
    again = seeding.episode_seeds(3, seeding.TRAIN_EPISODES, 10, 40)
    test = seeding.episode_seeds(3, seeding.TEST_EPISODES, 0, 50)
    assert (train[10:] == again).all()
    assert len(set(train.tolist()) | set(test.tolist())) == 100


def test_goals_are_stored_where_a_part_asks_for_them():
    env = PointGoalConfig(goal_radius=0.5, ends_at_goal=True).build(4, 1)
    actor = CountingActor(env.spec)
    layout = layout_of(env.spec, [*actor.columns, *goal_columns(env.spec)])
    runner = EpisodeRunner(env, layout, CPU, Stopwatch())
    batch = runner.play(Behaviour(actor), np.arange(4, dtype=np.uint64)).batch
    assert len(set(batch.lengths.tolist())) > 1
    assert torch.equal(batch["goal"], batch.obs[:, :, 0, -2:])
    assert torch.equal(batch["achieved_goal"], batch.obs[:, :, 0, :2])

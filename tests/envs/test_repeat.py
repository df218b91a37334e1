"""marl.envs.repeat: an action taken several times is one step."""

from __future__ import annotations

import numpy as np
import pytest

from marl.envs.goals import PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.repeat import repeated
from marl.errors import EnvError

SEEDS = np.array([3, 4], dtype=np.uint64)


def test_rewards_are_summed_and_the_last_observation_is_shown():
    once = GymnasiumConfig("Pendulum-v1").build(2, 1)
    thrice = GymnasiumConfig("Pendulum-v1", action_repeat=3).build(2, 1)
    once.reset(SEEDS)
    thrice.reset(SEEDS)
    action = np.array([[[0.5]], [[-1.0]]], dtype=np.float32)
    paid = sum(once.step(action).reward.astype(np.float64) for _ in range(3))
    np.testing.assert_allclose(thrice.step(action).reward, paid, rtol=1e-6)
    np.testing.assert_array_equal(thrice.observe().obs, once.observe().obs)


def test_nothing_follows_the_end_within_a_repeat():
    """CartPole pays 1 for each step: the sum of a whole episode is its true length."""
    once, often = (GymnasiumConfig(action_repeat=n).build(1, 1) for n in (1, 7))
    lengths = []
    for env in (once, often):
        env.reset(SEEDS[:1])
        total, over = 0.0, False
        while not over:
            step = env.step(np.array([[1]]))
            total, over = total + step.reward[0], step.terminated[0]
        assert not step.truncated[0]
        lengths.append(total)
    assert lengths[0] == lengths[1]
    assert lengths[0] % 7  # it ended within a repeat


def test_the_limit_counts_decisions_and_the_last_one_may_be_shorter():
    env = GymnasiumConfig("Pendulum-v1", time_limit=10, action_repeat=4).build(1, 1)
    assert env.spec.episode_limit == 3
    env.reset(SEEDS[:1])
    ends = [env.step(np.zeros((1, 1, 1), np.float32)).truncated[0] for _ in range(3)]
    assert ends == [False, False, True]


def test_goals_are_not_repeated():
    env = PointGoalConfig().build(1, 1)
    assert repeated(env, 1) is env
    with pytest.raises(EnvError, match=r"action_repeat: .*/square has goals.*leave it at 1"):
        repeated(env, 2)

"""Skills: drawn by the seed, shown before the goal, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from marl.envs.goals import PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.pushing import PointPushConfig
from marl.envs.skills import with_skills
from marl.spec import EnvSpec
from tests.envs.test_goals import seeds_of


def skill_of(env) -> np.ndarray:
    spec = env.spec
    return env.observe().obs[..., spec.own_dim : spec.own_dim + spec.skills]


def test_the_skill_stands_before_the_goal_and_the_rest_is_as_without():
    plain, skilled = (PointPushConfig(skills=skills).build(40, 1) for skills in (0, 3))
    for env in (plain, skilled):
        env.reset(seeds_of(*range(40)))
    assert (skilled.spec.obs_dim, skilled.spec.state_dim, skilled.spec.skills) == (11, 11, 3)
    assert skilled.spec.own_dim == plain.spec.own_dim == 6
    shown, more = plain.observe(), skilled.observe()
    for without, numbers in ((shown.obs, more.obs), (shown.state, more.state)):
        assert np.array_equal(numbers[..., :6], without[..., :6])
        assert np.array_equal(numbers[..., -2:], without[..., -2:])
    drawn = skill_of(skilled)[:, 0]
    assert (drawn.sum(-1) == 1.0).all()
    assert (drawn.sum(0) > 5).all()  # each of the three is drawn
    assert np.array_equal(more.state[:, 6:9], drawn)


def test_an_episode_keeps_its_skill_and_its_seed_says_which():
    env = PointGoalConfig(skills=5, time_limit=3).build(4, 1)
    env.reset(seeds_of(1, 2, 3, 4))
    first = skill_of(env).copy()
    env.step(np.zeros((4, 1, 2), np.float32))
    assert np.array_equal(skill_of(env), first)
    env.reset(seeds_of(9), np.array([2]))
    assert np.array_equal(skill_of(env)[[0, 1, 3]], first[[0, 1, 3]])
    env.reset(seeds_of(4, 3, 2, 1))
    assert np.array_equal(skill_of(env), first[::-1])


def test_without_goals_the_skill_ends_the_observation():
    env = GymnasiumConfig(skills=2).build(1, 1)
    env.reset(seeds_of(1))
    assert env.spec.obs_dim == 6
    assert env.spec.goals is None
    assert env.observe().obs[0, 0, 4:].sum() == 1.0


def test_no_skills_change_nothing():
    env = PointGoalConfig().build(1, 1)
    assert with_skills(env, 0) is env
    assert env.spec.skills == 0


def test_a_spec_has_room_for_its_skills():
    with pytest.raises(ValueError, match="can't end with a skill of 4 and a goal of 0"):
        EnvSpec("test/x", 1, GymnasiumConfig().build(1, 1).spec.action, 3, 9, 5, skills=4)

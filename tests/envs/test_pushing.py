"""The puck's rules by hand."""

from __future__ import annotations

import numpy as np
import pytest

from marl.config.schema import parse
from marl.envs.pushing import CONTACT, EDGE, PointPush, PointPushConfig
from marl.errors import ConfigError
from marl.spec import Continuous
from tests.envs.test_goals import push, seeds_of


def pucks(num_envs: int = 1, **options) -> PointPush:
    env = PointPushConfig(**options).build(num_envs, 1)
    assert isinstance(env, PointPush)
    env.reset(seeds_of(*range(num_envs)))
    return env


def place(env: PointPush, point: tuple[float, float], puck: tuple[float, float]) -> None:
    env._own[:, :2], env._own[:, 2:4], env._own[:, 4:] = point, puck, 0.0


def test_sizes():
    spec = pucks(2).spec
    assert spec.name == "point_push/square"
    assert spec.action == Continuous(low=(-1.0, -1.0), high=(1.0, 1.0))
    assert (spec.n_agents, spec.obs_dim, spec.goal_dim, spec.episode_limit) == (1, 8, 2, 50)


def test_the_puck_begins_near_the_point_and_apart_from_it():
    shown = pucks(400).observe()
    away = np.linalg.norm(shown.achieved_goal, axis=-1)
    assert 0.15 <= away.min() < 0.16
    assert 0.39 < away.max() <= 0.4
    assert np.array_equal(shown.achieved_goal, shown.obs[:, 0, 2:4])
    assert np.abs(shown.goal).max() <= EDGE


def test_the_puck_lies_still_until_it_is_touched_and_then_gives_way():
    env = pucks()
    place(env, (0.0, 0.0), (0.13, 0.0))
    push(env, 1.0, 0.0)  # to 0.02
    np.testing.assert_allclose(env._own[0, :4], [0.02, 0.0, 0.13, 0.0], atol=1e-6)
    push(env, 1.0, 0.0)  # velocity 0.036: to 0.056, the puck stays CONTACT away
    np.testing.assert_allclose(env._own[0, :4], [0.056, 0.0, 0.156, 0.0], atol=1e-6)
    push(env, -1.0, 0.0)  # the point turns back at 0.8 * 0.036 - 0.02 = 0.0088, still towards it
    push(env, -1.0, 0.0)
    still = env._own[0, 2:4].copy()
    push(env, -1.0, 0.0)
    assert np.array_equal(env._own[0, 2:4], still)


def test_a_puck_that_is_touched_aside_goes_aside():
    env = pucks()
    place(env, (0.0, 0.0), (0.08, 0.06))  # as far as CONTACT
    push(env, 1.0, 0.0)
    away = env._own[0, 2:4] - env._own[0, :2]
    assert np.linalg.norm(away) == pytest.approx(CONTACT, abs=1e-6)
    assert env._own[0, 3] > 0.06


def test_a_wall_stops_the_puck_and_the_point_behind_it():
    env = pucks(time_limit=100)
    place(env, (0.5, 0.0), (0.65, 0.0))
    for _ in range(40):
        push(env, 1.0, 0.0)
    np.testing.assert_allclose(env._own[0, :4], [0.8, 0.0, 0.9, 0.0], atol=1e-6)
    assert np.abs(env._own[0, 4:]).max() == 0.0


def test_the_displacement_is_from_where_the_puck_began():
    env = pucks(3)
    first = env._own[:, 2:4].copy()
    assert env.outcomes()["object_displacement"].tolist() == [0.0] * 3
    env._own[:, 2:4] = first + np.array([0.3, -0.4], np.float32)
    np.testing.assert_allclose(env.outcomes()["object_displacement"], 0.5, atol=1e-6)
    env.reset(seeds_of(7), np.array([1]))
    assert env.outcomes()["object_displacement"].tolist()[1] == 0.0
    assert env.outcomes()["object_displacement"][0] > 0.4


def test_a_puck_at_its_goal_pays_and_the_episode_goes_on():
    env = pucks(2)
    env._own[0, 2:4] = env._goal[0]
    env._own[:, :2] = -0.9 * np.sign(env._own[:, 2:4])  # far from both
    step = env.step(np.zeros((2, 1, 2), np.float32))
    assert step.reward.tolist()[0] == 0.0
    assert step.reward.tolist()[1] == -1.0
    assert not step.terminated.any()
    assert env.outcomes()["success"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"goal_radius": 0.0}, "goal_radius"),
        ({"time_limit": 0}, "time_limit"),
        ({"skills": -1}, "skills"),
    ],
)
def test_tasks_that_make_no_sense_are_refused(options, line):
    with pytest.raises(ConfigError, match=line):
        parse(PointPushConfig, options)

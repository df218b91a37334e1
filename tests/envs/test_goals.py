"""Points to reach and bits to flip: their rules by hand."""

from __future__ import annotations

import numpy as np
import pytest

from marl.config.schema import parse
from marl.envs.goals import BitFlip, BitFlipConfig, PointGoal, PointGoalConfig
from marl.errors import ConfigError
from marl.spec import Continuous, Discrete


def seeds_of(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def point(num_envs: int = 1, **options) -> PointGoal:
    env = PointGoalConfig(**options).build(num_envs, 1)
    env.reset(seeds_of(*range(num_envs)))
    return env


def push(env: PointGoal, x: float, y: float):
    return env.step(np.tile(np.array([x, y], dtype=np.float32), (env.num_envs, 1, 1)))


def towards_goal(env: PointGoal) -> np.ndarray:
    """Brakes in time: the push that would bring the point to rest at its goal."""
    own = env.observe().obs[:, 0]  # position, velocity, goal
    return ((own[:, 4:] - own[:, :2]) * 10.0 - own[:, 2:4] * 40.0)[:, None]


def test_sizes():
    spec = point(2).spec
    assert spec.name == "point_goal/square"
    assert spec.action == Continuous(low=(-1.0, -1.0), high=(1.0, 1.0))
    assert (spec.n_agents, spec.obs_dim, spec.state_dim, spec.goal_dim) == (1, 6, 6, 2)
    assert spec.episode_limit == 50
    spec = BitFlipConfig(bits=5).build(1, 1).spec
    assert (spec.name, spec.action) == ("bit_flip/5", Discrete(5))
    assert (spec.obs_dim, spec.goal_dim, spec.episode_limit) == (10, 5, 5)


def test_a_push_adds_to_what_is_left_of_the_velocity():
    env = point()
    push(env, 1.0, -0.5)
    np.testing.assert_allclose(env.observe().obs[0, 0, :4], [0.02, -0.01, 0.02, -0.01], atol=1e-7)
    push(env, 0.0, 1.0)  # velocity 0.8 * (0.02, -0.01) + (0, 0.02)
    np.testing.assert_allclose(env.observe().obs[0, 0, :4], [0.036, 0.002, 0.016, 0.012], atol=1e-7)


def test_a_wall_stops_the_point():
    env = point()
    for _ in range(20):
        push(env, 1.0, 0.0)
    assert env.observe().obs[0, 0, :4].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_step_pays_nothing_at_the_goal_and_minus_one_elsewhere():
    env = point(goal_radius=0.5)
    place = np.array([[0.0, 0.0], [0.25, 0.0], [0.3, 0.4], [0.3, 0.41]], dtype=np.float32)
    goal = np.zeros((4, 2), dtype=np.float32)
    assert env.reward(place, goal).tolist() == [0.0, 0.0, 0.0, -1.0]  # 0.5 away is near enough
    assert env.terminated(place, goal).tolist() == [False] * 4
    ending = point(goal_radius=0.5, ends_at_goal=True)
    assert ending.terminated(place, goal).tolist() == [True, True, True, False]


def test_goals_are_drawn_from_the_whole_square():
    goals = point(400).observe().goal
    assert (goals.min(0) < -0.98).all()
    assert (goals.max(0) > 0.98).all()
    assert np.abs(goals.mean(0)).max() < 0.1


def test_who_steers_to_the_goal_stays_there_until_the_time_is_up():
    env = point(8)
    returns = np.zeros(8)
    for _ in range(50):
        step = env.step(towards_goal(env).astype(np.float32))
        returns += step.reward
    assert step.truncated.all()
    assert not step.terminated.any()
    assert env.outcomes()["success"].tolist() == [1.0] * 8
    assert -30 < returns.mean() < 0


def test_episodes_end_at_the_goal_where_that_is_asked_for():
    env = point(8, ends_at_goal=True)
    ended = np.zeros(8, dtype=np.bool_)
    for _ in range(50):
        step = env.step(towards_goal(env).astype(np.float32))
        assert (step.reward[step.terminated] == 0.0).all()
        ended |= step.terminated
    assert ended.all()
    assert env.outcomes()["success"].tolist() == [1.0] * 8


def flipping(bits: int, num_envs: int = 1) -> BitFlip:
    env = BitFlipConfig(bits).build(num_envs, 1)
    env.reset(seeds_of(*range(num_envs)))
    return env


def test_an_action_flips_its_bit():
    env = flipping(4)
    before = env.observe().achieved_goal[0].copy()
    env.step(np.array([[2]]))
    changed = env.observe().achieved_goal[0] != before
    assert changed.tolist() == [False, False, True, False]
    assert set(env.observe().obs.reshape(-1)) <= {0.0, 1.0}


def test_flipping_what_differs_ends_at_the_goal():
    env = flipping(6)
    start, goal = env.observe().achieved_goal[0].copy(), env.observe().goal[0].copy()
    wrong = np.flatnonzero(start != goal)
    for bit in wrong:
        step = env.step(np.array([[bit]]))
    assert step.terminated[0]
    assert (step.reward[0], env.outcomes()["success"][0]) == (0.0, 1.0)


def test_no_episode_begins_at_its_goal_and_none_is_longer_than_its_bits():
    env = flipping(1, num_envs=200)
    shown = env.observe()
    assert (shown.goal != shown.achieved_goal).all()
    env = flipping(3, num_envs=50)
    over = np.zeros(50, dtype=np.bool_)
    for _ in range(3):
        step = env.step(np.zeros((50, 1), dtype=np.int64))
        assert not (step.truncated & step.terminated).any()
        over |= step.truncated | step.terminated
    assert over.all()


@pytest.mark.parametrize(
    ("config", "options", "line"),
    [
        (PointGoalConfig, {"goal_radius": 0.0}, "goal_radius"),
        (PointGoalConfig, {"time_limit": 0}, "time_limit"),
        (PointGoalConfig, {"ends_at_goal": "perhaps"}, "ends_at_goal"),
        (BitFlipConfig, {"bits": 0}, "bits"),
    ],
)
def test_tasks_that_make_no_sense_are_refused(config, options, line):
    with pytest.raises(ConfigError, match=line):
        parse(config, options)

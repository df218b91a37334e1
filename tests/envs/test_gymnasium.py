"""marl.envs.gymnasium: one agent, which sees the whole state."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from marl.envs.gymnasium import GymnasiumConfig, decoder
from marl.errors import EnvError
from marl.spec import Continuous, Discrete
from tests.envs.goalkit import LINE, Line


def seeds_of(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def test_cartpole_has_its_sizes():
    spec = GymnasiumConfig().build(1, 1).spec
    assert spec.name == "gymnasium/CartPole-v1"
    assert (spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim) == (1, 2, 4, 4)
    assert spec.episode_limit == 500
    assert not spec.reports_win


def test_an_episode_is_the_one_that_gymnasium_plays():
    ours = GymnasiumConfig().build(2, 1)
    theirs = gymnasium.make("CartPole-v1")
    ours.reset(seeds_of(9, 12))
    obs, _ = theirs.reset(seed=12)
    for step in range(20):
        np.testing.assert_array_equal(ours.observe().obs[1, 0], obs)
        np.testing.assert_array_equal(ours.observe().state[1], obs)
        result = ours.step(np.array([[0], [step % 2]]))
        obs, reward, terminated, _, _ = theirs.step(step % 2)
        assert (result.reward[1], result.terminated[1]) == (reward, terminated)


def test_a_fallen_pole_is_terminated():
    env = GymnasiumConfig().build(1, 1)
    env.reset(seeds_of(0))
    for _ in range(20):
        step = env.step(np.array([[1]]))
        if step.terminated[0]:
            break
    assert step.terminated[0]
    assert not step.truncated[0]
    assert abs(env.observe().obs[0, 0, 2]) > 0.2094  # 12 degrees


def test_a_time_limit_is_truncated_and_not_terminated():
    env = GymnasiumConfig(time_limit=3).build(1, 1)
    env.reset(seeds_of(0))
    ends = [env.step(np.array([[action]])) for action in (0, 1)]
    assert not any(step.truncated[0] for step in ends)
    last = env.step(np.array([[0]]))
    assert last.truncated[0]
    assert not last.terminated[0]
    assert env.spec.episode_limit == 3


def test_a_numbered_observation_becomes_a_one_hot():
    env = GymnasiumConfig("Taxi-v4").build(1, 1)
    theirs = gymnasium.make("Taxi-v4")
    env.reset(seeds_of(7))
    number, _ = theirs.reset(seed=7)
    assert env.spec.obs_dim == 500
    assert env.observe().obs.sum() == 1.0
    assert env.observe().obs[0, 0, number] == 1.0


@pytest.mark.parametrize(
    ("env_id", "complaint"),
    [
        ("CartPol-v1", "did you mean CartPole-v1"),
        ("Blackjack-v1", "set time_limit"),
        ("no_such_package:Env-v0", "cannot be made"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(env_id: str, complaint: str):
    with pytest.raises(EnvError, match=complaint) as refusal:
        GymnasiumConfig(env_id).build(1, 1)
    assert env_id in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_box_of_actions_has_its_bounds():
    spec = GymnasiumConfig("Pendulum-v1").build(1, 1).spec
    assert spec.action == Continuous(low=(-2.0,), high=(2.0,))
    assert (spec.n_agents, spec.obs_dim, spec.episode_limit) == (1, 3, 200)


def test_an_episode_of_vectors_is_the_one_that_gymnasium_plays():
    ours = GymnasiumConfig("Pendulum-v1").build(2, 1)
    theirs = gymnasium.make("Pendulum-v1")
    ours.reset(seeds_of(9, 12))
    obs, _ = theirs.reset(seed=12)
    assert ours.observe().avail is None
    for step in range(20):
        np.testing.assert_array_equal(ours.observe().obs[1, 0], obs)
        torque = np.array([np.sin(step)], dtype=np.float32)
        result = ours.step(np.array([[[0.0]], [torque]], dtype=np.float32))  # [E,A,D]
        obs, reward, _, _, _ = theirs.step(torque)
        assert result.reward[1] == np.float32(reward)


def test_the_first_of_numbered_actions_may_have_any_number():
    action, decode = decoder("test", spaces.Discrete(3, start=-1))
    assert action == Discrete(3)
    assert [decode(np.int64(number)) for number in range(3)] == [-1, 0, 1]


def test_a_vector_is_clipped_and_takes_the_shape_of_the_box():
    low, high = np.array([[0, 0], [0, -1]]), np.array([[1, 1], [2, 1]])
    action, decode = decoder("test", spaces.Box(low, high, dtype=np.float64))
    assert action == Continuous(low=(0.0, 0.0, 0.0, -1.0), high=(1.0, 1.0, 2.0, 1.0))
    found = decode(np.array([0.5, 3.0, 2.0, -9.0], dtype=np.float32))
    assert (found.tolist(), found.dtype) == ([[0.5, 1.0], [2.0, -1.0]], np.float64)


@pytest.mark.parametrize(
    "space", [spaces.MultiDiscrete([2, 3]), spaces.Box(0, np.inf, (2,)), spaces.Text(3)]
)
def test_actions_of_other_kinds_are_refused(space):
    with pytest.raises(EnvError, match=r"test: its actions are .* and a Box with bounds"):
        decoder("test", space)


def test_an_environment_without_a_limit_takes_ours():
    env = GymnasiumConfig("CliffWalking-v1", time_limit=4).build(1, 1)
    env.reset(seeds_of(1))
    cut = [bool(env.step(np.array([[0]])).truncated[0]) for _ in range(4)]
    assert cut == [False, False, False, True]


def test_an_environment_with_goals_shows_the_desired_one_after_what_is_observed():
    ours, theirs = GymnasiumConfig(LINE).build(2, 1), Line()
    assert (ours.spec.obs_dim, ours.spec.state_dim, ours.spec.goal_dim) == (3, 3, 1)
    ours.reset(seeds_of(9, 12))
    seen, _ = theirs.reset(seed=12)
    for _ in range(2):
        shown = ours.observe()
        np.testing.assert_array_equal(
            shown.obs[1, 0], [*seen["observation"], *seen["desired_goal"]]
        )
        np.testing.assert_array_equal(shown.goal[1], seen["desired_goal"])
        np.testing.assert_array_equal(shown.achieved_goal[1], seen["achieved_goal"])
        result = ours.step(np.array([[0], [2]]))
        seen, reward, _, _, _ = theirs.step(1)
        assert result.reward[1] == reward


def test_success_is_what_the_environment_says_of_the_last_step():
    env = GymnasiumConfig(LINE).build(8, 1)
    env.reset(seeds_of(*range(8)))
    right = env.observe().goal[:, 0] > 0
    for _ in range(3):
        env.step(np.where(right, 2, 0)[:, None])
    assert env.outcomes()["success"].tolist() == [1.0] * 8
    env.reset(seeds_of(1), np.array([3]))
    assert env.outcomes()["success"].tolist() == [1.0] * 3 + [0.0] + [1.0] * 4


def test_values_of_goals_are_the_environments_for_any_leading_axes():
    env = GymnasiumConfig(LINE).build(1, 1)
    achieved, goal = np.array([[[1.0], [2.0]]], np.float32), np.array([[[1.0], [3.0]]], np.float32)
    assert env.reward(achieved, goal).tolist() == [[0.0, -1.0]]
    assert env.terminated(achieved, goal).tolist() == [[True, False]]  # asked one by one


@pytest.mark.parametrize(
    ("env_id", "complaint"),
    [
        ("marl-test/OneByOne-v0", r"compute_reward makes \(\) of 2 goals; it must give one reward"),
        ("marl-test/Worthless-v0", r"has goals but no compute_reward\(achieved, desired, info\)"),
        ("marl-test/Camera-v0", r"a dictionary of \['camera', 'observation'\]; supported is"),
        ("marl-test/Unlike-v0", "its goals must be Boxes of one shape"),
    ],
)
def test_goals_of_another_convention_are_refused_in_one_line(env_id: str, complaint: str):
    with pytest.raises(EnvError, match=complaint) as refusal:
        GymnasiumConfig(env_id).build(1, 1)
    assert "\n" not in str(refusal.value)


def test_an_action_without_room_between_its_bounds_is_refused_in_one_line():
    space = spaces.Box(np.array([0.0, 1.0]), np.array([1.0, 1.0]), dtype=np.float64)
    with pytest.raises(
        EnvError, match=r"test: its actions are Box.*; each low must be below its hi"
    ):
        decoder("test", space)

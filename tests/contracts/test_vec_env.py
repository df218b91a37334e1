"""What `marl.protocols.VecEnv` promises, asked of every environment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.engine.smacv2.generation import CapabilityConfig
from marl.engine.smacv2.start_positions import SurroundedAndReflect
from marl.engine.smacv2.traits import Mask, PerAgentUniform
from marl.envs.goals import BitFlipConfig, PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.envs.pettingzoo import ParallelView, PettingZooEnv
from marl.envs.registry import ENVS
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.protocols import GoalEnv, Observation, VecEnv
from marl.spec import Continuous
from tests.envs.game.gamekit import fake_env
from tests.envs.goalkit import LINE

Build = Callable[[int, int], VecEnv]  # num_envs, threads


def pettingzoo_two_step(num_envs: int, threads: int) -> VecEnv:
    views = [ParallelView(TwoStepConfig().build(1, 1)) for _ in range(num_envs)]
    return PettingZooEnv("pettingzoo/two_step", views, "mean", 2)


def pettingzoo_cut_short(num_envs: int, threads: int) -> VecEnv:
    """An environment whose time runs out before it ends by itself."""
    views = [ParallelView(GymnasiumConfig().build(1, 1)) for _ in range(num_envs)]
    return PettingZooEnv("pettingzoo/cartpole", views, "sum", 7)


def game_of_fakes(num_envs: int, threads: int) -> VecEnv:
    """Worker processes, each with a game that only sleeps."""
    return fake_env(num_envs, length=4)


# AllRows that SMACv2 may draw, views that turn, and targets out of reach.
SMACV2 = Smacv2Config(
    map="terran_4_vs_3",
    conic_fov=True,
    use_unit_ranges=True,
    prob_obs_enemy=0.5,
    action_mask=False,
    capability_config=CapabilityConfig(
        start_positions=SurroundedAndReflect(),
        attack=PerAgentUniform(),
        health=PerAgentUniform(upper_bound=(0.5,)),
        enemy_mask=Mask(),
    ),
)

BUILDS: dict[str, Build] = {
    "climbing": MatrixConfig().build,
    "own": MatrixConfig("own", ((1.0, 2.0), (3.0, 4.0))).build,
    "two_step": TwoStepConfig().build,
    "point_goal": PointGoalConfig(tolerance=0.3, time_limit=12).build,
    "point_goal_ends": PointGoalConfig(tolerance=0.5, time_limit=12, ends_at_goal=True).build,
    "bit_flip": BitFlipConfig(bits=3).build,
    "cartpole": GymnasiumConfig(time_limit=15).build,
    "taxi": GymnasiumConfig("Taxi-v4", time_limit=12).build,
    "pendulum": GymnasiumConfig("Pendulum-v1", time_limit=10).build,
    "gymnasium_goals": GymnasiumConfig(LINE).build,
    "pettingzoo_two_step": pettingzoo_two_step,
    "pettingzoo_cut_short": pettingzoo_cut_short,
    "3m": Sc2Config(map="3m").build,
    "2s3z": Sc2Config(map="2s3z").build,
    "smacv2": SMACV2.build,
    "game": game_of_fakes,
}

every_env = pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
CONTINUOUS = {name: BUILDS[name] for name in ("pendulum", "point_goal", "point_goal_ends")}
DISCRETE = {name: build for name, build in BUILDS.items() if name not in CONTINUOUS}
every_continuous_env = pytest.mark.parametrize("build", CONTINUOUS.values(), ids=CONTINUOUS)
every_discrete_env = pytest.mark.parametrize("build", DISCRETE.values(), ids=DISCRETE)
GOALS = {
    name: BUILDS[name] for name in ("point_goal", "point_goal_ends", "bit_flip", "gymnasium_goals")
}
every_goal_env = pytest.mark.parametrize("build", GOALS.values(), ids=GOALS)
# The game draws its own random numbers, and says so.
SEEDED = {name: build for name, build in BUILDS.items() if name != "game"}
every_seeded_env = pytest.mark.parametrize("build", SEEDED.values(), ids=SEEDED)
# Environments are slow to make the first time (the engine compiles), so no deadline.
quick = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def seeds_of(*values: int) -> NDArray[np.uint64]:
    return np.array(values, dtype=np.uint64)


def choose(env: VecEnv, e: int, key: int) -> NDArray:
    """Actions [A] or [A,D] that environment e takes, a function of `key` and its mask alone."""
    rng, action = np.random.default_rng(key), env.spec.action
    if isinstance(action, Continuous):
        low, high = np.array(action.low), np.array(action.high)
        return rng.uniform(low, high, (env.spec.n_agents, action.dim)).astype(np.float32)
    avail = env.observe().mask[e]  # [A,U]
    return np.where(avail, rng.random(avail.shape), -1.0).argmax(-1)


def choose_all(env: VecEnv, keys: list[int]) -> NDArray:
    """Actions [E,A] or [E,A,D] that the environments take, row e from keys[e]."""
    return np.stack([choose(env, e, key) for e, key in enumerate(keys)])


def arrays(observation: Observation) -> list[NDArray]:
    """The arrays of an observation, the mask where there is one."""
    return [array for array in observation if array is not None]


def copied(observation: Observation) -> list[NDArray]:
    return [array.copy() for array in arrays(observation)]


def shown_by(env: VecEnv, e: int) -> list[NDArray]:
    """What environment e shows now."""
    return [array[e].copy() for array in arrays(env.observe())]


def play(env: VecEnv, seeds: list[int]) -> list[list[NDArray]]:
    """For each seed all that its episode showed; actions follow from seed and step alone."""
    env.reset(seeds_of(*seeds))
    shown: list[list[NDArray]] = [[] for _ in seeds]
    running = np.arange(env.num_envs) < len(seeds)
    keys = [*seeds, *[0] * (env.num_envs - len(seeds))]
    for step in range(env.spec.episode_limit + 1):
        for e in np.flatnonzero(running):
            shown[e] += shown_by(env, e)
        if not running.any():
            break
        result = env.step(choose_all(env, [key + 7919 * step for key in keys]))
        for e in np.flatnonzero(running):
            shown[e] += [array[e].copy() for array in result]
        running &= ~(result.terminated | result.truncated)
    assert not running.any(), "an episode went past episode_limit"
    outcomes = env.outcomes()
    for e in range(len(seeds)):
        shown[e] += shown_by(env, e)
        shown[e] += [outcomes[name][e].copy() for name in sorted(outcomes)]
    return shown


def assert_same(one: list[NDArray], other: list[NDArray]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)  # bit for bit


@every_env
def test_arrays_have_the_shapes_of_the_spec_and_the_promised_types(build: Build):
    env = build(3, 1)
    spec = env.spec
    assert env.num_envs == 3
    assert "/" in spec.name
    env.reset(seeds_of(1, 2, 3))
    obs, state, avail, goal, achieved = env.observe()
    assert (obs.shape, obs.dtype) == ((3, spec.n_agents, spec.obs_dim), np.float32)
    assert (state.shape, state.dtype) == ((3, spec.state_dim), np.float32)
    if isinstance(spec.action, Continuous):
        assert avail is None
    else:
        assert avail is not None
        assert (avail.shape, avail.dtype) == ((3, spec.n_agents, spec.n_actions), np.bool_)
    for array in (goal, achieved):
        if spec.goal_dim == 0:
            assert array is None
        else:
            assert array is not None
            assert (array.shape, array.dtype) == ((3, spec.goal_dim), np.float32)
    step = env.step(choose_all(env, [1, 2, 3]))
    assert [(array.shape, array.dtype) for array in step] == [
        ((3,), np.float32),
        ((3,), np.bool_),
        ((3,), np.bool_),
    ]
    assert all(values.shape == (3,) for values in env.outcomes().values())
    assert all(values.dtype == np.float32 for values in env.outcomes().values())
    assert ("battle_won" in env.outcomes()) == spec.reports_win
    env.close()


@every_seeded_env
@quick
@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=5), st.integers(1, 2))
def test_an_episode_is_a_function_of_its_seed_and_actions(
    build: Build, seeds: list[int], threads: int
):
    alone = build(1, 1)
    together = build(len(seeds) + 1, threads)
    play(together, seeds[::-1])  # whatever was played before leaves no trace
    for shown, seed in zip(play(together, seeds), seeds, strict=True):
        assert_same(shown, play(alone, [seed])[0])
    alone.close()
    together.close()


@every_env
def test_an_ended_environment_idles(build: Build):
    env = build(2, 1)
    env.reset(seeds_of(5, 6))
    ended = np.zeros(2, dtype=np.bool_)
    last = copied(env.observe())
    outcomes: dict[int, dict[str, float]] = {}
    for key in range(env.spec.episode_limit + 3):
        step = env.step(choose_all(env, [key, key + 1000]))
        now = copied(env.observe())
        for e in np.flatnonzero(ended):
            assert step.reward[e] == 0.0
            assert all((a[e] == b[e]).all() for a, b in zip(last, now, strict=True))
            assert {name: v[e] for name, v in env.outcomes().items()} == outcomes[e]
        for e in np.flatnonzero((step.terminated | step.truncated) & ~ended):
            outcomes[e] = {name: v[e] for name, v in env.outcomes().items()}
        ended |= step.terminated | step.truncated
        last = now
    assert ended.all()
    env.close()


@every_env
def test_environments_without_a_seed_stay_ended(build: Build):
    env = build(3, 1)
    for first in (True, False):  # before they ever played, and after
        env.reset(seeds_of(4))
        before = copied(env.observe())
        for key in range(2):
            step = env.step(choose_all(env, [key] * 3))
            assert (step.reward[1:] == 0.0).all()
        for a, b in zip(before, arrays(env.observe()), strict=True):
            np.testing.assert_array_equal(a[1:], b[1:])
        if first:
            play(env, [1, 2, 3])
    env.close()


@every_discrete_env
def test_every_agent_always_has_an_action(build: Build):
    env = build(2, 1)
    assert env.observe().mask.any(-1).all()  # before the first reset too
    for seed in range(3):
        env.reset(seeds_of(seed, seed + 100))
        for key in range(env.spec.episode_limit + 1):
            assert env.observe().mask.any(-1).all()
            env.step(choose_all(env, [key, key]))
        assert env.observe().mask.any(-1).all()
    env.close()


@every_continuous_env
def test_actions_beyond_the_bounds_are_those_at_the_bounds(build: Build):
    env = build(2, 1)
    assert isinstance(env.spec.action, Continuous)
    env.reset(seeds_of(3, 3))
    for bound, beyond in ((env.spec.action.high, 10), (env.spec.action.low, -10)):
        at_bound = np.tile(np.array(bound, dtype=np.float32), (env.spec.n_agents, 1))  # [A,D]
        step = env.step(np.stack([at_bound, at_bound + beyond]).astype(np.float32))
        assert step.reward[0] == step.reward[1]
        assert_same(shown_by(env, 0), shown_by(env, 1))
    env.close()


@every_env
def test_rows_start_the_episodes_of_their_seeds_and_the_others_go_on(build: Build):
    """Environment 0 plays one episode throughout; 1 and 2 start anew, ended or not."""
    env, alone = build(3, 1), [build(1, 1) for _ in range(3)]
    env.reset(seeds_of(7, 8, 9))
    starts = [(7, 0), (8, 0), (9, 0)]  # seed and first step of the running episodes
    for one, (seed, _) in zip(alone, starts, strict=True):
        one.reset(seeds_of(seed))
    for step in range(env.spec.episode_limit + 2):
        if step == 1:
            rows, seeds = [2, 1], [31, 32]
        elif step == env.spec.episode_limit:
            rows, seeds = [1], [33]  # the others are over, or nearly
        else:
            rows, seeds = [], []
        if rows:
            env.reset(seeds_of(*seeds), np.array(rows))
            for row, seed in zip(rows, seeds, strict=True):
                alone[row].reset(seeds_of(seed))
        actions = choose_all(env, [100 * e + step for e in range(3)])
        for e, one in enumerate(alone):
            assert_same(shown_by(env, e), shown_by(one, 0))
        together = env.step(actions)
        for e, one in enumerate(alone):
            apart = one.step(actions[e : e + 1])
            assert [a[e] for a in together] == [a[0] for a in apart]
            assert {n: v[e] for n, v in env.outcomes().items()} == {
                n: v[0] for n, v in one.outcomes().items()
            }
    for one in (env, *alone):
        one.close()


@every_env
def test_rows_may_be_started_where_no_episode_ran_yet(build: Build):
    env, alone = build(3, 1), build(1, 1)
    env.reset(seeds_of())
    env.reset(seeds_of(5), np.array([1]))
    alone.reset(seeds_of(5))
    assert_same(shown_by(env, 1), shown_by(alone, 0))
    actions = choose_all(env, [1, 2, 3])
    together, apart = env.step(actions), alone.step(actions[1:2])
    assert [a[1] for a in together] == [a[0] for a in apart]
    assert together.reward[[0, 2]].tolist() == [0.0, 0.0]
    env.close()
    alone.close()


@every_env
def test_an_episode_ends_in_one_way_and_within_its_limit(build: Build):
    env = build(4, 1)
    env.reset(seeds_of(11, 12, 13, 14))
    running = np.ones(4, dtype=np.bool_)
    for steps in range(1, env.spec.episode_limit + 1):
        step = env.step(choose_all(env, [steps, -steps % 97, 3 * steps, steps]))
        assert not (step.terminated & step.truncated & running).any()
        running &= ~(step.terminated | step.truncated)
    assert not running.any()
    env.close()


@every_env
def test_observations_are_numbers(build: Build):
    env = build(2, 1)
    for shown in play(env, [21, 22]):
        assert all(np.isfinite(array).all() for array in shown)
    env.close()


@every_env
def test_an_environment_has_goals_and_their_values_or_neither(build: Build):
    env = build(1, 1)
    assert isinstance(env, GoalEnv) == (env.spec.goal_dim > 0)
    assert (env.spec.goals is env) == (env.spec.goal_dim > 0)
    env.close()


@every_goal_env
def test_what_an_agent_sees_ends_with_the_goal(build: Build):
    env = build(3, 1)
    env.reset(seeds_of(1, 2, 3))
    for key in range(env.spec.episode_limit):
        shown = env.observe()
        assert shown.goal is not None
        size = env.spec.goal_dim
        for agent in range(env.spec.n_agents):
            np.testing.assert_array_equal(shown.obs[:, agent, -size:], shown.goal)
        np.testing.assert_array_equal(shown.state[:, -size:], shown.goal)
        env.step(choose_all(env, [key, -key % 97, 3 * key]))
    env.close()


@every_goal_env
def test_a_step_is_paid_by_what_it_achieved_and_the_goal_alone(build: Build):
    env = build(8, 1)
    assert isinstance(env, GoalEnv)
    env.reset(seeds_of(*range(8)))
    running, paid = np.ones(8, dtype=np.bool_), set()
    for key in range(env.spec.episode_limit):
        step = env.step(choose_all(env, [100 * key + e for e in range(8)]))
        _, _, _, goal, achieved = env.observe()
        assert goal is not None
        assert achieved is not None
        reward, over = env.reward(achieved, goal), env.terminated(achieved, goal)
        assert (reward.shape, reward.dtype) == ((8,), np.float32)
        assert (over.shape, over.dtype) == ((8,), np.bool_)
        np.testing.assert_array_equal(step.reward[running], reward[running])
        assert not (over & ~step.terminated & running).any()
        crossed = np.broadcast_arrays(achieved[:, None], goal[None])  # each with the goals of all
        np.testing.assert_array_equal(np.diagonal(env.reward(*crossed)), reward)
        np.testing.assert_array_equal(np.diagonal(env.terminated(*crossed)), over)
        paid |= set(step.reward[running].tolist())
        running &= ~(step.terminated | step.truncated)
    assert len(paid) > 1  # some met their goals
    env.close()


@pytest.mark.parametrize(
    "name",
    [
        "sc2",
        "sc2v2",
        "matrix",
        "two_step",
        "point_goal",
        "bit_flip",
        "gymnasium",
        "pettingzoo",
    ],
)
def test_the_files_of_settings_say_what_the_code_understands(name: str):
    plan = make_plan(split(["train", "--config=iql", f"--env-config={name}"]))
    assert plan.env_name == name
    assert isinstance(plan.env, ENVS[name])

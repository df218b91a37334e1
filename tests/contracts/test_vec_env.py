"""What `VecEnv` promises, asked of every environment."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.engine.smacv2.generation import CapabilityConfig
from marl.engine.smacv2.start_positions import SurroundedAndReflect
from marl.engine.smacv2.traits import Mask, PerAgentUniform
from marl.envs import contract
from marl.envs.dmc import DmcConfig
from marl.envs.fetch import FetchConfig
from marl.envs.goals import BitFlipConfig, PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.line_world import LineWorldConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.envs.pettingzoo import ParallelView, PettingZooEnv
from marl.envs.probing import Build, choose_all, difference, made, seeds_of, shown_by
from marl.envs.pushing import PointPushConfig
from marl.envs.registry import ENVS
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.errors import EnvError
from marl.protocols.environments import VecEnv
from marl.spec import Discrete
from tests.envs.game.gamekit import fake_env
from tests.envs.goalkit import LINE


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
    "point_goal": PointGoalConfig(goal_radius=0.3, time_limit=12).build,
    "point_goal_ends": PointGoalConfig(goal_radius=0.5, time_limit=12, ends_at_goal=True).build,
    "point_push": PointPushConfig(goal_radius=0.6, time_limit=12).build,
    "point_push_skills": PointPushConfig(goal_radius=0.6, time_limit=12, skills=3).build,
    "bit_flip": BitFlipConfig(bits=3).build,
    "line_world": LineWorldConfig(line_length=3, time_limit=9).build,
    "line_world_discrete": LineWorldConfig(
        line_length=3, moves="discrete", begins="anywhere", time_limit=9
    ).build,
    "cartpole": GymnasiumConfig(time_limit=15).build,
    "taxi": GymnasiumConfig("Taxi-v4", time_limit=12).build,
    "cartpole_skills": GymnasiumConfig(time_limit=15, skills=2).build,
    "pendulum": GymnasiumConfig("Pendulum-v1", time_limit=10).build,
    "pendulum_repeated": GymnasiumConfig("Pendulum-v1", time_limit=11, action_repeat=3).build,
    "gymnasium_goals": GymnasiumConfig(LINE).build,
    "pettingzoo_two_step": pettingzoo_two_step,
    "pettingzoo_cut_short": pettingzoo_cut_short,
    "3m": Sc2Config(map="3m").build,
    "2s3z": Sc2Config(map="2s3z").build,
    "smacv2": SMACV2.build,
    "game": game_of_fakes,
}

if find_spec("dm_control") and find_spec("gymnasium_robotics"):  # else missing: see test_dmc.py
    BUILDS["dmc"] = DmcConfig("cartpole-swingup", time_limit=7, action_repeat=2).build
    BUILDS["fetch"] = FetchConfig("Push", time_limit=5).build
    BUILDS["hopper"] = GymnasiumConfig("Hopper-v5", time_limit=9).build

every_env = pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
# The game draws its own random numbers, and says so.
SEEDED = {name: build for name, build in BUILDS.items() if name != "game"}
every_seeded_env = pytest.mark.parametrize("build", SEEDED.values(), ids=SEEDED)
GOALS = (
    "point_goal",
    "point_goal_ends",
    "point_push",
    "point_push_skills",
    "bit_flip",
    "gymnasium_goals",
)
# Environments are slow to make the first time (the engine compiles), so no deadline.
quick = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@every_env
@pytest.mark.parametrize(
    "ask",
    [
        contract.check_arrays,
        contract.check_available,
        contract.check_bounds,
        contract.check_ends,
        contract.check_idle,
        contract.check_unseeded,
        contract.check_rows,
        contract.check_goals,
    ],
)
def test_an_environment_keeps_the_contract(ask: Callable[[Build], None], build: Build):
    ask(build)


@every_env
def test_what_is_no_action_is_refused_before_anything_moves(build: Build):
    """Else a number counts from the end of a table, is cut, or is an index beyond all arrays."""
    with made(build, 2) as env:
        env.reset(seeds_of(1, 2))
        right = choose_all(env, [1, 2])
        before = shown_by(env, 0)
        if isinstance(env.spec.action, Discrete):
            wrong = [np.full_like(right, n) for n in (-1, env.spec.n_actions, 2**40, -(2**63))]
            odd = [right + 0.5, right.astype(np.complex64), right[:, :0], right[:1]]
            odd += [right.astype(np.bool_)]
        else:
            wrong = [np.full_like(right, np.nan)]
            odd = [right.astype(np.complex64), right[..., :0], right[:1]]
        for actions in wrong:
            with pytest.raises(EnvError, match="environment 0, agent 0: action"):
                env.step(actions)
        for actions in odd:
            with pytest.raises(ValueError, match="actions "):
                env.step(actions)
        assert difference(before, shown_by(env, 0)) == ""
        env.step(right)


@every_seeded_env
@quick
@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=5), st.integers(1, 2))
def test_an_episode_is_a_function_of_its_seed_and_actions(
    build: Build, seeds: list[int], threads: int
):
    contract.check_seeds(build, seeds, threads)


@pytest.mark.parametrize("name", ["two_step", "pendulum", "bit_flip", "3m", "game"])
def test_the_whole_contract_is_asked_at_once(name: str):
    contract.check(BUILDS[name])


@pytest.mark.parametrize("name", GOALS)
def test_some_goals_are_met_and_some_are_not(name: str):
    env = BUILDS[name](8, 1)
    env.reset(seeds_of(*range(8)))
    running, paid = np.ones(8, dtype=np.bool_), set()
    for key in range(env.spec.episode_limit):
        step = env.step(choose_all(env, [100 * key + e for e in range(8)]))
        paid |= set(step.reward[running].tolist())
        running &= ~(step.terminated | step.truncated)
    assert len(paid) > 1
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
        "dmc",
        "fetch",
        "pettingzoo",
    ],
)
def test_the_files_of_settings_say_what_the_code_understands(name: str):
    plan = make_plan(split(["train", "--config=iql", f"--env-config={name}"]))
    assert plan.env_name == name
    assert isinstance(plan.env, ENVS[name])

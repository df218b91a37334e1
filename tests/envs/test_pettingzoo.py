"""marl.envs.pettingzoo: our environments as a ParallelEnv, and a ParallelEnv as one of ours."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.envs.pettingzoo import (
    ParallelView,
    PettingZooConfig,
    PettingZooEnv,
    living,
    numbered,
    parallel_env,
)
from marl.envs.smac import Sc2Config
from marl.errors import EnvError

VIEWS: dict[str, Callable[[], ParallelEnv]] = {
    "climbing": lambda: ParallelView(MatrixConfig().build(1, 1)),
    "two_step": lambda: ParallelView(TwoStepConfig().build(1, 1)),
    "cartpole": lambda: ParallelView(GymnasiumConfig(time_limit=20).build(1, 1)),
    "3m": lambda: parallel_env("3m"),
    "2s3z": lambda: parallel_env("2s3z"),
}

every_view = pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)


def seeds_of(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


class Leavers(ParallelEnv):
    """Agent k sees k + 1 ones and leaves at step k + 1; the last one is cut short there."""

    metadata: ClassVar[dict[str, object]] = {"name": "leavers"}
    possible_agents = ("a", "b", "c")

    def reset(self, seed=None, options=None):
        self.agents, self.now = list(self.possible_agents), 0
        return self._see(), {agent: {} for agent in self.agents}

    def step(self, actions):
        assert set(actions) == set(self.agents)
        assert all(action in (5, 6) for action in actions.values())  # Discrete from 5 on
        self.now += 1
        acting, leaving = self.agents, self.possible_agents[self.now - 1]
        seen = self._see()
        self.agents = [agent for agent in acting if agent != leaving]
        return (
            seen,
            {agent: float(action) for agent, action in actions.items()},
            {agent: agent == leaving and agent != "c" for agent in acting},
            {agent: agent == leaving and agent == "c" for agent in acting},
            {agent: {} for agent in acting},
        )

    def _see(self):
        return {agent: np.ones(self._width(agent), np.float32) for agent in self.agents}

    def _width(self, agent):
        return self.possible_agents.index(agent) + 1

    def observation_space(self, agent):
        return Box(0, 1, (self._width(agent),), np.float32)

    def action_space(self, agent):
        return Discrete(2, start=5)


@every_view
def test_the_view_passes_pettingzoos_api_test(make: Callable[[], ParallelEnv]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # its complaints about dead agents are warnings
        parallel_api_test(make(), num_cycles=300)


@every_view
def test_the_view_passes_pettingzoos_seed_test(make: Callable[[], ParallelEnv]):
    parallel_seed_test(make, num_cycles=100)


def test_units_are_numbered_by_kind():
    assert numbered(["stalker", "stalker", "zealot"]) == ["stalker_0", "stalker_1", "zealot_0"]


def test_an_agent_with_only_the_no_op_is_not_living():
    avail = np.array([[True, False, False], [False, True, False]])
    assert living(avail).tolist() == [False, True]


def test_the_team_reward_goes_to_each_agent_and_outcomes_to_infos():
    view = ParallelView(MatrixConfig().build(1, 1), ["row", "column"])
    view.reset(seed=0)
    _, rewards, terminations, truncations, infos = view.step({"row": 0, "column": 0})
    assert rewards == {"row": 11.0, "column": 11.0}
    assert terminations == {"row": True, "column": True}
    assert truncations == {"row": False, "column": False}
    assert infos["row"] == {"optimal": 1.0, "illegal_action": False}
    assert view.agents == []


def test_a_time_limit_truncates_the_agents():
    view = ParallelView(GymnasiumConfig(time_limit=1).build(1, 1))
    view.reset(seed=0)
    _, _, terminations, truncations, _ = view.step({"agent_0": 0})
    assert (terminations, truncations) == ({"agent_0": False}, {"agent_0": True})


def test_resets_without_a_seed_differ_and_follow_from_the_last_seed():
    starts = []
    for view in (VIEWS["cartpole"](), VIEWS["cartpole"]()):
        view.reset(seed=3)
        starts += [view.reset()[0]["agent_0"]["observation"] for _ in range(2)]
    assert not np.array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts[:2], starts[2:])


def test_a_missing_action_is_refused():
    view = ParallelView(MatrixConfig().build(1, 1))
    view.reset(seed=0)
    with pytest.raises(ValueError, match="agent_1 is in agents but has no action"):
        view.step({"agent_0": 0})


@pytest.mark.parametrize("action", [-1, 9])
def test_an_action_out_of_range_is_refused(action: int):
    view = parallel_env("3m")  # 6 actions and 3 enemies
    view.reset(seed=0)
    before = view.state()
    with pytest.raises(ValueError, match=rf"marine_1: action {action} is not within 0\.\.8"):
        view.step({"marine_0": 1, "marine_1": action, "marine_2": 1})
    np.testing.assert_array_equal(view.state(), before)


def test_an_action_of_nobody_is_refused():
    view = ParallelView(MatrixConfig().build(1, 1))
    view.reset(seed=0)
    with pytest.raises(ValueError, match="agent_7 is no agent; agents: agent_0, agent_1"):
        view.step({"agent_0": 0, "agent_1": 0, "agent_7": 0})


def test_a_masked_action_becomes_stop_and_infos_say_so():
    told, stopped = parallel_env("3m"), parallel_env("3m")
    seen, _ = told.reset(seed=0)
    stopped.reset(seed=0)
    assert seen["marine_1"]["action_mask"].tolist()[:2] == [0, 1]  # no-op is for the dead
    one = told.step({"marine_0": 2, "marine_1": 0, "marine_2": 3})
    other = stopped.step({"marine_0": 2, "marine_1": 1, "marine_2": 3})
    np.testing.assert_array_equal(told.state(), stopped.state())
    assert [one[4][name]["illegal_action"] for name in told.agents] == [False, True, False]
    assert not any(info["illegal_action"] for info in other[4].values())


def test_agents_that_left_see_nothing_and_do_nothing():
    env = PettingZooEnv("pettingzoo/leavers", [Leavers()], "sum", 10)
    assert (env.spec.n_agents, env.spec.n_actions) == (3, 2)
    assert (env.spec.obs_dim, env.spec.state_dim) == (3, 9)  # padded; all side by side
    env.reset(seeds_of(0))
    np.testing.assert_array_equal(
        env.observe().obs[0], [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    )
    np.testing.assert_array_equal(env.observe().state, env.observe().obs.reshape(1, 9))
    assert env.step(np.array([[0, 1, 1]])).reward[0] == 5 + 6 + 6
    np.testing.assert_array_equal(env.observe().obs[0, 0], [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(
        env.observe().avail[0], [[True, False], [True, True], [True, True]]
    )
    step = env.step(np.array([[0, 1, 0]]))
    assert (step.reward[0], step.terminated[0], step.truncated[0]) == (6 + 5, False, False)
    last = env.step(np.array([[0, 0, 1]]))
    assert (last.reward[0], last.terminated[0], last.truncated[0]) == (6.0, False, True)
    np.testing.assert_array_equal(env.observe().obs[0, 2], [1.0, 1.0, 1.0])  # kept


def test_the_mean_reward_is_over_those_who_acted():
    env = PettingZooEnv("pettingzoo/leavers", [Leavers()], "mean", 10)
    env.reset(seeds_of(0))
    env.step(np.array([[0, 0, 0]]))
    assert env.step(np.array([[0, 1, 0]])).reward[0] == 5.5  # of 6 and 5


def test_our_limit_truncates_what_goes_on():
    env = PettingZooEnv("pettingzoo/leavers", [Leavers()], "sum", 2)
    env.reset(seeds_of(0))
    env.step(np.array([[0, 0, 0]]))
    step = env.step(np.array([[0, 0, 0]]))
    assert (step.terminated[0], step.truncated[0]) == (False, True)


@pytest.mark.parametrize("scenario", ["3m", "2s3z"])
def test_out_and_in_again_is_the_engine_itself(scenario: str):
    engine = Sc2Config(map=scenario).build(num_envs=2, threads=1)
    views = [parallel_env(scenario) for _ in range(2)]
    again = PettingZooEnv(engine.spec.name, views, "mean", engine.spec.episode_limit)
    rng = np.random.default_rng(0)
    for seeds in (seeds_of(1, 2), seeds_of(3, 4)):
        engine.reset(seeds)
        again.reset(seeds)
        running = np.ones(2, dtype=np.bool_)
        while running.any():
            for one, other in zip(engine.observe()[:3], again.observe()[:3], strict=True):
                np.testing.assert_array_equal(one[running], other[running])
            avail = engine.observe().avail
            actions = np.where(avail, rng.random(avail.shape), -1.0).argmax(-1)
            steps = engine.step(actions), again.step(actions)
            for one, other in zip(*steps, strict=True):
                np.testing.assert_array_equal(one[running], other[running])
            running &= ~(steps[0].terminated | steps[0].truncated)
        for one, other in zip(engine.observe()[:3], again.observe()[:3], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_dead_agent_leaves_at_the_step_it_dies():
    view = parallel_env("2s3z")
    assert view.possible_agents == ["stalker_0", "stalker_1", "zealot_0", "zealot_1", "zealot_2"]
    seen, _ = view.reset(seed=5)
    deaths = 0
    while view.agents:
        acting = list(view.agents)
        actions = {name: int(seen[name]["action_mask"].argmax()) for name in acting}  # stop
        seen, rewards, terminations, truncations, infos = view.step(actions)
        assert set(seen) == set(rewards) == set(infos) == set(terminations) == set(acting)
        for name in set(acting) - set(view.agents):
            assert terminations[name] or truncations[name]
            deaths += bool(view.agents)
        if view.agents:
            assert not any(terminations[name] for name in view.agents)
    assert deaths > 0  # not all at once: standing still loses the battle one by one
    assert infos[acting[0]]["battle_won"] == 0.0


def test_a_module_of_parallel_envs_is_played_by_its_name(monkeypatch: pytest.MonkeyPatch):
    module = ModuleType("leavers_v0")
    module.parallel_env = Leavers  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "leavers_v0", module)
    env = PettingZooConfig("leavers_v0", time_limit=5).build(2, 1)
    assert env.spec.name == "pettingzoo/leavers_v0"
    assert env.spec.episode_limit == 5
    assert env.num_envs == 2


def test_a_module_that_cannot_be_played_is_refused():
    with pytest.raises(EnvError, match="'no_such_package' cannot be imported"):
        PettingZooConfig("no_such_package").build(1, 1)
    with pytest.raises(EnvError, match="'math' has no parallel_env"):
        PettingZooConfig("math").build(1, 1)
    for name in ("", ".x"):
        with pytest.raises(EnvError, match=f"^module: '{name}' cannot be imported [^\n]*$"):
            PettingZooConfig(name).build(1, 1)


def test_options_that_the_module_does_not_take_are_refused(monkeypatch: pytest.MonkeyPatch):
    module = ModuleType("leavers_v0")
    module.parallel_env = lambda agents=3: Leavers()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "leavers_v0", module)
    message = r"^options: leavers_v0.parallel_env does not take \{'speed': 2\} [^\n]*'speed'[^\n]*$"
    with pytest.raises(EnvError, match=message):
        PettingZooConfig("leavers_v0", options={"speed": 2}).build(1, 1)

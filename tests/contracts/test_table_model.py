"""What `TableModel` promises: the tables are the environment that one plays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import PAYOFFS, MatrixConfig, TableGame, TwoStepConfig
from marl.protocols.environments import TableModel, VecEnv

Build = Callable[[int, int], VecEnv]  # num_envs, threads
E = 200


def three_agents(num_envs: int, threads: int) -> VecEnv:
    """Two actions each; the first table pays its cells' numbers, and odd ones lead on."""
    payoff = np.arange(16.0).reshape(2, 2, 2, 2)
    successor = np.full(payoff.shape, -1)
    successor[0][payoff[0] % 2 == 1] = 1
    return TableGame("test/three", payoff, successor, num_envs)


BUILDS: dict[str, Build] = {
    **{game: MatrixConfig(game).build for game in PAYOFFS},  # type: ignore[arg-type]
    "own": MatrixConfig("own", ((1.0, 2.0), (3.0, 4.0))).build,
    "two_step": TwoStepConfig().build,
    "three_agents": three_agents,
    "frozen_lake": GymnasiumConfig("FrozenLake-v1").build,
    "taxi": GymnasiumConfig("Taxi-v4", time_limit=30).build,
    "cliff": GymnasiumConfig("CliffWalking-v1", time_limit=30).build,
}
every_table = pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)


def model_of(env: VecEnv) -> TableModel:
    assert isinstance(env, TableModel)
    return env


@every_table
def test_probabilities_sum_to_one_and_what_is_over_stays_so(build: Build):
    env = build(1, 1)
    table = model_of(env).table()
    n_states, n_joint = table.reward.shape
    assert table.transition.shape == (n_states, n_joint, n_states)
    assert table.terminal.shape == table.start.shape == (n_states,)
    assert table.actions.shape == (n_joint, env.spec.n_agents)
    assert n_joint == env.spec.n_actions**env.spec.n_agents
    assert len(np.unique(table.actions, axis=0)) == n_joint
    assert (table.transition >= 0).all()
    np.testing.assert_allclose(table.transition.sum(-1), 1.0, atol=1e-9)
    assert table.start.sum() == pytest.approx(1.0)
    assert not table.start[table.terminal].any()
    for state in np.flatnonzero(table.terminal):
        assert (table.transition[state, :, state] == 1.0).all()
        assert not table.reward[state].any()
    env.close()


@every_table
def test_playing_goes_where_the_table_says_and_is_paid_so(build: Build):
    """Exactly where a step has one outcome, on average where chance decides."""
    env = build(E, 1)
    model, rng = model_of(env), np.random.default_rng(0)
    table = model.table()
    surprise: list[float] = []
    for round_ in range(2):
        env.reset(np.arange(round_ * E, (round_ + 1) * E, dtype=np.uint64))
        running = np.ones(E, dtype=np.bool_)
        assert (table.start[model.table_state()] > 0).all()
        while running.any():
            before = model.table_state().copy()
            joint = rng.integers(len(table.actions), size=E)
            step = env.step(table.actions[joint])
            after = model.table_state()
            likely = table.transition[before, joint, after]
            assert (likely[running] > 0).all()
            assert (table.terminal[after] == step.terminated)[running].all()
            expected, certain = table.reward[before, joint], running & (likely == 1.0)
            np.testing.assert_allclose(step.reward[certain], expected[certain], atol=1e-6)
            surprise += (step.reward - expected)[running & ~certain].tolist()
            running &= ~(step.terminated | step.truncated)
    if surprise:
        error = np.std(surprise) / np.sqrt(len(surprise))
        assert abs(np.mean(surprise)) < 4 * error
    env.close()


@every_table
def test_episodes_begin_as_often_in_a_state_as_the_table_says(build: Build):
    env = build(E, 1)
    model = model_of(env)
    env.reset(np.arange(env.num_envs, dtype=np.uint64))
    counts = np.bincount(model.table_state(), minlength=len(model.table().start))
    assert np.abs(counts / env.num_envs - model.table().start).max() < 0.04
    env.close()


def test_most_environments_are_no_tables():
    assert not isinstance(GymnasiumConfig().build(1, 1), TableModel)

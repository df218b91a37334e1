"""Value iteration on tables small enough to solve by hand, and on games with a known optimum."""

from __future__ import annotations

import numpy as np
import pytest

from marl.config.schema import parse
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.errors import ConfigError
from marl.protocols.environments import Table
from marl.runners.evaluation import evaluation_seeds, play_script, statistics
from marl.single_agent.planning.value_iteration import ValueIterationConfig, solve


def table(reward, successor, terminal) -> Table:
    """reward, successor: [X,J]; nothing is left to chance."""
    states = np.eye(len(terminal))
    actions = np.arange(len(reward[0]))[:, None]
    over = np.array(terminal, dtype=np.bool_)
    return Table(actions, states[successor], np.array(reward, dtype=float), over, states[0])


# Take 1 now, or wait for 10 two steps later; state 3 is the end.
PATIENCE = table(
    reward=[[1, 0], [0, 0], [10, 10], [0, 0]],
    successor=[[3, 1], [2, 2], [3, 3], [3, 3]],
    terminal=[False, False, False, True],
)
# One state that pays 1 for ever.
FOREVER = table(reward=[[1.0]], successor=[[0]], terminal=[False])


def returns(env, config: ValueIterationConfig | None = None, count: int = 64) -> dict[str, float]:
    player = (config or ValueIterationConfig()).build(env)
    return statistics(play_script(env, player, evaluation_seeds(0, 0, count)))


def test_waiting_is_worth_it_unless_the_future_counts_little():
    patient = solve(PATIENCE, 0.5, 1e-9, 100)
    assert patient.values.tolist() == [2.5, 5.0, 10.0, 0.0]  # 0.5^2 * 10
    assert patient.best.tolist()[:1] == [1]
    hasty = solve(PATIENCE, 0.25, 1e-9, 100)
    assert hasty.values.tolist() == [1.0, 2.5, 10.0, 0.0]  # 0.25^2 * 10 < 1
    assert hasty.best.tolist()[:1] == [0]


def test_chance_is_weighed():
    gamble = Table(
        actions=np.array([[0], [1]]),
        transition=np.array(
            [[[0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], [[0, 0, 1.0]] * 2, [[0, 0, 1.0]] * 2]
        ),
        reward=np.array([[0.0, 3.0], [8.0, 8.0], [0.0, 0.0]]),
        terminal=np.array([False, False, True]),
        start=np.array([1.0, 0.0, 0.0]),
    )
    assert solve(gamble, 1.0, 1e-9, 100).values.tolist() == [4.0, 8.0, 0.0]  # half of 8, not 3


def test_what_is_paid_for_ever_is_worth_a_geometric_series():
    assert solve(FOREVER, 0.9, 1e-10, 1000).values[0] == pytest.approx(10.0)


def test_values_that_do_not_settle_are_refused_with_what_to_do():
    with pytest.raises(
        ConfigError, match=r"after 50 sweeps values still change by 1, .* lower disc"
    ):
        solve(FOREVER, 1.0, 1e-6, 50)
    with pytest.raises(ConfigError, match="raise it"):
        ValueIterationConfig(max_sweeps=1).build(TwoStepConfig().build(1, 1))


@pytest.mark.parametrize(
    ("config", "best"),
    [
        (MatrixConfig("climbing"), 11.0),
        (MatrixConfig("penalty"), 10.0),
        (MatrixConfig("nonmonotonic"), 8.0),
        (TwoStepConfig(), 8.0),
    ],
)
def test_the_agents_play_the_best_that_there_is(config, best):
    found = returns(config.build(4, 1))
    assert found["return_mean"] == best
    assert found["optimal_mean"] == 1.0


def test_who_cares_for_now_alone_takes_the_first_table():
    env = TwoStepConfig().build(1, 1)
    assert returns(env, ValueIterationConfig(discount=0.0))["return_mean"] == 7.0


def test_the_way_along_the_cliff_is_thirteen_steps():
    env = GymnasiumConfig("CliffWalking-v1", time_limit=50).build(2, 1)
    assert returns(env)["return_mean"] == -13.0


def test_the_frozen_lake_is_crossed_as_often_as_it_can_be():
    """About 0.74 within 100 steps; the threshold that it is registered with is 0.7."""
    found = returns(GymnasiumConfig("FrozenLake-v1").build(50, 1), count=500)
    assert found["return_mean"] == pytest.approx(0.74, abs=0.06)


def test_an_environment_without_tables_is_refused():
    with pytest.raises(ConfigError, match=r"plans with tables, and gymnasium/CartPole-v1 has none"):
        ValueIterationConfig().build(GymnasiumConfig().build(1, 1))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"discount": 1.5}, "discount"),
        ({"tolerance": 0}, "tolerance"),
        ({"max_sweeps": 0}, "max_sweeps"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, line):
    with pytest.raises(ConfigError, match=line):
        parse(ValueIterationConfig, options)

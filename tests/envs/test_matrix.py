"""marl.envs.matrix: who earns what is written in the tables."""

from __future__ import annotations

import numpy as np
import pytest

from marl.config.schema import parse
from marl.envs.matrix import PAYOFFS, MatrixConfig, TwoStepConfig
from marl.errors import ConfigError

SEEDS = np.zeros(2, dtype=np.uint64)


@pytest.mark.parametrize(
    ("game", "best", "actions"),
    [
        ("climbing", 11.0, (0, 0)),
        ("penalty", 10.0, (2, 2)),
        ("monotonic", 8.0, (1, 1)),
        ("nonmonotonic", 8.0, (0, 0)),
    ],
)
def test_the_optimum_of_each_matrix_game_is_known(game: str, best: float, actions: tuple[int, int]):
    assert max(max(row) for row in PAYOFFS[game]) == best
    env = MatrixConfig(game).build(2, 1)
    env.reset(SEEDS)
    step = env.step(np.array([actions, (0, 1)]))
    assert step.reward[0] == best
    assert step.terminated.all()
    assert not step.truncated.any()
    np.testing.assert_array_equal(env.outcomes()["optimal"], [1.0, 0.0])


def test_the_first_agent_chooses_the_row():
    env = MatrixConfig("own", ((1.0, 2.0), (3.0, 4.0))).build(2, 1)
    env.reset(SEEDS)
    np.testing.assert_array_equal(env.step(np.array([[0, 1], [1, 0]])).reward, [2.0, 3.0])
    assert env.spec.name == "matrix/own"


def test_two_step_pays_seven_for_sure_or_eight_for_both():
    env = TwoStepConfig().build(4, 1)
    assert (env.spec.episode_limit, env.spec.n_agents, env.spec.n_actions) == (2, 2, 2)
    env.reset(np.zeros(4, dtype=np.uint64))
    np.testing.assert_array_equal(env.observe().state, [[1.0, 0.0, 0.0]] * 4)
    first = env.step(np.array([[0, 1], [1, 0], [1, 0], [1, 1]]))  # the second agent has no say
    assert not first.terminated.any()
    assert not first.reward.any()
    np.testing.assert_array_equal(env.observe().state.argmax(-1), [1, 2, 2, 2])
    second = env.step(np.array([[1, 0], [0, 0], [0, 1], [1, 1]]))
    np.testing.assert_array_equal(second.reward, [7.0, 0.0, 1.0, 8.0])
    assert second.terminated.all()
    np.testing.assert_array_equal(env.outcomes()["optimal"], [0.0, 0.0, 0.0, 1.0])


def test_a_game_that_is_not_over_is_not_optimal():
    env = TwoStepConfig().build(2, 1)
    env.reset(SEEDS)
    assert not env.outcomes()["optimal"].any()


def test_a_table_numbers_joint_actions_row_by_row_and_ends_in_its_last_state():
    table = TwoStepConfig().build(1, 1).table()
    assert table.actions.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert table.reward.tolist() == [[0.0] * 4, [7.0] * 4, [0.0, 1.0, 1.0, 8.0], [0.0] * 4]
    assert table.transition.argmax(-1).tolist() == [[1, 1, 2, 2], [3] * 4, [3] * 4, [3] * 4]
    assert table.terminal.tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"game": "own"}, "needs one"),
        ({"payoff": [[1, 2], [3, 4]]}, "belongs to game=own"),
        ({"game": "own", "payoff": [[1, 2], [3]]}, "each row"),
        ({"game": "climbin"}, "climbing"),
    ],
)
def test_a_game_that_makes_no_sense_is_refused(options: dict[str, object], complaint: str):
    with pytest.raises(ConfigError, match=complaint):
        parse(MatrixConfig, options)

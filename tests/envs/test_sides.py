"""Agents that play against each other are refused, others of several sorts are told of."""

from __future__ import annotations

import pytest

from marl.envs.matrix import TwoStepConfig
from marl.envs.pettingzoo import ParallelView, PettingZooEnv
from marl.envs.sides import check_sides, sorts_of
from marl.errors import EnvError

TAG = ["adversary_0", "adversary_1", "adversary_2", "agent_0"]


def env_of(names: list[str], how: str = "sum") -> PettingZooEnv:
    """The two-step game, its two agents called like that."""
    return PettingZooEnv(
        "pettingzoo/it", [ParallelView(TwoStepConfig().build(1, 1), names)], how, 2
    )


def test_names_are_counted_without_their_numbers():
    assert sorts_of(TAG) == {"adversary": 3, "agent": 1}
    assert sorts_of(["player1", "player2", "lone"]) == {"player": 2, "lone": 1}


@pytest.mark.parametrize(
    "names",
    [
        TAG,
        ["leadadversary_0", "adversary_0", "agent_0", "agent_1"],
        ["eve_0", "bob_0", "alice_0"],
        ["red_0", "red_1", "blue_0", "blue_1"],
    ],
)
def test_opponents_are_refused(names):
    with pytest.raises(EnvError, match=r"it: .* play against each other, and all agents here"):
        check_sides("it", names)


@pytest.mark.parametrize(
    "names",
    [
        ["agent_0", "agent_1"],
        ["adversary_0"],
        ["knight_0", "archer_0"],
        ["red_0"],
        ["steve_0", "a"],
    ],
)
def test_a_team_is_not(names):
    check_sides("it", names)


def test_an_environment_of_opponents_is_refused_when_it_is_made():
    with pytest.raises(EnvError, match="pettingzoo/it: adversary and agent play against"):
        env_of(["adversary_0", "agent_0"])


def test_several_sorts_in_one_team_are_told_of():
    assert env_of(["agent_0", "agent_1"]).remark() == ""
    assert env_of(["knight_0", "archer_0"], "mean").remark() == (
        "1 knight and 1 archer of pettingzoo/it learn as one team, which is paid the mean of all "
        "their rewards"
    )

"""Epsilon-greedy: legal, uniform where random, annealed in a straight line."""

from __future__ import annotations

import pytest
import torch

from marl.controllers.exploration import EpsilonConfig, EpsilonGreedy, Greedy
from marl.protocols import Progress

VALUES = torch.tensor([[[1.0, 9.0, 3.0, 2.0]]])
AVAIL = torch.tensor([[[True, False, True, True]]])


def test_greedy_takes_the_best_available_action():
    assert Greedy().select(VALUES, AVAIL, Progress(), torch.Generator()).item() == 2


@pytest.mark.parametrize(
    ("t_env", "epsilon"), [(0, 1.0), (25_000, 0.525), (50_000, 0.05), (1e9, 0.05)]
)
def test_epsilon_falls_in_a_straight_line(t_env, epsilon):
    assert EpsilonConfig().at(t_env) == pytest.approx(epsilon)
    exploration = EpsilonGreedy(EpsilonConfig())
    assert exploration.metrics(Progress(t_env=t_env)) == {"epsilon": pytest.approx(epsilon)}


def test_random_actions_are_uniform_over_the_available_ones():
    count = 30_000
    rng = torch.Generator().manual_seed(0)
    actions = EpsilonGreedy(EpsilonConfig(start=1.0)).select(
        VALUES.expand(count, 1, 4), AVAIL.expand(count, 1, 4), Progress(), rng
    )
    shares = torch.bincount(actions.flatten(), minlength=4) / count
    assert shares[1] == 0
    assert shares[[0, 2, 3]].tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_share_of_random_actions_is_epsilon():
    count = 30_000
    rng = torch.Generator().manual_seed(0)
    actions = EpsilonGreedy(EpsilonConfig(start=0.3)).select(
        VALUES.expand(count, 1, 4), AVAIL.expand(count, 1, 4), Progress(), rng
    )
    greedy = (actions == 2).float().mean().item()
    assert greedy == pytest.approx(0.7 + 0.3 / 3, abs=0.015)

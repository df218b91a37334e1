"""Epsilon-greedy: legal, uniform where random, annealed in a straight line."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, random_batch

from marl.controllers.exploration import EpsilonConfig, EpsilonGreedy, explore, greedy_actions
from marl.controllers.shared import SharedController
from marl.nets.agents import RnnConfig
from marl.protocols.acting import ObservationTensors
from marl.protocols.loop import Progress

VALUES = torch.tensor([[[1.0, 9.0, 3.0, 2.0]]])
AVAIL = torch.tensor([[[True, False, True, True]]])


def actor(epsilon=EpsilonConfig()) -> EpsilonGreedy:  # noqa: B008
    torch.manual_seed(0)
    return EpsilonGreedy(SharedController(SMALL, RnnConfig()), epsilon)


def shown(batch, slot: int) -> ObservationTensors:
    return ObservationTensors(batch.obs[:, slot], batch.state[:, slot], batch.avail[:, slot])


def test_greedy_takes_the_best_available_action():
    assert greedy_actions(VALUES, AVAIL).item() == 2


@pytest.mark.parametrize(
    ("t_env", "epsilon"), [(0, 1.0), (25_000, 0.525), (50_000, 0.05), (1e9, 0.05)]
)
def test_epsilon_falls_in_a_straight_line(t_env, epsilon):
    assert EpsilonConfig().at(t_env) == pytest.approx(epsilon)
    assert actor().metrics(Progress(t_env=t_env)) == {"epsilon": pytest.approx(epsilon)}


def test_random_actions_are_uniform_over_the_available_ones():
    count = 30_000
    rng = torch.Generator().manual_seed(0)
    avail = AVAIL.expand(count, 1, 4)
    actions = explore(greedy_actions(VALUES.expand(count, 1, 4), avail), avail, 1.0, rng)
    shares = torch.bincount(actions.flatten(), minlength=4) / count
    assert shares[1] == 0
    assert shares[[0, 2, 3]].tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_share_of_random_actions_is_epsilon():
    count = 30_000
    rng = torch.Generator().manual_seed(0)
    avail = AVAIL.expand(count, 1, 4)
    actions = explore(greedy_actions(VALUES.expand(count, 1, 4), avail), avail, 0.3, rng)
    greedy = (actions == 2).float().mean().item()
    assert greedy == pytest.approx(0.7 + 0.3 / 3, abs=0.015)


def test_the_actor_explores_as_much_as_its_epsilon_says():
    batch = random_batch(SMALL, 2000)
    carry = actor().initial_carry(2000)
    found = {}
    for epsilon in (0.0, 0.5):
        chooser = actor(EpsilonConfig(start=epsilon, end=epsilon))
        rng = torch.Generator().manual_seed(0)
        greedy = chooser.act(shown(batch, 0), carry, Progress(), rng, greedy=True).actions
        acted = chooser.act(shown(batch, 0), carry, Progress(), rng).actions
        values, _ = chooser.controller.step(batch.obs[:, 0], carry)
        assert torch.equal(greedy, greedy_actions(values, batch.avail[:, 0]))
        found[epsilon] = (acted != greedy).float().mean().item()
    # Of n available actions, a random one is another than the greedy one n - 1 times in n.
    others = 1 - (1 / batch.avail[:, 0].sum(-1)).mean().item()
    assert found[0.0] == 0.0
    assert found[0.5] == pytest.approx(0.5 * others, abs=0.03)  # 5 standard errors


def test_the_carry_holds_what_was_done_and_that_the_episode_has_begun():
    batch, chooser = random_batch(SMALL, 4), actor()
    carry = chooser.initial_carry(4)
    assert carry["started"].all()
    acted = chooser.act(shown(batch, 0), carry, Progress(), torch.Generator())
    assert torch.equal(acted.carry["actions"], acted.actions)
    assert not acted.carry["started"].any()
    assert acted.extras == {}

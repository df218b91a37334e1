"""Every recipe's parts keep the promises of marl/protocols.py, on the sizes of a real map."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from builders import SMALL, random_batch

from marl.algos.values import Agent
from marl.intrinsic.lagma.bonus import LatentGoalBonus
from marl.intrinsic.none import NoBonus
from marl.protocols import Progress
from marl.registry import LEARNERS

CPU = torch.device("cpu")
ONE_AGENT = replace(SMALL, name="test/one", n_agents=1)
LATE = Progress(t_env=10**6, episode=10**5, update=10**5)  # past every warm-up
CASES = [(name, SMALL) for name in LEARNERS] + [(name, ONE_AGENT) for name in LEARNERS]
ids = [f"{name}-{spec.n_agents}" for name, spec in CASES]
pytestmark = pytest.mark.parametrize(("name", "spec"), CASES, ids=ids)


def build(name, spec) -> Agent:
    torch.manual_seed(0)
    return LEARNERS[name]().build(spec, CPU)


def test_controller_gives_a_value_for_every_action_and_takes_the_carry_back(name, spec):
    controller = build(name, spec).controller
    batch = random_batch(spec, 4)
    carry = controller.initial_carry(4)
    values, after = controller.step(batch.obs[:, 0], batch.previous_actions, carry)
    assert values.shape == (4, spec.n_agents, spec.n_actions)
    assert after.shape == carry.shape
    assert controller.unroll(batch).shape == (4, batch.steps + 1, spec.n_agents, spec.n_actions)


def test_exploration_and_greedy_choose_available_actions(name, spec):
    agent = build(name, spec)
    rng = torch.Generator().manual_seed(0)
    avail = random_batch(spec, 64).avail[:, 0]
    values = torch.randn(avail.shape)
    for chooser in (agent.exploration, agent.greedy):
        for progress in (Progress(), LATE):
            actions = chooser.select(values, avail, progress, rng)
            assert avail.gather(-1, actions[..., None]).all()
    assert set(agent.exploration.metrics(LATE)) == {"epsilon"}


def test_learner_learns_from_what_its_sampler_draws_and_gives_numbers(name, spec):
    agent = build(name, spec)
    rng = torch.Generator().manual_seed(0)
    assert not agent.sampler.ready(agent.buffer)
    while not agent.sampler.ready(agent.buffer):
        agent.buffer.add(random_batch(spec, 32, lengths=[9, 5, 3, 1] * 8))
    batch = agent.sampler.sample(agent.buffer, rng)
    metrics = agent.learner.update(batch, LATE)
    assert {"loss", "grad_norm", "td_error_abs", "q_taken_mean", "target_mean"} <= set(metrics)
    assert all(torch.as_tensor(value).ndim == 0 for value in metrics.values())
    assert all(torch.isfinite(torch.as_tensor(value)) for value in metrics.values())


def test_saved_learner_goes_on_as_the_first_one(name, spec):
    if name == "dqn":
        batches = [random_batch(spec, 8, seed=i, lengths=[1] * 8) for i in range(3)]
    else:
        batches = [random_batch(spec, 8, seed=i, lengths=[9, 5] * 4) for i in range(3)]
    one, two = build(name, spec).learner, build(name, spec).learner
    one.update(batches[0], LATE)
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    two.load_state_dict(torch.load(file, weights_only=True))
    for batch in batches[1:]:
        first, second = one.update(batch, LATE), two.update(batch, LATE)
        assert first.keys() == second.keys()
        for key in first:
            assert torch.equal(torch.as_tensor(first[key]), torch.as_tensor(second[key])), key


def test_bonus_fits_the_bootstrap_whatever_is_learnt_per_step(name, spec):
    bonus = build(name, spec).learner.bonus
    assert isinstance(bonus, LatentGoalBonus if name == "lagma" else NoBonus)
    batch = random_batch(spec, 8, lengths=[9, 5] * 4)
    bonus.prepare(batch, LATE)
    for width in (1, spec.n_agents):
        bootstrap = torch.randn(8, batch.steps, width)
        paid = bonus.bonus(batch, bootstrap).expand_as(bootstrap)
        assert (paid >= 0).all()
        assert (paid[~batch.filled[..., 0]] == 0).all()
        assert not paid.requires_grad

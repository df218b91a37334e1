"""Soft actor-critic: densities, losses and the temperature by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from marl.batch import EpisodeBatch, layout_of
from marl.controllers.squashed import Gauss
from marl.learners.actor_critic.soft import SoftConfig, SoftImprovement
from marl.nets.team_critics import JointCriticConfig
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.actor_critic.sac import SacConfig
from marl.spec import Continuous, EnvSpec

CPU = torch.device("cpu")
SPEC = EnvSpec("test/continuous", 1, Continuous((-2.0, -1.0), (2.0, 3.0)), 4, 4, 50)


def transitions(count: int) -> EpisodeBatch:
    rng = torch.Generator().manual_seed(5)
    batch = EpisodeBatch.zeros(layout_of(SPEC), count, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.actions.copy_(torch.rand(batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.terminated.copy_(torch.rand(batch.terminated.shape, generator=rng) < 0.25)
    batch.filled.fill_(True)
    return batch


def learner_of(config: SoftConfig):
    torch.manual_seed(0)
    learner = SacConfig(learner=config).build(SPEC, CPU).learner
    for parameter in learner.target_critics.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def noise_of(learner, count: int) -> torch.Tensor:
    """The normal numbers that the learner draws next, [count,1,1,2]."""
    rng = torch.Generator()
    rng.set_state(learner.rng.get_state())
    return torch.randn(count, 1, 1, 2, generator=rng)


def test_the_squashed_density_is_that_of_torch():
    gauss = Gauss(torch.tensor([0.3, -1.0]), torch.tensor([-0.5, 0.2]))
    numbers = gauss.draw(torch.tensor([[0.1, -0.7], [1.5, 2.0]]))
    normal = Normal(gauss.mean, gauss.log_std.exp())
    squashed = TransformedDistribution(normal, TanhTransform(cache_size=1))
    expected = squashed.log_prob(torch.tanh(numbers)).sum(-1)
    torch.testing.assert_close(gauss.log_prob(numbers), expected, rtol=1e-4, atol=1e-4)


def test_the_density_stays_finite_where_tanh_is_one():
    gauss = Gauss(torch.zeros(1, requires_grad=True), torch.zeros(1))
    log_prob = gauss.log_prob(torch.tensor([40.0]))
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all()
    assert torch.isfinite(gauss.mean.grad).all()


def test_targets_have_the_shape_of_the_values_and_each_its_own_entropy():
    learner, batch = learner_of(SoftConfig(alpha=0.3)), transitions(32)
    improvement = learner.improvement
    gauss = improvement.policy.at(batch, slice(1, None))
    numbers = gauss.draw(noise_of(learner, 32))
    actions = improvement.policy.squash(numbers)
    values = learner.target_critics(batch.obs[:, 1:], actions).amin(0)
    by_hand = values - 0.3 * gauss.log_prob(numbers)
    with torch.no_grad():
        found = improvement.next_values(batch, learner.target_critics, learner.rng)
    assert found.shape == values.shape == (32, 1, 1)
    torch.testing.assert_close(found, by_hand)


def test_the_actor_descends_its_loss_by_hand():
    learner, batch = learner_of(SoftConfig(alpha=0.3)), transitions(32)
    improvement = learner.improvement
    gauss = improvement.policy.at(batch, slice(0, -1))
    numbers = gauss.draw(noise_of(learner, 32))
    values = learner.critics(batch.obs[:, :-1], improvement.policy.squash(numbers)).amin(0)
    by_hand = (0.3 * gauss.log_prob(numbers) - values).mean()
    loss, _ = improvement.loss(batch, learner.critics, learner.rng)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


@pytest.mark.parametrize(("target", "sign"), [(-50.0, -1), (50.0, 1)])
def test_the_temperature_moves_towards_the_target_entropy(target, sign):
    learner, batch = learner_of(SoftConfig(entropy=target)), transitions(32)
    for update in range(3):
        learner.update({BATCH: batch}, Progress(update=update))
    assert math.copysign(1, learner.improvement.log_alpha.item()) == sign


def test_a_fixed_temperature_stays_and_is_no_parameter():
    learner, batch = learner_of(SoftConfig(alpha=0.3, alpha_optimizer=None)), transitions(32)
    assert isinstance(learner.improvement, SoftImprovement)
    assert all(one is not learner.improvement.log_alpha for one in learner.parameters)
    learner.update({BATCH: batch}, Progress())
    assert learner.improvement.log_alpha.exp().item() == pytest.approx(0.3)


def test_a_team_with_one_value_is_paid_for_the_entropies_of_all():
    torch.manual_seed(0)
    team = replace(SPEC, n_agents=3)
    recipe = SacConfig(critic=JointCriticConfig(count=2, hidden_dims=(8,)))
    learner = recipe.build(team, CPU).learner
    improvement = learner.improvement
    batch = EpisodeBatch.zeros(layout_of(team), 8, 1)
    batch.filled.fill_(True)
    rng = torch.Generator()
    rng.set_state(learner.rng.get_state())
    actions, log_prob = improvement.policy.draw(batch, slice(1, None), rng)
    values = learner.target_critics.values(batch, slice(1, None), actions).amin(0)
    with torch.no_grad():
        found = improvement.next_values(batch, learner.target_critics, learner.rng)
    torch.testing.assert_close(found, values - log_prob.sum(-1, keepdim=True))  # alpha is 1
    assert learner.update({BATCH: batch}, Progress())["loss"].isfinite()

"""Cloning continuous actions: losses by hand, and a linear expert found again."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, VECTORS, random_batch
from torch import Tensor
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from marl.batch import EpisodeBatch, single_steps
from marl.errors import ConfigError
from marl.intrinsic.lagma.bonus import LagmaBonusConfig
from marl.learners.cloning import CloningConfig, CloningLearner
from marl.learners.optimizers import AdamConfig
from marl.nets.agents import MlpConfig
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.offline.bc import BcConfig

CPU = torch.device("cpu")
MIDDLE, HALF = torch.tensor([0.0, 0.25]), torch.tensor([2.0, 0.25])
LINEAR = MlpConfig(hidden_dims=(), agent_id=False, last_action=False)


def transitions() -> EpisodeBatch:
    return single_steps(random_batch(VECTORS, 6, seed=1))


def learner_of(config: BcConfig) -> CloningLearner:
    torch.manual_seed(0)
    learner = config.build(VECTORS, CPU).learner
    assert isinstance(learner, CloningLearner)
    return learner


def test_the_squares_are_of_half_ranges():
    learner, batch = learner_of(BcConfig(policy="deterministic")), transitions()
    chosen = MIDDLE + HALF * learner.policy.net.layers(batch.obs[:, :-1]).tanh()
    by_hand = (((chosen - batch.actions) / HALF) ** 2).mean()
    loss = learner.loss(batch)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_likelihood_is_that_of_torch():
    learner, batch = learner_of(BcConfig(policy="squashed")), transitions()
    gauss = learner.policy.at(batch, slice(0, -1))
    squashed = TransformedDistribution(
        Normal(gauss.mean.double(), gauss.log_std.double().exp()), TanhTransform(cache_size=1)
    )
    units = ((batch.actions - MIDDLE) / HALF).clamp(-0.999, 0.999).double()
    by_hand = -squashed.log_prob(units).sum(-1).mean()
    loss = learner.loss(batch)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-4)


def test_actions_on_the_bounds_have_a_finite_likelihood():
    learner, batch = learner_of(BcConfig(policy="squashed")), transitions()
    batch.actions.copy_((MIDDLE + HALF).expand_as(batch.actions))
    loss = learner.loss(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in learner.parameters)


def test_padding_counts_for_nothing():
    learner, batch = learner_of(BcConfig(policy="deterministic")), transitions()
    first = batch.rows(0, 20)
    batch.filled[20:] = False
    assert learner.loss(batch).item() == pytest.approx(learner.loss(first).item(), rel=1e-6)


def expert(obs: Tensor, weight: Tensor) -> Tensor:
    return MIDDLE + HALF * (obs @ weight.T).tanh()


@pytest.mark.parametrize("policy", ["deterministic", "squashed"])
def test_a_linear_expert_is_found_again(policy):
    config = CloningConfig(AdamConfig(lr=0.02, eps=1e-8), grad_norm_clip=1e6)
    learner = learner_of(BcConfig(agent=LINEAR, policy=policy, learner=config))
    rng = torch.Generator().manual_seed(3)
    weight = 0.4 * torch.randn(2, 6, generator=rng)
    batch = transitions()
    batch.actions.copy_(expert(batch.obs[:, :-1], weight))
    for update in range(1500):
        learner.update({BATCH: batch}, Progress(update=update))
    found = learner.policy.net.layers[0].weight[:2]  # of the mode
    torch.testing.assert_close(found, weight, atol=5e-3, rtol=0.0)


def test_what_does_not_fit_is_refused_in_one_line():
    with pytest.raises(ConfigError, match="policy: deterministic is for continuous actions"):
        BcConfig(policy="deterministic").check(SMALL)
    with pytest.raises(ConfigError, match=r"bonus\.kind: cloning learns from no reward"):
        BcConfig(policy="deterministic", bonus=LagmaBonusConfig()).check(VECTORS)

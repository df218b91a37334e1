"""Behaviour cloning: its loss by hand, what it leaves out, that it learns what was done."""

from __future__ import annotations

import pytest
import torch
from builders import ONE_AGENT, SMALL, STALKERS, VECTORS, random_batch

from marl.buffers.prioritised import PrioritisedSamplerConfig
from marl.buffers.samplers import EpisodeSamplerConfig
from marl.controllers.policy import has_choice
from marl.errors import ConfigError
from marl.intrinsic.lagma.bonus import LagmaBonusConfig
from marl.learners.cloning import CloningLearner
from marl.nets.agents import MlpConfig, RnnConfig
from marl.nets.threads import set_learner_threads
from marl.protocols.acting import ObservationTensors
from marl.protocols.experience import BATCH
from marl.protocols.learning import RowSharing
from marl.protocols.loop import Progress
from marl.single_agent.offline.bc import BcConfig

CPU = torch.device("cpu")
MEMORY = BcConfig(agent=RnnConfig(), sampler=EpisodeSamplerConfig())
AGENTS = pytest.mark.parametrize("recipe", [BcConfig(), MEMORY], ids=["mlp", "rnn"])


def learner_of(recipe, spec) -> CloningLearner:
    torch.manual_seed(0)
    return recipe.build(spec, CPU).learner


@AGENTS
def test_the_loss_is_the_cross_entropy_over_available_actions_of_agents_with_a_choice(recipe):
    learner = learner_of(recipe, SMALL)
    batch = random_batch(SMALL, 4, lengths=[9, 5, 3, 1])
    batch.avail[0, :4, 1, 1:] = False  # a forced move
    batch.actions[0, :4, 1] = 0
    logits = learner.policy.unroll(batch)
    errors = []
    for b, length in enumerate([9, 5, 3, 1]):
        for t in range(length):
            for a in range(3):
                avail = batch.avail[b, t, a]
                if avail.sum() < 2:
                    continue
                chances = logits[b, t, a].masked_fill(~avail, -torch.inf).softmax(-1)
                errors.append(-chances[batch.actions[b, t, a]].log())
    assert len(errors) == 18 * 3 - 4
    assert learner.loss(batch).item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-5)


def test_of_continuous_actions_it_is_the_gaussians_likelihood():
    learner = learner_of(BcConfig(), VECTORS)
    batch = random_batch(VECTORS, 4, lengths=[1] * 4)
    means = learner.policy.unroll(batch)[:, :1]
    expected = -torch.distributions.Normal(means, 1.0).log_prob(batch.actions).sum(-1).mean()
    assert learner.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)


@AGENTS
def test_it_learns_what_was_done(recipe):
    learner = learner_of(recipe, SMALL)
    batch = random_batch(SMALL, 8)
    for update in range(600):
        loss = learner.update({BATCH: batch}, Progress(update=update))["loss"]
    counts = has_choice(batch)[:, :-1]
    logits = learner.policy.unroll(batch)[:, :-1].masked_fill(~batch.avail[:, :-1], -torch.inf)
    right = (logits.argmax(-1) == batch.actions)[counts].float().mean()
    assert right > 0.9
    assert loss < 0.4


@AGENTS
def test_threads_share_its_updates(recipe):
    learner = learner_of(recipe, STALKERS)
    assert isinstance(learner, RowSharing)
    batch = random_batch(STALKERS, 4, lengths=[9, 100, 30, 1])
    losses = []
    for number in (1, 2):
        set_learner_threads(number)
        losses.append(learner.loss(batch).item())
    set_learner_threads(1)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_likeliest_action_is_played_and_nothing_is_kept_with_it():
    agent = BcConfig().build(ONE_AGENT, CPU)
    assert "log_prob" not in agent.layout
    batch = random_batch(ONE_AGENT, 8)
    shown = ObservationTensors(batch.obs[:, 0], batch.state[:, 0], batch.avail[:, 0])
    carry = agent.actor.initial_carry(8)
    acted = agent.actor.act(shown, carry, Progress(), torch.Generator(), greedy=True)
    logits = agent.learner.policy.unroll(batch)[:, 0].masked_fill(~batch.avail[:, 0], -torch.inf)
    assert torch.equal(acted.actions, logits.argmax(-1))
    assert acted.extras == {}


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        (BcConfig(agent=RnnConfig()), "learns from what came before; use sampler.kind=episodes"),
        (BcConfig(bonus=LagmaBonusConfig()), "cloning learns from no rewards"),
        (BcConfig(sampler=PrioritisedSamplerConfig()), "prioritised needs a learner that weighs"),
    ],
)
def test_what_it_can_not_use_is_refused(recipe, line):
    with pytest.raises(ConfigError, match=line):
        recipe.check(SMALL)


def test_several_agents_share_the_policy_and_that_is_said():
    assert BcConfig().remark(ONE_AGENT) == ""
    assert "the 3 agents of test/small share one policy" in BcConfig().remark(SMALL)
    assert BcConfig(agent=MlpConfig(agent_id=True)).remark(SMALL) == ""

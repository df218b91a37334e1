"""Discrete BCQ: its mask by hand, its ends (0: DQN, 1: imitation), its loss, several agents."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, STALKERS, random_batch
from torch import tensor

from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.batch import masked_mean
from marl.controllers.constrained import ConstrainedGreedy, likely
from marl.controllers.exploration import EpsilonConfig
from marl.controllers.policy import has_choice
from marl.learners.constrained import LIKELY, BcqConstraintConfig, ConstrainedQLearner
from marl.learners.q import QLearnerConfig
from marl.nets.dueling import ValueMlpConfig
from marl.nets.threads import set_learner_threads
from marl.protocols.acting import ObservationTensors
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.offline.bcq_discrete import DiscreteBcqConfig
from marl.single_agent.value.dqn import DqnConfig

CPU = torch.device("cpu")
LENGTHS = [9, 5, 3, 1]


def learner_of(recipe, spec=SMALL) -> ConstrainedQLearner:
    torch.manual_seed(0)
    learner = recipe.build(spec, CPU).learner
    with torch.no_grad():
        for parameter in learner.target_controller.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for parameter in learner.imitation.parameters():
            parameter.mul_(3.0)  # away from all actions alike
    return learner


def test_likely_actions_have_more_than_a_share_of_the_best_ones_chance():
    logits, every = tensor([0.6, 0.3, 0.1]).log(), torch.ones(3, dtype=torch.bool)
    assert likely(logits, every, 0.4).tolist() == [True, True, False]
    assert likely(logits, every, 0.51).tolist() == [True, False, False]
    assert likely(logits, every, 0.0).tolist() == [True, True, True]
    assert likely(logits, every, 1.0).tolist() == [True, False, False]
    without = tensor([False, True, True])
    assert likely(logits, without, 0.4).tolist() == [False, True, False]
    assert likely(logits, without, 0.3).tolist() == [False, True, True]
    assert not likely(logits, ~every, 0.5).any()


def test_with_threshold_0_impossible_logits_are_still_allowed():
    assert likely(tensor([0.0, -1000.0]), torch.ones(2, dtype=torch.bool), 0.0).all()


@pytest.mark.parametrize(
    "recipe",
    [
        IqlConfig(),
        QmixConfig(learner=QLearnerConfig(td_lambda=0.5)),
        IqlConfig(agent=ValueMlpConfig(dueling=True)),
        LagmaConfig(),
    ],
)
def test_threshold_0_has_the_targets_of_plain_learning(recipe):
    batch = random_batch(SMALL, 4, lengths=LENGTHS)
    with_all = learner_of(replace(recipe, constraint=BcqConstraintConfig(0.0, 0.0)))
    allowed = with_all.imitate_rows(batch)[1]
    avail = batch.avail[:, 1:] & batch.filled[..., None]
    assert torch.equal(allowed, avail)
    torch.manual_seed(0)
    plain = recipe.build(SMALL, CPU).learner
    plain.controller.load_state_dict(with_all.controller.state_dict())
    plain.target_controller.load_state_dict(with_all.target_controller.state_dict())
    plain.mixer.load_state_dict(with_all.mixer.state_dict())
    plain.target_mixer.load_state_dict(with_all.target_mixer.state_dict())
    for one, other in zip(plain.estimate_rows(batch), with_all.estimate_rows(batch), strict=True):
        assert torch.equal(one, other)
    loss, metrics = with_all.loss(batch, Progress())
    td = plain.loss(batch, Progress())[0]
    assert loss.item() == pytest.approx(td.item() + metrics["imitation_loss"].item(), rel=1e-5)


def test_threshold_1_bootstraps_from_the_imitations_own_action_alone():
    learner = learner_of(IqlConfig(constraint=BcqConstraintConfig(1.0)))
    batch = random_batch(SMALL, 4, lengths=LENGTHS)
    logits = learner.imitation.unroll(batch)[:, 1:]
    chosen = logits.masked_fill(~batch.avail[:, 1:], -torch.inf).argmax(-1)
    values = learner.target_controller.unroll(batch)[:, 1:]
    expected = values.gather(-1, chosen[..., None])[..., 0] * batch.filled
    assert torch.allclose(learner.estimate_rows(batch)[1], expected, atol=1e-6)


def test_without_double_q_the_target_network_chooses_among_likely_actions():
    config = QLearnerConfig(double_q=False)
    learner = learner_of(IqlConfig(learner=config, constraint=BcqConstraintConfig(0.7)))
    batch = random_batch(SMALL, 4, lengths=LENGTHS)
    allowed = likely(learner.imitation.unroll(batch), batch.avail, 0.7)[:, 1:]
    assert (allowed.sum(-1) < batch.avail[:, 1:].sum(-1)).any()
    values = learner.target_controller.unroll(batch)[:, 1:].masked_fill(~allowed, -torch.inf)
    found = learner.estimate_rows(batch)[1]
    real = batch.filled.expand_as(found)
    assert torch.allclose(found[real], values.amax(-1)[real], atol=1e-6)


def test_the_loss_is_huber_and_cross_entropy_and_the_logits_squares():
    learner = learner_of(DiscreteBcqConfig(), ONE_AGENT)
    batch = random_batch(ONE_AGENT, 8, lengths=[1] * 8)
    logits = learner.imitation.unroll(batch)[:, :-1]
    masked = logits.masked_fill(~batch.avail[:, :-1], -torch.inf)
    nll = -masked.log_softmax(-1).gather(-1, batch.actions[..., None])[..., 0]
    joint, bootstrap = learner.estimate_rows(batch)
    alive = 1.0 - batch.terminated.float()
    error = joint - (batch.reward + 0.99 * alive * bootstrap)
    huber = torch.nn.functional.huber_loss(error, torch.zeros_like(error))
    counts = has_choice(batch)[:, :-1] & batch.filled
    both = masked_mean(nll, counts) + 0.01 * masked_mean(logits.square().mean(-1), counts)
    loss, metrics = learner.loss(batch, Progress())
    assert loss.item() == pytest.approx((huber + both).item(), rel=1e-5)
    assert metrics["imitation_loss"].item() == pytest.approx(masked_mean(nll, counts).item())


@pytest.mark.parametrize("recipe", [QmixConfig(), IqlConfig(), LagmaConfig()])
@pytest.mark.parametrize("count", [2, 3])
def test_threads_share_both_networks(recipe, count):
    learner = learner_of(replace(recipe, constraint=BcqConstraintConfig()), STALKERS)
    batch = random_batch(STALKERS, 5, lengths=[9, 100, 30, 31, 1])
    found = []
    for number in (1, count):
        set_learner_threads(number)
        loss, _ = learner.loss(batch, Progress())
        found.append((loss, torch.autograd.grad(loss, learner.parameters)))
    set_learner_threads(1)
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-5)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5 * float(one.abs().max()))


def test_one_agent_of_iql_is_discrete_bcq():
    single = DiscreteBcqConfig()
    settings = {item.name: getattr(single, item.name) for item in fields(single)}
    learners = [learner_of(single, ONE_AGENT), learner_of(IqlConfig(**settings), ONE_AGENT)]
    batch = random_batch(ONE_AGENT, 8, lengths=[1] * 8)
    for update in range(3):
        one, other = (who.update({BATCH: batch}, Progress(update=update)) for who in learners)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_greedy_actor_takes_the_best_likely_action():
    agent = QmixConfig(constraint=BcqConstraintConfig(0.9)).build(SMALL, CPU)
    actor, learner = agent.actor, agent.learner
    assert isinstance(actor, ConstrainedGreedy)
    batch = random_batch(SMALL, 4)
    values, logits = learner.controller.unroll(batch), learner.imitation.unroll(batch)
    allowed = likely(logits, batch.avail, 0.9)
    expected = values.masked_fill(~allowed, -torch.inf).argmax(-1)  # [B,T+1,A]
    plain = values.masked_fill(~batch.avail, -torch.inf).argmax(-1)
    carry = actor.initial_carry(4)
    differs = False
    for slot in range(batch.steps):
        shown = ObservationTensors(batch.obs[:, slot], batch.state[:, slot], batch.avail[:, slot])
        acted = actor.act(shown, carry, Progress(), torch.Generator(), greedy=True)
        assert torch.equal(acted.actions, expected[:, slot])
        differs |= not torch.equal(expected[:, slot], plain[:, slot])
        # What it remembers follows the batch's actions, as the unrolled networks' do.
        carry = {**acted.carry, "actions": batch.actions[:, slot]}
    assert differs


def test_exploring_takes_any_available_action():
    recipe = DqnConfig(constraint=BcqConstraintConfig(1.0), epsilon=EpsilonConfig(1.0, 1.0))
    actor = recipe.build(ONE_AGENT, CPU).actor
    shown = ObservationTensors(
        torch.zeros(500, 1, 6), torch.zeros(500, 7), torch.ones(500, 1, 5) > 0
    )
    rng = torch.Generator().manual_seed(0)
    acted = actor.act(shown, actor.initial_carry(500), Progress(), rng)
    assert acted.actions.unique().tolist() == [0, 1, 2, 3, 4]


def test_the_column_of_likely_actions_is_the_learners_own():
    learner = learner_of(QmixConfig(constraint=BcqConstraintConfig()))
    batch = random_batch(SMALL, 4, lengths=LENGTHS)
    learner.update({BATCH: batch}, Progress())
    assert LIKELY not in batch.layout
    channels = learner.explain(random_batch(SMALL, 1))
    assert channels["q"].shape == (10, 3, 5)

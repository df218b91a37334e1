"""BCQ: what its policy may do, its targets and its losses, by hand on small batches."""

from __future__ import annotations

import copy

import pytest
import torch
from builders import TEAM_OF_VECTORS, random_batch

from marl.batch import EpisodeBatch, single_steps
from marl.controllers.perturbed import PerturbedConfig
from marl.errors import ConfigError
from marl.learners.actor_critic.learner import ActorCriticLearner
from marl.nets.agents import RnnConfig
from marl.nets.vae import VaeConfig
from marl.protocols.acting import ObservationTensors
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.offline.bcq import BcqConfig

CPU = torch.device("cpu")
SPEC = TEAM_OF_VECTORS
MIDDLE, HALF = torch.tensor([0.0, 0.25]), torch.tensor([2.0, 0.25])


def transitions() -> EpisodeBatch:
    return single_steps(random_batch(SPEC, 2, seed=1))  # 18 of them


def recipe(phi: float = 0.05) -> BcqConfig:
    return BcqConfig(vae=VaeConfig(hidden_dims=(32, 32)), acting=PerturbedConfig(7, phi))


def learner_of(phi: float = 0.05) -> ActorCriticLearner:
    """The recipe's learner; its targets differ from what they follow."""
    torch.manual_seed(0)
    learner = recipe(phi).build(SPEC, CPU).learner
    assert isinstance(learner, ActorCriticLearner)
    for net in (learner.improvement.target_perturbation, learner.target_critics):
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def latents(learner: ActorCriticLearner, count: int) -> torch.Tensor:
    """The latent numbers that the learner draws next, clipped, [count,18,1,3,4]."""
    rng = torch.Generator()
    rng.set_state(learner.rng.get_state())
    return torch.randn(count, 18, 1, 3, 4, generator=rng).clamp(-0.5, 0.5)


def test_without_a_move_actions_are_exactly_the_models():
    torch.manual_seed(0)
    agent = recipe(phi=0.0).build(SPEC, CPU)
    obs = torch.randn(5, 3, 6)
    policy = agent.actor.proposals
    offered, _ = policy.propose(obs, {}, None)
    latent = policy.candidate_noise.clamp(-0.5, 0.5).expand(7, 5, 3, 4)
    assert torch.equal(offered, policy.vae.squash(policy.vae.decode(obs, latent)))


def test_a_move_is_within_its_share_of_the_range_and_the_bounds():
    perturbation = learner_of(phi=0.3).improvement.perturbation
    with torch.no_grad():
        perturbation.net[-1].bias.copy_(torch.tensor([50.0, -50.0]))  # as far as may be
    actions = torch.tensor([[[0.0, 0.25], [1.9, 0.01], [-1.0, 0.5]]])
    moved = perturbation(torch.zeros(1, 3, 6), actions)
    expected = torch.tensor([[[0.6, 0.175], [2.0, 0.0], [-0.4, 0.425]]])
    torch.testing.assert_close(moved, expected)


def test_the_critics_loss_is_that_of_the_equation():
    learner, batch = learner_of(), transitions()
    latent, improvement = latents(learner, 10), learner.improvement
    loss, _ = learner.critic_loss(batch, Progress())
    after, best = batch.obs[:, 1:], []
    for draw in latent:
        actions = MIDDLE + HALF * improvement.behaviour.vae.decode(after, draw).tanh()
        move = improvement.target_perturbation.net(torch.cat([after, actions], -1)).tanh()
        low, high = torch.tensor([-2.0, 0.0]), torch.tensor([2.0, 0.5])
        moved = (actions + 0.05 * HALF * move).clamp(low, high)
        one, two = learner.target_critics(after, moved)
        best.append(0.75 * torch.minimum(one, two) + 0.25 * torch.maximum(one, two))
    following = torch.stack(best).amax(0)
    y = batch.reward + 0.99 * (1 - batch.terminated.float()) * following
    one, two = learner.critics(batch.obs[:, :-1], batch.actions)
    by_hand = ((one - y) ** 2).mean() + ((two - y) ** 2).mean()
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_perturbation_climbs_the_first_critic():
    learner, batch = learner_of(), transitions()
    (latent,), improvement = latents(learner, 1), learner.improvement
    before = batch.obs[:, :-1]
    actions = improvement.behaviour.vae.squash(improvement.behaviour.vae.decode(before, latent))
    moved = improvement.perturbation(before, actions)
    by_hand = -learner.critics(before, moved)[0].mean()
    loss = improvement.loss(batch, learner.critics, learner.rng)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_models_loss_is_its_squares_and_half_the_divergence():
    learner, batch = learner_of(), transitions()
    behaviour = learner.improvement.behaviour
    rng = torch.Generator()
    rng.set_state(learner.rng.get_state())
    actions = (batch.actions - MIDDLE) / HALF
    rebuilt = behaviour.vae(batch.obs[:, :-1], actions, torch.randn(18, 1, 3, 4, generator=rng))
    by_hand = ((rebuilt.numbers.tanh() - actions) ** 2).mean() - 0.25 * (
        1 + 2 * rebuilt.log_std - rebuilt.mean**2 - (2 * rebuilt.log_std).exp()
    ).mean()
    squares, divergence = behaviour.losses(batch, learner.rng)
    assert (squares + 0.5 * divergence).item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_perturbations_step_leaves_critics_and_model_alone():
    learner, batch = learner_of(), transitions()
    others = (learner.critics, learner.improvement.behaviour.vae)
    before = copy.deepcopy([net.state_dict() for net in others])
    moving = learner.improvement.perturbation.net[0].weight.clone()
    learner.improvement.improve(batch, learner.critics, Progress(), learner.rng)
    for net, state in zip(others, before, strict=True):
        assert all(torch.equal(tensor, state[key]) for key, tensor in net.state_dict().items())
    assert not torch.equal(moving, learner.improvement.perturbation.net[0].weight)


def test_the_model_and_all_others_learn_in_one_update():
    learner, batch = learner_of(), transitions()
    before = [parameter.detach().clone() for parameter in learner.parameters]
    metrics = learner.update({BATCH: batch}, Progress())
    assert {"vae_squares", "vae_divergence", "actor_loss", "loss"} <= metrics.keys()
    moved = [not torch.equal(a, b) for a, b in zip(before, learner.parameters, strict=True)]
    assert all(moved)


def test_of_the_candidates_the_first_critic_picks_the_best():
    torch.manual_seed(0)
    agent = recipe().build(SPEC, CPU)
    obs = torch.randn(6, 3, 6)
    shown = ObservationTensors(obs, torch.zeros(6, 7), None)
    acted = agent.actor.act(shown, {}, Progress(), torch.Generator(), greedy=True)
    offered, _ = agent.actor.proposals.propose(obs, {}, None)
    values = torch.stack([agent.learner.critics(obs, each)[0] for each in offered])
    torch.testing.assert_close(agent.learner.critics(obs, acted.actions)[0], values.amax(0))


def test_a_policy_with_a_memory_is_refused():
    with pytest.raises(ConfigError, match=r"agent\.kind: rnn learns from what came before"):
        BcqConfig(agent=RnnConfig()).check(SPEC)

"""Critics of a team, and policies of discrete actions that climb them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from marl.algos.facmac import FacmacConfig
from marl.algos.maddpg import MaddpgConfig, TeamLearnerConfig
from marl.batch import BEFORE
from marl.nets.agents import MlpConfig
from marl.nets.critics import CriticConfig
from marl.nets.mixers import VdnMixerConfig
from marl.nets.team_critics import JointCriticConfig, MixedCriticConfig
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.actor_critic.ddpg import DdpgConfig
from marl.spec import Continuous
from tests.builders import ONE_AGENT, SMALL, VECTORS, random_batch

CPU = torch.device("cpu")
TEAM = replace(VECTORS, name="test/team", n_agents=3)


def test_a_joint_critic_sees_the_state_and_every_action():
    torch.manual_seed(0)
    critics = JointCriticConfig(count=2, hidden_dims=(8,)).build(TEAM)
    batch = random_batch(TEAM, 4)
    values = critics.values(batch, BEFORE, batch.actions)
    assert values.shape == (2, 4, TEAM.episode_limit, 1)
    for agent in range(3):
        changed = batch.actions.clone()
        changed[:, :, agent] += 1.0
        assert (critics.values(batch, BEFORE, changed) != values).all()


def test_each_agent_climbs_with_the_others_doing_what_they_did():
    torch.manual_seed(0)
    critics = JointCriticConfig(count=2, hidden_dims=(8,)).build(TEAM)
    batch = random_batch(TEAM, 4)
    new = torch.rand_like(batch.actions)
    found = critics.own_values(batch, batch.actions, new)  # [K,B,T,A]
    for agent in range(3):
        team = batch.actions.clone()
        team[:, :, agent] = new[:, :, agent]
        by_hand = critics.values(batch, BEFORE, team)[..., 0]
        torch.testing.assert_close(found[..., agent], by_hand)


def test_a_mixed_critic_is_the_mix_of_each_agents_own():
    torch.manual_seed(0)
    mixed = MixedCriticConfig(count=2, hidden_dims=(8,), mixer=VdnMixerConfig()).build(TEAM)
    torch.manual_seed(0)
    own = CriticConfig(count=2, hidden_dims=(8,)).build(TEAM)
    batch = random_batch(TEAM, 4)
    by_hand = own.values(batch, BEFORE, batch.actions).sum(-1, keepdim=True)
    torch.testing.assert_close(mixed.values(batch, BEFORE, batch.actions), by_hand)
    second = mixed.values(batch, BEFORE, batch.actions, [1])
    torch.testing.assert_close(second, by_hand[1:])


def test_only_available_actions_are_drawn_and_get_a_gradient():
    torch.manual_seed(0)
    learner = MaddpgConfig(learner=TeamLearnerConfig(logit_penalty=0.0)).build(SMALL, CPU).learner
    batch = random_batch(SMALL, 8)
    asked = []
    own_values = learner.critics.own_values

    def listen(batch, taken, actions, picked):
        actions.retain_grad()
        asked.append(actions)
        return own_values(batch, taken, actions, picked)

    learner.critics.own_values = listen
    loss, metrics = learner.improvement.loss(batch, learner.critics, learner.rng)
    loss.backward()
    hard = asked[0].detach()
    torch.testing.assert_close(hard.sum(-1), torch.ones_like(hard[..., 0]))
    assert hard[~batch.avail[:, :-1] & batch.filled[..., None]].abs().max() < 1e-6
    assert metrics["entropy"] > 0
    assert any(one.grad.abs().max() > 0 for one in learner.improvement.parameters)


def test_targets_are_of_the_likeliest_available_actions():
    torch.manual_seed(0)
    learner = FacmacConfig().build(SMALL, CPU).learner
    batch = random_batch(SMALL, 8)
    improvement = learner.improvement
    logits = improvement.target_policy.unroll(batch)[:, 1:]
    best = logits.masked_fill(~batch.avail[:, 1:], -torch.inf).argmax(-1)
    by_hand = learner.target_critics.values(batch, slice(1, None), improvement.vectors(best))
    with torch.no_grad():
        found = improvement.next_values(batch, learner.target_critics, learner.rng)
    torch.testing.assert_close(found, by_hand[0])


@pytest.mark.parametrize("recipe", [MaddpgConfig, FacmacConfig])
@pytest.mark.parametrize("spec", [SMALL, ONE_AGENT, TEAM], ids=lambda spec: spec.name)
def test_an_update_moves_policy_and_critics(recipe, spec):
    torch.manual_seed(0)
    agent = recipe().build(spec, CPU)
    before = [one.detach().clone() for one in agent.learner.parameters]
    metrics = agent.learner.update({BATCH: random_batch(spec, 8)}, Progress())
    assert all(torch.isfinite(value).all() for value in metrics.values())
    moved = [
        not torch.equal(old, new) for old, new in zip(before, agent.learner.parameters, strict=True)
    ]
    assert sum(moved) > len(moved) / 2


def test_with_one_agent_and_its_own_critic_maddpg_is_ddpg():
    """Where the state is the observation, and so it is in every environment of one agent."""
    net = MlpConfig(hidden_dims=(16,), agent_id=False, last_action=False)
    spec = replace(VECTORS, state_dim=VECTORS.obs_dim)
    learning = TeamLearnerConfig(
        tau=0.005,
        actor_optimizer=DdpgConfig().learner.actor_optimizer,
        critic_optimizer=DdpgConfig().learner.critic_optimizer,
    )
    recipes = (
        DdpgConfig(agent=net, critic=CriticConfig(count=1, hidden_dims=(16,))),
        MaddpgConfig(
            agent=net, critic=JointCriticConfig(count=1, hidden_dims=(16,)), learner=learning
        ),
    )
    found = []
    for recipe in recipes:
        torch.manual_seed(0)
        learner = recipe.build(spec, CPU).learner
        for update in range(5):
            batch = random_batch(spec, 16, seed=update)
            batch.state.copy_(batch.obs[:, :, 0])
            metrics = learner.update({BATCH: batch}, Progress(update=update))
        found.append({name: value.item() for name, value in metrics.items()})
    assert isinstance(spec.action, Continuous)
    assert found[0] == pytest.approx(found[1], rel=1e-5)

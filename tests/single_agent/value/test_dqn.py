"""DQN is IQL with one agent: the same numbers, and those of a DQN written by hand."""

from __future__ import annotations

import copy
from dataclasses import fields

import pytest
import torch
from torch import Tensor, nn

from marl.algos.iql import IqlConfig
from marl.batch import EpisodeBatch, layout_of
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.envs.gymnasium import GymnasiumConfig
from marl.learners.q import QLearner
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.value.dqn import DqnConfig
from marl.spec import Discrete, EnvSpec

CPU = torch.device("cpu")
SPEC = EnvSpec("test/one_agent", 1, Discrete(3), obs_dim=4, state_dim=4, episode_limit=50)


def transitions(count: int) -> EpisodeBatch:
    """Random slices of one step, a quarter of them terminated."""
    rng = torch.Generator().manual_seed(5)
    batch = EpisodeBatch.zeros(layout_of(SPEC), count, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.state.copy_(batch.obs[:, :, 0])
    batch.avail.fill_(True)
    batch.actions.copy_(torch.randint(3, batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.terminated.copy_(torch.rand(batch.terminated.shape, generator=rng) < 0.25)
    batch.filled.fill_(True)
    return batch


def learner_of(config: IqlConfig) -> QLearner:
    """The recipe's learner, the same weights for all; its targets differ from them."""
    torch.manual_seed(0)
    learner = config.build(SPEC, CPU).learner
    for parameter in learner.target_controller.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def dqn_by_hand(
    net: nn.Module, target: nn.Module, optimizer: torch.optim.Optimizer, batch: EpisodeBatch
) -> Tensor:
    """The textbook's update on flat tensors [B,...]: double Q, squared error."""
    obs, after = batch.obs[:, 0, 0], batch.obs[:, 1, 0]
    action, reward = batch.actions[:, 0, 0], batch.reward[:, 0, 0]
    done = batch.terminated[:, 0, 0].float()
    q = net(obs)[torch.arange(len(obs)), action]
    with torch.no_grad():
        best = net(after).argmax(1)
        y = reward + 0.99 * (1 - done) * target(after)[torch.arange(len(obs)), best]
    loss = ((q - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def test_an_update_of_dqn_is_one_of_iql_with_one_agent():
    dqn = learner_of(DqnConfig())
    settings = {item.name: getattr(DqnConfig(), item.name) for item in fields(DqnConfig)}
    iql = learner_of(IqlConfig(**settings))
    batch = transitions(64)
    for update in range(3):
        left = dqn.update({BATCH: batch}, Progress(update=update))
        right = iql.update({BATCH: batch}, Progress(update=update))
        assert left["loss"].item() == right["loss"].item()  # exactly
    for one, other in zip(dqn.parameters, iql.parameters, strict=True):
        assert torch.equal(one, other)


def test_an_update_of_dqn_is_the_textbooks():
    dqn = learner_of(DqnConfig())
    net = copy.deepcopy(dqn.controller.net.layers)
    target = copy.deepcopy(dqn.target_controller.net.layers)
    adam = torch.optim.Adam(net.parameters(), lr=2.5e-4)
    batch = transitions(64)
    for update in range(3):
        metrics = dqn.update({BATCH: batch}, Progress(update=update))
        assert metrics["grad_norm"] < dqn.config.grad_norm_clip  # so that nothing is clipped
        by_hand = dqn_by_hand(net, target, adam, batch)
        assert metrics["loss"].item() == pytest.approx(by_hand.item(), abs=1e-6)
    for ours, theirs in zip(dqn.parameters, net.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)


def test_dqn_adds_no_code_to_iql_but_that_it_wants_one_agent():
    own = {name for name in vars(DqnConfig) if callable(getattr(DqnConfig, name))}
    assert own <= set(dir(object)) | {"__replace__", "__init__", "check"}
    assert issubclass(DqnConfig, IqlConfig)


def test_dqn_is_told_nothing_but_the_observation():
    controller = DqnConfig().build(SPEC, CPU).learner.controller
    assert controller.net.layers[0].in_features == SPEC.obs_dim


def test_the_target_network_is_copied_every_so_many_updates():
    dqn = learner_of(DqnConfig())
    batch = transitions(8)
    for update in range(50):
        first = dqn.target_controller.net.layers[0].weight
        assert not torch.equal(first, dqn.controller.net.layers[0].weight)
        dqn.update({BATCH: batch}, Progress(update=update))
    assert torch.equal(first, dqn.controller.net.layers[0].weight)


def test_the_recipe_reads_its_file_of_settings():
    words = ["train", "--config=dqn", "--env-config=gymnasium", "with", "env_id=CartPole-v1"]
    plan = make_plan(split(words))
    assert type(plan.recipe) is DqnConfig
    assert plan.recipe.sampler.kind == "slices"
    assert plan.recipe.sampler.length == 1
    assert not plan.recipe.agent.agent_id
    assert plan.env == GymnasiumConfig("CartPole-v1")

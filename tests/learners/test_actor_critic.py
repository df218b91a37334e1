"""TD3 and DDPG: targets and updates by hand, and beside the textbook's on flat tensors."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch, layout_of
from marl.learners.actor_critic.deterministic import DeterministicConfig
from marl.learners.actor_critic.learner import ActorCriticLearner
from marl.nets.critics import CriticConfig
from marl.nets.soft_update import soft_update
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.actor_critic.ddpg import DdpgConfig
from marl.single_agent.actor_critic.td3 import Td3Config
from marl.spec import Continuous, EnvSpec

CPU = torch.device("cpu")
BOUNDS = Continuous((-2.0, -1.0), (2.0, 3.0))
SPEC = EnvSpec("test/continuous", 1, BOUNDS, obs_dim=4, state_dim=4, episode_limit=50)
TEAM = EnvSpec("test/team", 3, BOUNDS, obs_dim=4, state_dim=4, episode_limit=50)


def transitions(count: int, spec: EnvSpec = SPEC, seed: int = 5) -> EpisodeBatch:
    """Random slices of one step, a quarter of them terminated."""
    rng = torch.Generator().manual_seed(seed)
    batch = EpisodeBatch.zeros(layout_of(spec), count, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.actions.copy_(torch.rand(batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.terminated.copy_(torch.rand(batch.terminated.shape, generator=rng) < 0.25)
    batch.filled.fill_(True)
    return batch


def learner_of(recipe: Td3Config, spec: EnvSpec = SPEC) -> ActorCriticLearner:
    """The recipe's learner, the same weights for all; its targets differ from them."""
    torch.manual_seed(0)
    learner = recipe.build(spec, CPU).learner
    assert isinstance(learner, ActorCriticLearner)
    for net in (learner.improvement.target_policy, learner.target_critics):
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def critic_by_hand(critics: nn.Module, index: int) -> list[tuple[Tensor, Tensor]]:
    """Weights [I,J] and biases [J] of one critic of the ensemble, layer by layer."""
    layers = [layer for layer in critics.layers if hasattr(layer, "weight")]
    return [(layer.weight[index], layer.bias[index, 0]) for layer in layers]


def value_by_hand(layers: list[tuple[Tensor, Tensor]], obs: Tensor, actions: Tensor) -> Tensor:
    """Q of flat tensors [B,O], [B,D] -> [B]."""
    hidden = torch.cat([obs, actions], dim=1)
    for weight, bias in layers[:-1]:
        hidden = torch.relu(hidden @ weight + bias)
    weight, bias = layers[-1]
    return (hidden @ weight + bias)[:, 0]


def action_by_hand(net: nn.Module, obs: Tensor) -> Tensor:
    """The deterministic policy on [B,O]: tanh, scaled to the bounds."""
    return torch.tensor([0.0, 1.0]) + torch.tensor([2.0, 2.0]) * torch.tanh(net(obs))


@pytest.mark.parametrize("recipe", [Td3Config, DdpgConfig])
def test_losses_are_the_textbooks(recipe):
    learner, batch = learner_of(recipe()), transitions(64)
    config = learner.config
    noise = torch.Generator()
    noise.set_state(learner.rng.get_state())
    loss, _ = learner.critic_loss(batch, Progress())
    obs, after = batch.obs[:, 0, 0], batch.obs[:, 1, 0]
    action, reward = batch.actions[:, 0, 0], batch.reward[:, 0, 0]
    alive = 1 - batch.terminated[:, 0, 0].float()
    following = action_by_hand(learner.improvement.target_policy.net.layers, after)
    if config.target_noise:
        drawn = config.target_noise * torch.randn(64, 1, 1, 2, generator=noise)[:, 0, 0]
        drawn = 2.0 * drawn.clamp(-config.target_noise_clip, config.target_noise_clip)
        low, high = torch.tensor(BOUNDS.low), torch.tensor(BOUNDS.high)
        following = (following + drawn).clamp(low, high)
    count = learner.critics.count
    targets = [
        value_by_hand(critic_by_hand(learner.target_critics, k), after, following)
        for k in range(count)
    ]
    y = reward + config.gamma * alive * torch.stack(targets).amin(0)
    values = [value_by_hand(critic_by_hand(learner.critics, k), obs, action) for k in range(count)]
    by_hand = sum(((q - y) ** 2).mean() for q in values)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)
    chosen = action_by_hand(learner.improvement.policy.net.layers, obs)
    first = value_by_hand(critic_by_hand(learner.critics, 0), obs, chosen)
    assert learner.improvement.loss(batch, learner.critics, learner.rng).item() == pytest.approx(
        -first.mean().item(), rel=1e-6
    )


def test_of_equal_critics_the_least_is_each_of_them():
    twins = learner_of(Td3Config(learner=DeterministicConfig(target_noise=0.0)))
    with torch.no_grad():
        for parameter in twins.target_critics.parameters():
            parameter[1] = parameter[0]
    batch = transitions(16)
    following = twins.improvement.next_values(batch, twins.target_critics, twins.rng)
    actions = twins.improvement.target_policy.actions(batch)[:, 1:]
    each = twins.target_critics(batch.obs[:, 1:], actions)
    assert torch.equal(following, each[0])
    assert torch.equal(each[0], each[1])


def test_the_actor_and_the_targets_move_on_every_second_update():
    learner, batch = learner_of(Td3Config()), transitions(16)
    moved = []
    for update in range(6):
        policy, target = copy.deepcopy((learner.improvement.policy, learner.target_critics))
        learner.update({BATCH: batch}, Progress(update=update))
        moved.append(
            (
                not torch.equal(
                    policy.net.layers[0].weight, learner.improvement.policy.net.layers[0].weight
                ),
                not torch.equal(target.layers[0].weight, learner.target_critics.layers[0].weight),
            )
        )
    assert moved == [(False, False), (True, True)] * 3


def test_targets_cover_a_share_of_the_way_with_each_move():
    target, online = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))
    for _ in range(7):
        soft_update([target], [online], tau=0.1)
    assert target.tolist() == pytest.approx([1 - 0.9**7] * 3)


def test_the_actors_step_leaves_the_critics_alone():
    learner, batch = learner_of(DdpgConfig()), transitions(16)
    learner.improvement.loss(batch, learner.critics, learner.rng).backward(
        inputs=[*learner.improvement.policy.parameters()]
    )
    assert all(parameter.grad is None for parameter in learner.critics.parameters())
    assert all(parameter.grad is not None for parameter in learner.improvement.policy.parameters())


def test_a_team_learns_the_values_of_each_agent():
    learner, batch = learner_of(Td3Config(), TEAM), transitions(16, TEAM)
    metrics = learner.update({BATCH: batch}, Progress(update=1))
    assert torch.isfinite(metrics["loss"])
    assert learner.critics(batch.obs[:, :-1], batch.actions).shape == (2, 16, 1, 3)


def test_an_ensemble_is_its_critics_one_by_one():
    torch.manual_seed(0)
    critics = CriticConfig(count=3, hidden_dims=(8, 8), agent_id=True).build(TEAM)
    obs, actions = torch.randn(5, 3, 4), torch.randn(5, 3, 2)
    together = critics(obs, actions)  # [3,5,3]
    ids = torch.eye(3).expand(5, 3, 3)
    features = torch.cat([actions, ids], dim=-1).flatten(0, 1)
    for k in range(3):
        alone = value_by_hand(critic_by_hand(critics, k), obs.flatten(0, 1), features)
        assert torch.allclose(together[k].flatten(), alone, atol=1e-6)
    for picked in ([1], [2, 0]):
        torch.testing.assert_close(critics(obs, actions, picked), together[picked])

"""PpoLearner: the clip by hand, the textbook's loss, dead agents, and one agent among many."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from builders import SMALL, random_batch
from torch import Tensor

from marl.algos.ippo import IppoConfig
from marl.algos.mappo import MappoConfig
from marl.batch import EpisodeBatch
from marl.controllers.policy import LOG_PROB, StateValueConfig
from marl.errors import ConfigError
from marl.learners.policy_gradient import PpoLearner, PpoLearnerConfig
from marl.nets.agents import MlpConfig
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.policy_gradient.ppo import PpoConfig

CPU = torch.device("cpu")
ONE = replace(SMALL, name="test/one", n_agents=1)


def learner_of(recipe: IppoConfig, spec=SMALL) -> PpoLearner:
    torch.manual_seed(0)
    learner = recipe.build(spec, CPU).learner
    assert isinstance(learner, PpoLearner)
    return learner


# PPO's settings, for several agents.
FLAT = IppoConfig(**{item.name: getattr(PpoConfig(), item.name) for item in fields(PpoConfig)})


def collected(learner: PpoLearner, spec=SMALL, lengths=(9, 5, 3, 7)) -> EpisodeBatch:
    """Random episodes, and the log-probabilities that the policy gives their actions."""
    batch = random_batch(spec, len(lengths), seed=1, lengths=list(lengths))
    with torch.no_grad():
        log_prob, _ = learner.policy.evaluate(batch)
    return batch.with_steps(**{LOG_PROB: log_prob * batch.filled})


def sharpen(learner: PpoLearner) -> None:
    """A policy that prefers some actions: at first it is nearly uniform."""
    for parameter in learner.policy.net.parameters():
        parameter.data.mul_(3.0)


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective"),
    [(1.5, 1.0, 1.2), (0.5, 1.0, 0.5), (1.5, -1.0, -1.5), (0.5, -1.0, -0.8)],
)
def test_the_clip_by_hand(ratio, advantage, objective):
    config = PpoLearnerConfig(entropy_weight=0.0, value_weight=0.0, normalise="none")
    learner = learner_of(PpoConfig(learner=config), ONE)
    data = learner.prepare(collected(learner, ONE))
    shifted = data[LOG_PROB] - torch.tensor(ratio).log()
    data = data.with_steps(
        **{LOG_PROB: shifted, "advantage": torch.full_like(data["advantage"], advantage)}
    )
    loss, _ = learner.loss(data)
    assert loss.item() == pytest.approx(-objective, rel=1e-5)


@pytest.mark.parametrize("recipe", [IppoConfig(), MappoConfig(), FLAT])
def test_at_first_the_ratio_is_one_and_the_gradient_plain_policy_gradient(recipe):
    plain = replace(recipe.learner, entropy_weight=0.0, value_weight=0.0)
    learner = learner_of(replace(recipe, learner=plain))
    sharpen(learner)
    data = learner.prepare(collected(learner))
    loss, metrics = learner.loss(data)
    assert metrics["approx_kl"].item() == pytest.approx(0.0, abs=1e-7)
    assert metrics["clip_fraction"].item() == 0.0
    policy = [*learner.policy.parameters()]
    clipped = torch.autograd.grad(loss, policy)
    log_prob, _ = learner.policy.evaluate(data)
    active, advantage = data["active"], data["advantage"]
    if plain.normalise == "minibatch":
        chosen = advantage[active]
        advantage = (advantage - chosen.mean()) / (chosen.std(correction=0) + 1e-8)
    expected = torch.autograd.grad(-(log_prob * advantage)[active].mean(), policy)
    for one, other in zip(clipped, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def textbook_loss(learner: PpoLearner, data: EpisodeBatch) -> Tensor:
    """PPO on flat tensors of one agent [N,...], written out with torch's own distributions."""
    config, real = learner.config, data.filled[..., 0]
    obs, action = data.obs[:, :-1, 0][real], data.actions[..., 0][real]
    avail = data.avail[:, :-1, 0][real]
    more = avail.sum(1) > 1
    logits = learner.policy.net.layers(obs).masked_fill(~avail, -1e9)
    policy = torch.distributions.Categorical(logits=logits)
    ratio = (policy.log_prob(action) - data[LOG_PROB][..., 0][real]).exp()
    advantage = data["advantage"][..., 0][real]
    advantage = (advantage - advantage[more].mean()) / (advantage[more].std(correction=0) + 1e-8)
    gain = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)[more].mean()
    value, target = learner.critic.net.layers(obs)[:, 0], data["target"][..., 0][real]
    old = data["old_value"][..., 0][real]
    near = old + (value - old).clamp(-0.2, 0.2)
    errors = 0.5 * torch.max((value - target) ** 2, (near - target) ** 2)[more].mean()
    entropy = policy.entropy()[more].mean()
    return -gain + config.value_weight * errors - config.entropy_weight * entropy


def test_the_loss_of_one_agent_is_the_textbooks():
    perceptron = MlpConfig(hidden_dims=(16,), agent_id=False, last_action=False)
    critic = StateValueConfig(net=perceptron, mask_dead=False)
    learner = learner_of(PpoConfig(agent=perceptron, critic=critic), ONE)
    sharpen(learner)
    data = learner.prepare(collected(learner, ONE))
    for parameter in learner.parameters:  # away from the policy that collected
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    loss, _ = learner.loss(data)
    by_hand = textbook_loss(learner, data)
    assert loss.item() == pytest.approx(by_hand.item(), abs=1e-6)
    ours = torch.autograd.grad(loss, learner.parameters)
    theirs = torch.autograd.grad(by_hand, learner.parameters)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("minibatch", ["steps", "rows"])
def test_ppo_is_ippo_with_one_agent(minibatch):
    """The same numbers from both recipes, exactly."""
    settings = {item.name: getattr(PpoConfig(), item.name) for item in fields(PpoConfig)}
    settings["learner"] = replace(settings["learner"], minibatch=minibatch)
    one, other = learner_of(PpoConfig(**settings), ONE), learner_of(IppoConfig(**settings), ONE)
    batch = collected(one, ONE)
    for update in range(3):
        left = one.update({BATCH: batch}, Progress(update=update))
        right = other.update({BATCH: batch}, Progress(update=update))
        assert {k: v.item() for k, v in left.items()} == {k: v.item() for k, v in right.items()}
    for a, b in zip(one.parameters, other.parameters, strict=True):
        assert torch.equal(a, b)


def test_what_a_dead_agent_did_changes_nothing():
    learner = learner_of(IppoConfig())
    batch = collected(learner)
    batch.avail[:, 2:, 1] = False
    batch.avail[:, 2:, 1, 0] = True  # agent 1 has the no-op alone from slot 2 on
    batch.actions[:, 2:, 1] = 0
    data = learner.prepare(batch)
    assert not data["active"][:, 2:, 1].any()
    before, _ = learner.loss(data)
    changed = data.with_steps(advantage=data["advantage"].clone(), target=data["target"].clone())
    changed["advantage"][:, 2:, 1] = 1000.0
    changed["target"][:, 2:, 1] = 1000.0
    assert learner.loss(changed)[0].item() == before.item()


def test_the_critic_of_mappo_sees_the_state_and_that_of_ippo_does_not():
    for recipe, sees in ((IppoConfig(), False), (MappoConfig(), True)):
        learner = learner_of(recipe)
        batch = random_batch(SMALL, 2)
        before = learner.critic.values(batch)
        batch.state.mul_(2.0)
        assert torch.equal(before, learner.critic.values(batch)) is not sees


def test_a_dead_agents_critic_sees_nothing_but_its_number():
    perceptron = MlpConfig(last_action=False)
    learner = learner_of(MappoConfig(critic=StateValueConfig("agent_state", True, perceptron)))
    batch = random_batch(SMALL, 2)
    batch.avail[:, :, 1] = False
    batch.avail[:, :, 1, 0] = True
    values = learner.critic.values(batch)
    assert torch.allclose(values[:, :, 1], values[0, 0, 1])
    assert not torch.allclose(values[:, :, 0], values[0, 0, 0])


def test_the_learning_rate_falls_in_a_straight_line():
    """From 0 to t_max, each collection at the rate of its begin."""
    config = PpoLearnerConfig(anneal=1000)
    learner = learner_of(PpoConfig(learner=config), ONE)
    batch = collected(learner, ONE)
    steps = int(batch.lengths.sum())
    for begun, lr in ((0, 0.00025), (500, 0.000125), (999, 0.00000025)):
        learner.update({BATCH: batch}, Progress(t_env=begun + steps))
        assert learner.optimizer.param_groups[0]["lr"] == pytest.approx(lr)


def test_the_learning_rate_may_not_reach_zero_before_the_training_ends():
    recipe = PpoConfig(learner=PpoLearnerConfig(anneal=1000))
    assert recipe.check_length(1000) == ""
    assert "has fallen to 60 %" in recipe.check_length(400)
    assert PpoConfig().check_length(10**9) == ""
    with pytest.raises(ConfigError, match=r"learner\.anneal: .* 0 from 1,000 .* t_max is 1,001"):
        recipe.check_length(1001)


def test_minibatches_of_steps_are_refused_with_a_memory():
    with pytest.raises(ValueError, match="single steps have no memory"):
        IppoConfig(learner=PpoLearnerConfig(minibatch="steps"))

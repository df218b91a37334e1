"""MUSIC's published soft actor: the reward for entropy, and the target that holds it, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from marl.batch import AFTER, BEFORE, EpisodeBatch, layout_of, masked_mean
from marl.errors import UserError
from marl.learners.actor_critic.clipped_entropy import ClippedEntropyConfig
from marl.learners.actor_critic.improvement import PayingImprovement
from marl.learners.targets import td_targets
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.single_agent.actor_critic.music import MusicSacConfig
from marl.spec import Continuous, EnvSpec

CPU = torch.device("cpu")
SPEC = EnvSpec("test/continuous", 1, Continuous((-2.0, -1.0), (2.0, 3.0)), 6, 6, 50)


def transitions(count: int) -> EpisodeBatch:
    rng = torch.Generator().manual_seed(5)
    batch = EpisodeBatch.zeros(layout_of(SPEC), count, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.actions.copy_(torch.rand(batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.filled.fill_(True)
    return batch


def learner_of(**options):
    torch.manual_seed(0)
    config = replace(MusicSacConfig(), learner=ClippedEntropyConfig(**options))
    learner = config.build(SPEC, CPU).learner
    for parameter in learner.target_critics.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def drawn(learner, batch: EpisodeBatch, slots: slice, rng: torch.Generator):
    """Actions and log-densities as the policy draws them next."""
    gauss = learner.improvement.policy.at(batch, slots)
    numbers = gauss.draw(torch.randn(batch.size, 1, 1, 2, generator=rng))
    return learner.improvement.policy.squash(numbers), gauss.log_prob(numbers)


def following(learner) -> torch.Generator:
    rng = torch.Generator()
    rng.set_state(learner.rng.get_state())
    return rng


def test_each_step_has_its_own_entropy_in_the_gradient():
    """Rewards [B,1] and entropies [B] once made targets [B,B], whose gradient is another."""
    values = torch.zeros(3, 1, 1, requires_grad=True)
    base = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    entropy = torch.tensor([0.1, 0.2, 0.6])
    nothing, real = torch.zeros(3, 1, 1), torch.ones(3, 1, 1, dtype=torch.bool)
    target = td_targets(base, nothing, nothing, 0.98, entropy.view(3, 1, 1))
    masked_mean((values - target).square(), real).backward()
    own = torch.tensor([-0.7333, -1.4667, -2.4])
    torch.testing.assert_close(values.grad[:, 0, 0], own, atol=1e-4, rtol=0)
    with pytest.raises(UserError, match="the bonus has the shape"):
        td_targets(base, nothing, nothing, 0.98, entropy[:, None])


def test_each_step_is_paid_for_its_own_density_and_only_ever_loses():
    learner, batch = learner_of(entropy_scale=0.3, entropy_weight=0.2), transitions(64)
    assert isinstance(learner.improvement, PayingImprovement)
    _, log_prob = drawn(learner, batch, BEFORE, following(learner))
    by_hand = 0.2 * (-0.3 * log_prob).clamp(-1.0, 0.0)
    reward, metrics = learner.improvement.pay(batch, learner.rng)
    assert reward.shape == (64, 1, 1)
    torch.testing.assert_close(reward, by_hand, rtol=0, atol=1e-6)
    assert (reward[log_prob < 0] == 0.0).all()
    assert (reward[log_prob > 0] < 0.0).all()
    assert metrics["entropy"].item() == pytest.approx(-log_prob.mean().item(), rel=1e-5)


def test_the_target_is_composed_as_printed_and_has_the_shape_of_the_values():
    """y = r_scale r + [m_w (clip(s I, 0, 1) - 1)] + [e_w clip(e_s (-log pi), -1, 0)] + g Q'."""
    learner, batch = learner_of(reward_weight=0.7, drawn_critics=2), transitions(64)
    rng = following(learner)
    after, _ = drawn(learner, batch, AFTER, rng)  # the target policy is still the policy
    bootstrap = learner.target_critics(batch.obs[:, 1:], after).amin(0)
    _, log_prob = drawn(learner, batch, BEFORE, rng)
    estimate = learner.bonus.of_transitions(batch)
    target = (
        0.7 * batch.reward
        + ((5000.0 * estimate).clamp(0.0, 1.0) - 1.0)
        + 0.2 * (-0.02 * log_prob).clamp(-1.0, 0.0)
        + 0.98 * bootstrap
    )
    values = learner.critics(batch.obs[:, :-1], batch.actions)
    assert target.shape == values.shape[1:]
    by_hand = (values - target).square().mean(dim=(1, 2, 3)).sum()
    loss, metrics = learner.critic_loss(batch, Progress())
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)
    assert metrics["target_mean"].item() == pytest.approx(target.mean().item(), abs=1e-6)


def test_targets_are_cut_to_their_bound():
    learner, batch = learner_of(target_bound=0.5), transitions(64)
    _, metrics = learner.critic_loss(batch, Progress())
    assert metrics["target_mean"].item() == pytest.approx(-0.5, abs=0.3)
    free, _ = learner_of().critic_loss(batch, Progress())
    assert free.item() != learner_of(target_bound=0.5).critic_loss(batch, Progress())[0].item()


def test_the_actor_descends_values_and_the_size_of_its_actions_alone():
    learner, batch = learner_of(action_penalty=0.5), transitions(32)
    actions, _ = drawn(learner, batch, BEFORE, following(learner))
    values = learner.critics(batch.obs[:, :-1], actions).amin(0)
    middle, half = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 2.0])
    size = ((actions - middle) / half).square().mean(-1)
    by_hand = masked_mean(0.5 * size - values, batch.filled)
    found = learner.improvement.loss(batch, learner.critics, learner.rng)
    assert found.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_targets_move_a_twentieth_every_forty_updates():
    learner, batch = learner_of(), transitions(32)
    target = next(learner.improvement.target_policy.parameters())
    before = target.clone()
    samples = {BATCH: batch, "information": batch}
    for update in range(39):
        learner.update(samples, Progress(update=update))
    assert torch.equal(target, before)
    learner.update(samples, Progress(update=39))
    online = next(learner.improvement.policy.parameters())
    torch.testing.assert_close(target, 0.95 * before + 0.05 * online)

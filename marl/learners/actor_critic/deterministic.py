"""Deterministic policies: TD3's way to improve, and DDPG's as its plainest case.

    a' = clip(pi_target(s') + clip(noise, -c, c))                        noise ~ N(0, sigma^2)
    next value = min over `drawn_critics` of Q_target,k(s', a')
    actor loss = -mean over real steps of value(s, pi(s))
        value: Q_1 (`climb=first`), or the mean or the least of the drawn critics
        + action_penalty * mean((pi(s) / scale)^2)
    with cloning > 0:  -cloning / mean|value| * value + mean((pi(s) - a)^2 / scale^2)

With one critic, no noise and no delay: Lillicrap et al. 2016 (DDPG, arXiv:1509.02971). With two
critics, noise and delay: Fujimoto et al. 2018 (TD3, arXiv:1802.09477). With cloning: Fujimoto and
Gu 2021 (TD3+BC, arXiv:2106.06860), whose alpha is `cloning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from marl.batch import AFTER, BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.noise import DeterministicPolicy
from marl.learners.actor_critic.followed import FollowedPolicy
from marl.learners.actor_critic.learner import CriticLearnerConfig
from marl.learners.actor_critic.reductions import drawn
from marl.learners.optimizers import FUSED_ADAM, OptimizerConfig
from marl.nets.critics import QEnsemble
from marl.protocols.loop import Metrics, Progress


@dataclass(frozen=True)
class DeterministicConfig(CriticLearnerConfig):
    """Deterministic actor-critic learning; TD3's values are the defaults."""

    target_noise: float = option(0.2, low=0.0)  # std, in halves of the range between the bounds
    target_noise_clip: float = option(0.5, low=0.0)  # likewise
    drawn_critics: int = option(2, low=1)  # critics, drawn for each target and step of the actor
    climb: Literal["first", "mean", "least"] = "first"  # what the actor climbs, of those drawn
    action_penalty: float = option(0.0, low=0.0)  # weight of the actions' squares, in half-ranges
    cloning: float = option(0.0, low=0.0)  # alpha of TD3+BC; 0: no pull to the batch's actions
    actor_optimizer: OptimizerConfig = FUSED_ADAM


class DeterministicImprovement(FollowedPolicy[DeterministicPolicy]):
    """Climbs the critics with a deterministic policy."""

    def __init__(self, policy: DeterministicPolicy, config: DeterministicConfig) -> None:
        super().__init__(policy, config.actor_optimizer)
        self.config = config

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Least of the drawn critics' values of the target policy's noisy action, [B,T,G]."""
        policy, config = self.target_policy, self.config
        actions = policy.actions(batch, AFTER)  # [B,T,A,D]
        if config.target_noise > 0.0:
            noise = torch.randn(actions.shape, generator=rng).to(actions.device)
            noise = config.target_noise * noise
            noise = noise.clamp(-config.target_noise_clip, config.target_noise_clip)
            actions = policy.clip(actions + policy.action_scale * noise)
        picked = drawn(config.drawn_critics, critics, rng)
        return critics.values(batch, AFTER, actions, picked).amin(0)

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        loss = self.loss(batch, critics, rng)
        self.descend(loss)
        return {"actor_loss": loss.detach()}

    def loss(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """What the policy's parameters descend."""
        config, policy, filled = self.config, self.policy, batch.filled
        actions = policy.actions(batch, BEFORE)  # [B,T,A,D]
        first = config.climb == "first"
        picked = [0] if first else drawn(config.drawn_critics, critics, rng)
        values = critics.own_values(batch, batch.actions, actions, picked)  # [K,B,T,G]
        climbed = values.amin(0) if config.climb == "least" else values.mean(0)
        if config.cloning > 0.0:
            size = masked_mean(climbed.detach().abs(), filled).clamp(min=1e-8)
            apart = ((actions - batch.actions) / policy.action_scale).square().mean(-1)
            loss = masked_mean(apart - config.cloning / size * climbed, filled)
        else:
            loss = -masked_mean(climbed, filled)
        if config.action_penalty > 0.0:
            loss = loss + config.action_penalty * masked_mean(policy.size(actions), filled)
        return loss

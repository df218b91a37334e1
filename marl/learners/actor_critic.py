"""Deterministic actor-critic learning: TD3, and DDPG as its plainest case.

    a' = clip(pi_target(s') + clip(noise, -c, c))                        noise ~ N(0, sigma^2)
    y = reward + bonus + gamma * (1 - terminated) * min_k Q_target,k(s', a')
    critic loss = sum over k of the mean over real steps of (Q_k(s, a) - y)^2
    actor loss = -mean over real steps of Q_1(s, pi(s)),    every `policy_delay` updates
    target <- (1 - tau) * target + tau * online,            with each update of the actor

With one critic, no noise and no delay: Lillicrap et al. 2016 (DDPG, arXiv:1509.02971). With two
critics, noise and delay: Fujimoto et al. 2018 (TD3, arXiv:1802.09477).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch
from marl.config.schema import option
from marl.controllers.noise import DeterministicPolicy
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.learners.targets import masked_mean, td_targets
from marl.nets.critics import QEnsemble
from marl.nets.optimizing import load_optimizer
from marl.protocols.experience import BATCH, Samples
from marl.protocols.learning import IntrinsicReward
from marl.protocols.loop import Metrics, Progress, State

AFTER, BEFORE = slice(1, None), slice(0, -1)  # the slots after and before each step


@dataclass(frozen=True)
class ActorCriticConfig:
    """Deterministic actor-critic learning; TD3's values are the defaults."""

    gamma: float = option(0.99, low=0.0, high=1.0)
    tau: float = option(0.005, above=0.0, high=1.0)  # share of the online weights in the targets'
    policy_delay: int = option(2, low=1)  # updates of the critics for each of the actor
    target_noise: float = option(0.2, low=0.0)  # std, in halves of the range between the bounds
    target_noise_clip: float = option(0.5, low=0.0)  # likewise
    actor_optimizer: OptimizerConfig = AdamConfig(lr=0.0003, eps=0.00000001)
    critic_optimizer: OptimizerConfig = AdamConfig(lr=0.0003, eps=0.00000001)


class ActorCriticLearner:
    """Learns a deterministic policy and the critics that it climbs; keeps their target copies."""

    def __init__(
        self,
        policy: DeterministicPolicy,
        critics: QEnsemble,
        bonus: IntrinsicReward,
        config: ActorCriticConfig,
        seed: int,
    ) -> None:
        """seed: of the noise on the targets' actions."""
        self.policy = policy
        self.critics = critics
        self.bonus = bonus
        self.config = config
        self.target_policy = copy.deepcopy(policy).requires_grad_(False)
        self.target_critics = copy.deepcopy(critics).requires_grad_(False)
        self.parameters = [*policy.parameters(), *critics.parameters()]
        self.actor_optimizer = config.actor_optimizer.build([*policy.parameters()])
        self.critic_optimizer = config.critic_optimizer.build([*critics.parameters()])
        self.rng = torch.Generator().manual_seed(seed)
        self.last_actor_loss = torch.zeros(())

    def update(self, samples: Samples, progress: Progress) -> Metrics:
        """One gradient step of the critics, and of the actor when it is due."""
        batch = samples[BATCH]
        loss, metrics = self.critic_loss(batch, progress)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        if (progress.update + 1) % self.config.policy_delay == 0:
            actor_loss = self.actor_loss(batch)
            self.actor_optimizer.zero_grad()
            actor_loss.backward(inputs=[*self.policy.parameters()])
            self.actor_optimizer.step()
            self.update_targets()
            self.last_actor_loss = actor_loss.detach()
        return {"loss": loss.detach(), "actor_loss": self.last_actor_loss, **metrics}

    def critic_loss(self, batch: EpisodeBatch, progress: Progress) -> tuple[Tensor, Metrics]:
        """Sum over the critics of the mean squared TD error, and what it is made of."""
        values = self.critics(batch.obs[:, BEFORE], batch.actions)  # [K,B,T,A]
        with torch.no_grad():
            bootstrap = self._bootstrap(batch)  # [B,T,A]
        bonus, bonus_metrics = self.bonus(batch, bootstrap, progress)
        gamma = self.config.gamma
        targets = td_targets(batch.reward, batch.terminated, bootstrap, gamma, bonus)  # [B,T,A]
        errors = values - targets
        loss = masked_mean(errors.square(), batch.filled) * len(errors)
        return loss, {
            "td_error_abs": masked_mean(errors.detach().abs(), batch.filled),
            "q_taken_mean": masked_mean(values.detach(), batch.filled),
            "target_mean": masked_mean(targets, batch.filled),
            **bonus_metrics,
        }

    def actor_loss(self, batch: EpisodeBatch) -> Tensor:
        """Minus the first critic's mean value of the policy's own actions."""
        actions = self.policy.actions(batch, BEFORE)  # [B,T,A,D]
        return -masked_mean(self.critics(batch.obs[:, BEFORE], actions)[0], batch.filled)

    def _bootstrap(self, batch: EpisodeBatch) -> Tensor:
        """Least of the target critics' values of the slot after each step, [B,T,A]."""
        policy, config = self.target_policy, self.config
        actions = policy.actions(batch, AFTER)  # [B,T,A,D]
        if config.target_noise > 0.0:
            noise = torch.randn(actions.shape, generator=self.rng).to(actions.device)
            noise = config.target_noise * noise
            noise = noise.clamp(-config.target_noise_clip, config.target_noise_clip)
            actions = policy.clip(actions + policy.action_scale * noise)
        return self.target_critics(batch.obs[:, AFTER], actions).amin(0)

    def update_targets(self) -> None:
        """Move the target networks a little towards the online ones."""
        soft_update(self.target_policy.parameters(), self.policy.parameters(), self.config.tau)
        soft_update(self.target_critics.parameters(), self.critics.parameters(), self.config.tau)

    def state_dict(self) -> State:
        return {
            "policy": self.policy.state_dict(),
            "critics": self.critics.state_dict(),
            "target_policy": self.target_policy.state_dict(),
            "target_critics": self.target_critics.state_dict(),
            "actor_optimizer": self.actor_optimizer.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
            "bonus": self.bonus.state_dict(),
            "rng": self.rng.get_state(),
            "last_actor_loss": self.last_actor_loss,
        }

    def load_state_dict(self, state: State) -> None:
        self.policy.load_state_dict(state["policy"])
        self.critics.load_state_dict(state["critics"])
        self.target_policy.load_state_dict(state["target_policy"])
        self.target_critics.load_state_dict(state["target_critics"])
        load_optimizer(self.actor_optimizer, state["actor_optimizer"])
        load_optimizer(self.critic_optimizer, state["critic_optimizer"])
        self.bonus.load_state_dict(state["bonus"])
        self.rng.set_state(state["rng"].cpu())
        self.last_actor_loss = state["last_actor_loss"]


@torch.no_grad()
def soft_update(
    targets: Iterable[nn.Parameter], onlines: Iterable[nn.Parameter], tau: float
) -> None:
    """target <- (1 - tau) * target + tau * online, in place."""
    for target, online in zip(targets, onlines, strict=True):
        target.lerp_(online, tau)

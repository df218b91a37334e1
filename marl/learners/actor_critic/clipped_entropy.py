"""A stochastic policy whose entropy is a clipped reward, as MUSIC's published SAC has it.

    next value = min over the drawn critics of Q_target,k(s', a'),    a' ~ pi_target(. | s')
    r += entropy_weight * clip(-entropy_scale * log pi(a | s), -1, 0),    a ~ pi(. | s)
    actor loss = -mean over real steps of min_k Q_k(s, a) + action_penalty * mean((a / scale)^2)

Zhao et al. 2021 (arXiv:2103.08107), their code. The clip only ever takes: it is 0 where log pi is
below 0, so that a density above 1 is paid for and entropy never rewarded. There is no entropy in
what the policy descends. There the log-densities [B] were added to rewards [B,1], which made the
targets [B,B]; here each step has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from marl.batch import AFTER, BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.squashed import SquashedPolicy
from marl.learners.actor_critic.followed import FollowedPolicy
from marl.learners.actor_critic.learner import CriticLearnerConfig
from marl.learners.actor_critic.reductions import drawn
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.critics import QEnsemble
from marl.protocols.loop import Metrics, Progress


@dataclass(frozen=True)
class ClippedEntropyConfig(CriticLearnerConfig):
    """Entropy as a reward that only takes; MUSIC's values are the defaults."""

    kind: ClassVar[str] = "clipped_entropy"
    gamma: float = option(0.98, low=0.0, high=1.0)
    reward_weight: float = 0.0
    tau: float = option(0.05, above=0.0, high=1.0)
    policy_delay: int = option(1, low=1)
    target_delay: int = option(40, low=1)
    critic_optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001, fused=True)
    actor_optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001, fused=True)
    drawn_critics: int = option(2, low=1)  # critics, drawn for each target
    action_penalty: float = option(1.0, low=0.0)  # weight of the actions' squares, in half-ranges
    entropy_weight: float = option(0.2, low=0.0)
    entropy_scale: float = option(0.02, above=0.0)


class ClippedEntropyImprovement(FollowedPolicy[SquashedPolicy]):
    """Climbs the critics with a squashed Gaussian policy, which is paid for its entropy."""

    def __init__(self, policy: SquashedPolicy, config: ClippedEntropyConfig) -> None:
        super().__init__(policy, config.actor_optimizer)
        self.config = config

    @torch.no_grad()
    def pay(self, batch: EpisodeBatch, rng: torch.Generator) -> tuple[Tensor, Metrics]:
        """entropy_weight * clip(-entropy_scale * log pi(a | s), -1, 0) of each step, [B,T,A]."""
        _, log_prob = self.policy.draw(batch, BEFORE, rng)
        clipped = (-self.config.entropy_scale * log_prob).clamp(-1.0, 0.0)
        reward = self.config.entropy_weight * clipped
        return reward, {  # each agent's own; a team's one value is paid their sum
            "entropy": -masked_mean(log_prob, batch.filled),
            "entropy_reward": masked_mean(reward, batch.filled),
        }

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Least of the drawn critics' values of an action that the target policy draws, [B,T,A]."""
        actions, _ = self.target_policy.draw(batch, AFTER, rng)
        picked = drawn(self.config.drawn_critics, critics, rng)
        return critics.values(batch, AFTER, actions, picked).amin(0)

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        loss = self.loss(batch, critics, rng)
        self.descend(loss)
        return {"actor_loss": loss.detach()}

    def loss(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """What the policy's parameters descend."""
        actions, _ = self.policy.draw(batch, BEFORE, rng)
        values = critics.values(batch, BEFORE, actions).amin(0)  # [B,T,A]
        penalty = self.config.action_penalty * self.policy.size(actions)
        return masked_mean(penalty - values, batch.filled)

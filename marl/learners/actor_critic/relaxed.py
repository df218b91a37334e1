"""Deterministic policy gradients with discrete actions, through a continuous relaxation of them.

    x = one-hot(argmax(n)), its gradient that of softmax(n);   n = (log pi + gumbel) / temperature
    next value = min over the drawn critics of Q_target,k(s', one-hot(argmax pi_target))
    actor loss = -mean over real steps of Q_1(s, x) + logit_penalty * mean(logits^2)

Critics see actions as one-hot vectors. Straight-through Gumbel-softmax: Jang et al. 2017
(arXiv:1611.01144); in MADDPG: Lowe et al. 2017 (arXiv:1706.02275), whose code has the penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from marl.batch import AFTER, BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.shared import SharedController
from marl.learners.actor_critic.followed import FollowedPolicy
from marl.learners.actor_critic.learner import CriticLearnerConfig
from marl.learners.actor_critic.reductions import drawn
from marl.learners.optimizers import FUSED_ADAM, OptimizerConfig
from marl.nets.critics import QEnsemble
from marl.nets.distributions import Categorical, gumbel_noise, log_softmax
from marl.protocols.loop import Metrics, Progress


@dataclass(frozen=True)
class RelaxedConfig(CriticLearnerConfig):
    """Climbing critics with discrete actions."""

    temperature: float = option(1.0, above=0.0)  # of the softmax that gives the gradient
    logit_penalty: float = option(0.001, low=0.0)  # weight of the logits' squares
    drawn_critics: int = option(2, low=1)  # critics, drawn for each target
    actor_optimizer: OptimizerConfig = FUSED_ADAM


class RelaxedImprovement(FollowedPolicy[SharedController]):
    """Climbs the critics with a policy of discrete actions."""

    def __init__(self, policy: SharedController, config: RelaxedConfig) -> None:
        super().__init__(policy, config.actor_optimizer)
        self.config = config
        self.distribution = Categorical(policy.outputs)

    def vectors(self, actions: Tensor) -> Tensor:
        """One-hot, [B,T,A,U]."""
        return one_hot(actions, self.policy.outputs).float()

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Least of the drawn critics' values of the target policy's likeliest actions, [B,T,G]."""
        logits = self.target_policy.unroll(batch, AFTER)  # [B,T,A,U]
        likeliest = self.distribution.mode(logits, batch.avail[:, AFTER])
        picked = drawn(self.config.drawn_critics, critics, rng)
        return critics.values(batch, AFTER, self.vectors(likeliest), picked).amin(0)

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        loss, metrics = self.loss(batch, critics, rng)
        self.descend(loss)
        return {"actor_loss": loss.detach(), **metrics}

    def loss(
        self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator
    ) -> tuple[Tensor, Metrics]:
        """What the policy's parameters descend, and what it is made of."""
        config, avail = self.config, batch.avail[:, BEFORE]
        logits = self.policy.unroll(batch, BEFORE)  # [B,T,A,U]
        log_probs = log_softmax(logits, avail)
        noisy = (log_probs + gumbel_noise(logits, rng)) / config.temperature
        soft = noisy.softmax(-1)
        hard = self.vectors(noisy.argmax(-1))
        actions = hard + soft - soft.detach()
        taken = self.vectors(batch.actions)
        climbed = critics.own_values(batch, taken, actions, [0])[0]  # [B,T,G]
        size = (logits * avail).square().mean(-1)  # [B,T,A]
        loss = -masked_mean(climbed, batch.filled)
        loss = loss + config.logit_penalty * masked_mean(size, batch.filled)
        entropy = self.distribution.entropy(logits.detach(), avail)  # [B,T,A]
        return loss, {"entropy": masked_mean(entropy, batch.filled)}

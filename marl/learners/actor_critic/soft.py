"""Soft actor-critic: a stochastic policy that is paid for its entropy.

    next value = min over the drawn critics of Q_target,k(s', a') - alpha * log pi(a' | s')
    actor loss = mean over real steps of alpha * log pi(a | s) - min_k Q_k(s, a),    a ~ pi(. | s)
        + action_penalty * mean((a / scale)^2)
    alpha descends alpha * (entropy - target entropy)

Haarnoja et al. 2018 (arXiv:1812.05905). A team with one value is paid for the entropies of all its
agents. With n steps folded into one, the entropies between are left out. The target entropy is
`entropy` times the number of the action's dimensions, of actions in half-ranges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import AFTER, BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.squashed import SquashedPolicy
from marl.learners.actor_critic.learner import CriticLearnerConfig
from marl.learners.actor_critic.reductions import drawn
from marl.learners.optimizers import FUSED_ADAM, AdamConfig, OptimizerConfig
from marl.nets.critics import QEnsemble
from marl.nets.optimizing import descend, load_optimizer
from marl.protocols.loop import Metrics, Progress, State


@dataclass(frozen=True)
class SoftConfig(CriticLearnerConfig):
    """Maximum-entropy learning; CleanRL's values are the defaults."""

    kind: ClassVar[str] = "soft"
    policy_delay: int = option(1, low=1)
    target_delay: int = option(1, low=1)
    critic_optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001, fused=True)
    actor_optimizer: OptimizerConfig = FUSED_ADAM
    drawn_critics: int = option(2, low=1)  # critics, drawn for each target
    alpha: float = option(1.0, above=0.0)  # weight of the entropy: at first, or for good
    alpha_optimizer: OptimizerConfig | None = AdamConfig(
        lr=0.001, eps=0.00000001, fused=True
    )  # null: fixed
    action_penalty: float = option(0.0, low=0.0)  # weight of the actions' squares, in half-ranges
    entropy: float = -1.0  # the target, of each dimension of an action, in nats


class SoftImprovement:
    """Climbs the critics with a squashed Gaussian policy, and keeps its entropy up."""

    def __init__(self, policy: SquashedPolicy, config: SoftConfig) -> None:
        self.policy = policy
        self.config = config
        self.policy_parameters = [*policy.parameters()]
        device = self.policy_parameters[0].device
        self.log_alpha = nn.Parameter(torch.full((), math.log(config.alpha), device=device))
        self.learns_alpha = config.alpha_optimizer is not None
        self.parameters = [*self.policy_parameters, *([self.log_alpha] * self.learns_alpha)]
        self.optimizer = config.actor_optimizer.build(self.policy_parameters)
        alpha_optimizer = config.alpha_optimizer or config.actor_optimizer
        self.alpha_optimizer = alpha_optimizer.build([self.log_alpha])
        self.target_entropy = config.entropy * policy.action_dim

    def vectors(self, actions: Tensor) -> Tensor:
        return actions

    def prepare(self, batch: EpisodeBatch, rng: torch.Generator) -> Metrics:
        return {}

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Least of the drawn critics' values of a drawn action, and its entropy's worth."""
        actions, log_prob = self.policy.draw(batch, AFTER, rng)
        picked = drawn(self.config.drawn_critics, critics, rng)
        values = critics.values(batch, AFTER, actions, picked)
        return values.amin(0) - self.log_alpha.exp() * as_valued(log_prob, values)

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        loss, log_prob = self.loss(batch, critics, rng)
        descend(loss, self.optimizer, self.policy_parameters)
        entropy = -masked_mean(log_prob.detach(), batch.filled)
        if self.learns_alpha:
            # CleanRL's form: the gradient of alpha itself, not of its logarithm
            alpha_loss = self.log_alpha.exp() * (entropy - self.target_entropy)
            descend(alpha_loss, self.alpha_optimizer, [self.log_alpha])
        alpha = self.log_alpha.detach().exp()
        return {"actor_loss": loss.detach(), "entropy": entropy, "alpha": alpha}

    def loss(
        self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the policy's parameters descend, and log-densities of its actions, [B,T,A]."""
        actions, log_prob = self.policy.draw(batch, BEFORE, rng)
        values = critics.values(batch, BEFORE, actions).amin(0)  # [B,T,A]
        alpha = self.log_alpha.detach().exp()
        descended = alpha * as_valued(log_prob, values) - values
        if self.config.action_penalty > 0.0:
            size = as_valued(self.policy.size(actions), values)
            descended = descended + self.config.action_penalty * size
        return masked_mean(descended, batch.filled), log_prob

    def follow(self, tau: float) -> None:
        """Nothing: targets take the policy itself."""

    def state_dict(self) -> State:
        return {
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "log_alpha": self.log_alpha.detach(),
            "alpha_optimizer": self.alpha_optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.policy.load_state_dict(state["policy"])
        load_optimizer(self.optimizer, state["optimizer"])
        with torch.no_grad():
            self.log_alpha.copy_(state["log_alpha"])
        load_optimizer(self.alpha_optimizer, state["alpha_optimizer"])


def as_valued(each: Tensor, values: Tensor) -> Tensor:
    """Of each agent [...,A], as the values [...,G] are: their sum where the team has one."""
    return each.sum(-1, keepdim=True) if values.shape[-1] == 1 else each

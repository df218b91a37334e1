"""Behaviour cloning: a policy that does what the data's actors did.

    loss = mean over real steps and agents of error(s, a)

error is the policy's own measure of how far it is from the data's action: of a stochastic policy
the negative log-probability, which for discrete actions is the cross-entropy over the available
ones; of a deterministic policy the mean square. Agents without a choice are left out: they would
make the loss small and teach nothing.
Pomerleau 1989 (ALVINN).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marl.batch import BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.noise import DeterministicPolicy
from marl.controllers.policy import StochasticPolicy, has_choice
from marl.controllers.squashed import SquashedPolicy
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.optimizing import load_optimizer
from marl.nets.threads import shared
from marl.protocols.experience import BATCH, Samples
from marl.protocols.loop import Metrics, Progress, State

# Actions count as this far within a bound, in half-ranges: on it no number before tanh is finite.
EDGE = 1e-3

Errors = Callable[[EpisodeBatch], Tensor]  # of a batch's actions, [B,T,A], whatever in the padding


@dataclass(frozen=True)
class CloningConfig:
    """Supervised learning of actions."""

    optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001)
    grad_norm_clip: float = option(10.0, above=0.0)


def unlikelihood(policy: StochasticPolicy) -> Errors:
    """How unlikely a policy finds the data's actions, in nats."""
    return lambda batch: -policy.evaluate(batch)[0]


def squares(policy: DeterministicPolicy) -> Errors:
    """How far a policy's actions are from the data's: mean square over D, in half-ranges."""

    def errors(batch: EpisodeBatch) -> Tensor:
        apart = policy.in_halves(policy.actions(batch, BEFORE)) - policy.in_halves(batch.actions)
        return apart.square().mean(-1)

    return errors


def squashed_unlikelihood(policy: SquashedPolicy) -> Errors:
    """How unlikely a squashed policy finds the data's actions, in nats of half-ranges."""

    def errors(batch: EpisodeBatch) -> Tensor:
        actions = policy.in_halves(batch.actions).clamp(EDGE - 1.0, 1.0 - EDGE)
        return -policy.at(batch, BEFORE).log_prob(torch.atanh(actions))

    return errors


class CloningLearner:
    """Learns a policy from the actions of a batch."""

    def __init__(self, policy: nn.Module, errors: Errors, config: CloningConfig) -> None:
        """errors: the policy's."""
        self.policy = policy
        self.errors = errors
        self.config = config
        self.parameters = [*policy.parameters()]
        self.optimizer = config.optimizer.build(self.parameters)

    def update(self, samples: Samples, progress: Progress) -> Metrics:
        """One gradient step."""
        loss = self.loss(samples[BATCH])
        self.optimizer.zero_grad()
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(self.parameters, self.config.grad_norm_clip)
        self.optimizer.step()
        return {"loss": loss.detach(), "grad_norm": grad_norm}

    def loss(self, batch: EpisodeBatch) -> Tensor:
        """Mean error of the actions of agents that had a choice."""
        errors, counts = shared(self.estimate_rows, batch, self.parameters)
        return masked_mean(errors, counts)

    def estimate_rows(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """Errors, and which of them count, [B,T,A] each, zero in the padding."""
        counts = has_choice(batch)[:, :-1] & batch.filled
        return torch.where(counts, self.errors(batch), 0.0), counts

    def state_dict(self) -> State:
        return {"policy": self.policy.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self.policy.load_state_dict(state["policy"])
        load_optimizer(self.optimizer, state["optimizer"])

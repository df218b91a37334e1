"""Discrete BCQ: value learning that bootstraps from likely actions alone.

    likely(s) = {a : G(a | s) > threshold * max over actions of G(. | s)}
    bootstrap = mix_target(Q_target(s', argmax over likely(s') of Q(s', a)), s')
    loss = the TD loss - mean log G(a | s) + logit_penalty * mean logits(s)^2

G imitates the data's actions: a network of its own, of the same shape as Q's, with a softmax over
the available actions. Each of several agents has its likely actions by what it observes itself. G's
means leave out agents without a choice, of which there is nothing to be learnt.

Fujimoto et al. 2019, arXiv:1910.01708, and their code, where G and Q share the convolutions of
images, and nothing on vectors as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.constrained import likely
from marl.controllers.policy import has_choice
from marl.controllers.shared import SharedController
from marl.learners.q import QLearner, QLearnerConfig
from marl.nets.distributions import Categorical
from marl.nets.packed import Steps
from marl.nets.threads import shared
from marl.protocols.experience import WEIGHT
from marl.protocols.learning import IntrinsicReward
from marl.protocols.loop import Metrics, Progress, State

LIKELY = "likely"  # column of level `step`: likely actions at the slot after it, [B,T,A,U] bool


@dataclass(frozen=True)
class NoConstraintConfig:
    """Any available action counts."""

    kind: ClassVar[str] = "none"


@dataclass(frozen=True)
class BcqConstraintConfig:
    """Actions that the data makes likely; for learning offline."""

    kind: ClassVar[str] = "bcq"
    threshold: float = option(0.3, low=0.0, high=1.0)  # of the likeliest action's chance
    logit_penalty: float = option(0.01, low=0.0)  # weight of the logits' squares


ConstraintConfig = NoConstraintConfig | BcqConstraintConfig


class ConstrainedQLearner(QLearner):
    """Learns values and an imitation that says which actions they may count on."""

    def __init__(
        self,
        controller: SharedController,
        imitation: SharedController,
        mixer: nn.Module,
        bonus: IntrinsicReward,
        config: QLearnerConfig,
        constraint: BcqConstraintConfig,
    ) -> None:
        """imitation: reads the same inputs as the controller."""
        super().__init__(controller, mixer, bonus, config)
        self.imitation = imitation
        self.constraint = constraint
        self.distribution = Categorical(imitation.outputs)
        self.imitation_parameters = [*imitation.parameters()]
        self.parameters = [*self.parameters, *self.imitation_parameters]
        self.optimizer = config.optimizer.build(self.parameters)

    def loss(self, batch: EpisodeBatch, progress: Progress) -> tuple[Tensor, Metrics]:
        """The TD loss and that of the imitation."""
        logits, allowed = shared(self.imitate_rows, batch, self.imitation_parameters)
        loss, metrics = super().loss(batch.with_steps(**{LIKELY: allowed}), progress)
        avail = batch.avail[:, :-1]
        counts = has_choice(batch)[:, :-1] & batch.filled  # [B,T,A]
        errors = -self.distribution.log_prob(logits, avail, batch.actions)  # [B,T,A]
        sizes = logits.square().mean(-1)
        imitated = errors + self.constraint.logit_penalty * sizes
        if WEIGHT in batch.columns:
            imitated = imitated * batch[WEIGHT][:, None, None]
        with torch.no_grad():
            found = self.distribution.mode(logits, avail) == batch.actions
            metrics |= {
                "imitation_loss": masked_mean(errors, counts),
                "imitation_accuracy": masked_mean(found.float(), counts),
                "likely_actions": masked_mean(allowed.sum(-1).float(), batch.filled),
            }
        return loss + masked_mean(imitated, counts), metrics

    def imitate_rows(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """Logits before each step, and the likely actions after it; [B,T,A,U] each."""
        reading = self.controller.read(batch)
        logits = self.imitation.outputs_of(reading)  # [P,A,U]
        steps = reading.packed.steps()
        avail = steps.pack(batch.avail, shift=1)
        allowed = likely(steps.after(logits.detach()), avail, self.constraint.threshold)
        return steps.unpack(steps.before(logits)), steps.unpack(allowed)

    def choosable(self, batch: EpisodeBatch, steps: Steps) -> Tensor:
        found = LIKELY in batch.columns
        return steps.pack(batch[LIKELY] if found else self.imitate_rows(batch)[1])

    def state_dict(self) -> State:
        return {**super().state_dict(), "imitation": self.imitation.state_dict()}

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self.imitation.load_state_dict(state["imitation"])

"""Improvement: how a policy gets better by critics, and what it would do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch
from marl.nets.critics import QEnsemble
from marl.protocols.loop import Metrics, Progress, State


class Improvement(Protocol):
    """A policy with its target copy and whatever else it is learnt with."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """All that it trains."""

    def vectors(self, actions: Tensor) -> Tensor:
        """A batch's actions as critics take them, [B,T,A,D]."""

    def prepare(self, batch: EpisodeBatch, rng: torch.Generator) -> Metrics:
        """Learn what does not need the critics, on every update before they learn."""

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Value of the slot after each step by the target critics, [B,T,G]; no gradient."""

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        """One gradient step of the policy; the critics stay as they are."""

    def follow(self, tau: float) -> None:
        """Move the target copy a little towards the policy."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@runtime_checkable
class PayingImprovement(Protocol):
    """An improvement whose policy is paid for what it does, inside the critics' target."""

    def pay(self, batch: EpisodeBatch, rng: torch.Generator) -> tuple[Tensor, Metrics]:
        """Added to the target of each step, [B,T,A], and its metrics; no gradient."""

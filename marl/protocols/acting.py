"""Who chooses actions, and with which network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch
from marl.protocols.loop import Progress

Carry = dict[str, Tensor]  # what an actor remembers of running episodes, [B,...] each


class ObservationTensors(NamedTuple):
    """An Observation on the device of an actor."""

    obs: Tensor  # [B,A,O]
    state: Tensor  # [B,S]
    avail: Tensor | None  # [B,A,U]


class Acted(NamedTuple):
    """A joint action, and what goes with it."""

    actions: Tensor  # [B,A] or [B,A,D]
    carry: Carry
    extras: dict[str, Tensor]  # the actor's own columns of this step, [B,...] each


class Actor(Protocol):
    """Chooses actions; remembers nothing itself, the carry goes in and comes out."""

    columns: tuple[Column, ...]  # of its extras, level `step`

    def initial_carry(self, batch: int) -> Carry:
        """The carry before a first step, [B,...] each."""

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """Legal actions; greedy ones draw nothing from rng, which lives on the CPU."""

    def metrics(self, progress: Progress) -> dict[str, float]:
        """State of its exploration, e.g. epsilon."""


class Stopped(Exception):  # noqa: N818 - no error: what was begun is given up on request
    """Raised by whoever finds `Behaviour.stopping`; nothing of what was begun counts."""


@dataclass(frozen=True)
class Behaviour:
    """An actor, and how it is asked."""

    actor: Actor
    progress: Progress = Progress()
    rng: torch.Generator = field(default_factory=torch.Generator)
    greedy: bool = False
    clock: str = ""  # the stopwatch's part that all of it counts for; "": acting and env apart
    stopping: Callable[[], bool] = lambda: False  # asked before each step; True: raise Stopped


class Controller(Protocol):
    """One network for all agents: observations to an output for each agent and slot."""

    def initial_carry(self, batch: int) -> Carry:
        """The carry before a first step, [B,...] each."""

    def step(self, obs: Tensor, carry: Carry) -> tuple[Tensor, Tensor]:
        """One slot: obs [B,A,O] -> outputs [B,A,U], hidden [B,A,H]."""

    def next_carry(self, hidden: Tensor, actions: Tensor) -> Carry:
        """The carry after a step. hidden [B,A,H]; actions: those taken, [B,A] or [B,A,D]."""

    def unroll(self, batch: EpisodeBatch) -> Tensor:
        """Outputs at all slots, zero in the padding, [B,T+1,A,U]."""

"""Agent: a recipe's parts, assembled, each known by its seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import nn

from marl.batch import Layout
from marl.protocols.acting import Actor
from marl.protocols.collecting import Runner, Schedule
from marl.protocols.environments import VecEnv
from marl.protocols.experience import Buffer, Feedback, Sampler
from marl.protocols.learning import IntrinsicReward, Learner
from marl.runners.stopwatch import Stopwatch
from marl.spec import EnvSpec


class RunnerConfig(Protocol):
    """A way to collect experience; makes the runner."""

    kind: ClassVar[str]
    whole_episodes: ClassVar[bool]  # collections hold those alone

    def longest(self, spec: EnvSpec) -> int:
        """T, the most steps of a row that it collects."""

    def build(
        self, env: VecEnv, layout: Layout, device: torch.device, stopwatch: Stopwatch
    ) -> Runner: ...


@dataclass(frozen=True)
class Needed:
    """What a first update waits for."""

    rows: int = 1  # of the buffer: episodes, or what it holds instead
    steps: int = 0

    def __str__(self) -> str:
        rows = [f"{self.rows:,} episodes"] if self.rows > 1 else []
        steps = [f"{self.steps:,} steps"] if self.steps > 0 else []
        return " and ".join([*rows, *steps]) or "experience"


@dataclass(frozen=True)
class Agent:
    """All that the loop needs to collect, learn and test."""

    layout: Layout  # the columns of its experience
    actor: Actor
    learner: Learner
    buffer: Buffer
    sampler: Sampler
    schedule: Schedule
    rollout: RunnerConfig
    needed: Needed = Needed()
    feedback: Feedback | None = None  # the sampler, or the one within it, that hears of errors
    bonus: IntrinsicReward | None = None  # inside the learner's targets
    bonus_parameters: Sequence[nn.Parameter] = ()  # what the bonus trains beside the learner

    def waiting(self) -> str:
        """Why there is no update yet."""
        held = f"{self.buffer.steps:,} steps in {len(self.buffer):,} rows"
        if not self.sampler.ready(self.buffer):
            return f"the first update waits for {self.needed}, and there are {held}"
        return f"what was collected brings less than one; {held} are held"


@runtime_checkable
class Timed(Protocol):
    """A recipe with options that are meant for a length of training."""

    def check_length(self, t_max: int) -> str:
        """A note on what t_max environment steps mean for them, or "".

        ConfigError where they are over before the training is.
        """


@runtime_checkable
class Remarking(Protocol):
    """A recipe that may mean something else on an environment than its user expects."""

    def remark(self, spec: EnvSpec) -> str:
        """What it means there, in one line; "" where that is as expected."""


class RecipeConfig(Protocol):
    """A learning algorithm's options, a frozen dataclass, and how to assemble its parts."""

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""

"""Agent: a recipe's parts, assembled, each known by its seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch

from marl.batch import Layout
from marl.buffers.kinds import ReplayConfig
from marl.buffers.samplers import SamplerConfig, SliceSamplerConfig
from marl.errors import ConfigError
from marl.intrinsic.config import BonusConfig
from marl.protocols import Actor, Buffer, Learner, Runner, Sampler, Schedule, VecEnv
from marl.runners.stopwatch import Stopwatch
from marl.spec import EnvSpec


class RolloutConfig(Protocol):
    """A way to collect experience; makes the runner."""

    kind: ClassVar[str]
    whole_episodes: ClassVar[bool]  # collections hold those alone

    def build(
        self, env: VecEnv, layout: Layout, device: torch.device, stopwatch: Stopwatch
    ) -> Runner: ...


@dataclass(frozen=True)
class Agent:
    """All that the loop needs to collect, learn and test."""

    layout: Layout  # the columns of its experience
    actor: Actor
    learner: Learner
    buffer: Buffer
    sampler: Sampler
    schedule: Schedule
    rollout: RolloutConfig


class RecipeConfig(Protocol):
    """A learning algorithm's options, a frozen dataclass, and how to assemble its parts."""

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""


def check_offline(rollout: str, updates: str, buffer: str) -> None:
    """ValueError unless all of them are kinds for learning offline, or none is."""
    given = {"rollout": rollout, "updates": updates, "buffer": buffer}
    offline = {"rollout": "offline", "updates": "offline", "buffer": "dataset"}
    if any(given[name] == offline[name] for name in given):
        for name, kind in given.items():
            if kind != offline[name]:
                raise ValueError(
                    f"{name}: kind={kind} is for collected experience, and the run is to learn "
                    f"offline; set {name}.kind={offline[name]} too"
                )


def check_replay(
    spec: EnvSpec,
    rollout: RolloutConfig,
    buffer: ReplayConfig,
    sampler: SamplerConfig,
    bonus: BonusConfig,
) -> None:
    """ConfigError where these parts don't go together, or not with the environment."""
    whole = rollout.whole_episodes and buffer.whole_episodes
    if sampler.whole_episodes and not whole:
        raise ConfigError(
            f"sampler.kind: whole episodes need rollout.kind=episodes and buffer.kind=episodes, "
            f"not {rollout.kind} and {buffer.kind}; or use sampler.kind=slices"
        )
    if isinstance(sampler, SliceSamplerConfig) and sampler.length > 1 and not whole:
        raise ConfigError(
            f"sampler.length: slices of {sampler.length} steps need rollout.kind=episodes and "
            f"buffer.kind=episodes, not {rollout.kind} and {buffer.kind}; use sampler.length=1"
        )
    buffer.check(spec, sampler.episodes_needed, sampler.steps_needed)
    bonus.check(spec, whole and sampler.whole_episodes)

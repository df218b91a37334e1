"""What one update learns from: whole episodes, slices of them, or all that was collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from marl.batch import Column
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols.experience import BATCH, Buffer, Sampler, Samples, StatefulSampler
from marl.protocols.loop import State
from marl.spec import EnvSpec


@dataclass(frozen=True)
class EpisodeSamplerConfig:
    """Whole episodes, each drawn as often as any other."""

    kind: ClassVar[str] = "episodes"
    whole_episodes: ClassVar[bool] = True
    single_steps: ClassVar[bool] = False
    batch_size: int = option(32, low=1)  # episodes
    start: int = option(0, low=0)  # steps that must be stored before the first update

    @property
    def episodes_needed(self) -> int:
        """Episodes that must be stored before the first update."""
        return self.batch_size

    @property
    def steps_needed(self) -> int:
        """Steps that must be stored before the first update."""
        return self.start

    def check(self, spec: EnvSpec, whole: bool, kinds: str) -> None:
        """ConfigError where rows may be less than episodes. whole: they are; kinds: who says so."""
        if not whole:
            raise ConfigError(
                "sampler.kind: whole episodes need rollout.kind=episodes and buffer.kind=episodes, "
                f"{kinds}; or use sampler.kind=slices"
            )

    def build(self, spec: EnvSpec) -> WholeEpisodes:
        return WholeEpisodes(self.batch_size, self.start)


class StepsNeeded:
    """What a sampler of `batch_size` stored steps needs before the first update."""

    batch_size: int
    start: int

    @property
    def episodes_needed(self) -> int:
        """Episodes that must be stored before the first update."""
        return 1

    @property
    def steps_needed(self) -> int:
        """Steps that must be stored before the first update."""
        return max(self.start, self.batch_size)


@dataclass(frozen=True)
class SliceSamplerConfig(StepsNeeded):
    """Slices of episodes, every stored step as often the first of one as any other."""

    kind: ClassVar[str] = "slices"
    whole_episodes: ClassVar[bool] = False
    batch_size: int = option(32, low=1)  # slices
    length: int = option(1, low=1)  # steps of a slice; 1 = transitions
    start: int = option(0, low=0)  # steps that must be stored before the first update

    @property
    def single_steps(self) -> bool:
        """Whether a sample holds nothing but transitions."""
        return self.length == 1

    def check(self, spec: EnvSpec, whole: bool, kinds: str) -> None:
        """ConfigError where rows may be too short. whole: they are episodes; kinds: who says so."""
        if self.length > 1 and not whole:
            raise ConfigError(
                f"sampler.length: slices of {self.length} steps need rollout.kind=episodes and "
                f"buffer.kind=episodes, {kinds}; use sampler.length=1"
            )

    def build(self, spec: EnvSpec) -> Slices:
        return Slices(self.batch_size, self.length, self.start)


class WholeEpisodes:
    """Episodes without replacement, cut to the longest one drawn."""

    columns: tuple[Column, ...] = ()

    def __init__(self, batch_size: int, start: int = 0) -> None:
        self.batch_size = batch_size
        self.start = start

    def ready(self, buffer: Buffer) -> bool:
        return len(buffer) >= self.batch_size and buffer.steps >= self.start

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,T,...], B = batch_size."""
        if len(buffer) < self.batch_size:
            raise ValueError(
                f"asked for {self.batch_size} episodes, hold {len(buffer)}; "
                "lower sampler.batch_size or wait"
            )
        picks = torch.randperm(len(buffer), generator=rng)[: self.batch_size]
        return {BATCH: buffer.episodes(picks)}


class EpisodesAnew:
    """Episodes with replacement, cut to the longest one drawn; there are always enough."""

    columns: tuple[Column, ...] = ()

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def ready(self, buffer: Buffer) -> bool:
        return len(buffer) > 0

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,T,...], B = batch_size."""
        if not len(buffer):
            raise ValueError("asked for episodes of an empty replay; wait for a first one")
        picks = torch.randint(len(buffer), (self.batch_size,), generator=rng)
        return {BATCH: buffer.episodes(picks)}


class Slices:
    """Slices of `length` steps, every stored step equally likely to be the first of one."""

    columns: tuple[Column, ...] = ()

    def __init__(self, batch_size: int, length: int = 1, start: int = 0) -> None:
        self.batch_size = batch_size
        self.length = length
        self.start = start

    def ready(self, buffer: Buffer) -> bool:
        return buffer.steps >= max(self.start, self.batch_size)

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,length,...], B = batch_size."""
        if buffer.steps < 1:
            raise ValueError("asked for slices of an empty replay; wait for a first episode")
        picks = torch.randint(buffer.steps, (self.batch_size,), generator=rng)
        return {BATCH: buffer.slices(*buffer.locate(picks), self.length)}


class AllRows:
    """Takes all rows out of the buffer."""

    columns: tuple[Column, ...] = ()

    def ready(self, buffer: Buffer) -> bool:
        return len(buffer) > 0

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,T,...], B = the rows that were held."""
        if not len(buffer):
            raise ValueError("asked for all rows of an empty buffer; wait for a collection")
        batch = buffer.episodes(torch.arange(len(buffer)))
        buffer.clear()
        return {BATCH: batch}


class NamedSamplers:
    """One sample by each of several samplers, under their names."""

    def __init__(self, samplers: Mapping[str, Sampler]) -> None:
        self.samplers = dict(samplers)
        self.columns = tuple(column for part in samplers.values() for column in part.columns)

    def ready(self, buffer: Buffer) -> bool:
        return all(sampler.ready(buffer) for sampler in self.samplers.values())

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """In the order of the names' first mention; each sampler's own batch."""
        return {name: sampler.sample(buffer, rng)[BATCH] for name, sampler in self.samplers.items()}

    def state_dict(self) -> State:
        """Of those that have one."""
        return {
            name: sampler.state_dict()
            for name, sampler in self.samplers.items()
            if isinstance(sampler, StatefulSampler)
        }

    def load_state_dict(self, state: State, buffer: Buffer) -> None:
        for name, sampler in self.samplers.items():
            if isinstance(sampler, StatefulSampler):
                sampler.load_state_dict(state[name], buffer)

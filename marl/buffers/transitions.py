"""Replay of single steps: a ring of transitions, each with the slots before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from marl.batch import EpisodeBatch, Layout, single_steps
from marl.buffers.episodes import refuse_other_columns
from marl.buffers.saved import check_saved
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols import State
from marl.spec import EnvSpec


@dataclass(frozen=True)
class TransitionBufferConfig:
    """Single steps; the oldest go first."""

    kind: ClassVar[str] = "transitions"
    whole_episodes: ClassVar[bool] = False
    steps: int = option(1_000_000, low=1)

    def check(self, spec: EnvSpec, episodes: int, steps: int) -> None:
        """It takes whatever the environment's episodes are."""

    def refuse_too_small(self, episodes: int, steps: int) -> None:
        """ValueError where it can never hold so many steps."""
        if steps > self.steps:
            raise ValueError(
                f"buffer.steps: {self.steps} can never hold the {steps} steps that the first "
                "update waits for; raise it or lower sampler.start and sampler.batch_size"
            )

    def build(self, layout: Layout, spec: EnvSpec) -> TransitionBuffer:
        try:
            return TransitionBuffer(layout, self.steps)
        except RuntimeError:  # torch's word for no memory
            raise ConfigError(
                f"buffer.steps: no memory for {self.steps:,} steps of {spec.name}; lower it"
            ) from None


class TransitionBuffer:
    """Keeps the newest steps, on the CPU: a row is one step, a batch of T = 1."""

    def __init__(self, layout: Layout, steps: int) -> None:
        self.layout = layout
        self.capacity = steps
        self.storage = EpisodeBatch.empty(layout, steps, 1)
        self.oldest = 0  # place of the oldest step
        self.steps = 0  # steps held

    def __len__(self) -> int:
        return self.steps

    def clear(self) -> None:
        self.oldest = self.steps = 0

    def add(self, batch: EpisodeBatch) -> None:
        """Store every step of the batch, row by row, in place of the oldest ones."""
        steps = single_steps(batch)
        newest = steps.rows(max(0, steps.size - self.capacity), steps.size)
        end = (self.oldest + self.steps) % self.capacity
        places = (end + torch.arange(newest.size)) % self.capacity
        for name in self.layout:
            self.storage[name][places] = newest[name]
        dropped = max(0, self.steps + newest.size - self.capacity)
        self.oldest = (self.oldest + dropped) % self.capacity
        self.steps += newest.size - dropped

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        """Copies of single steps, [B,1,...]."""
        places = (self.oldest + rows) % self.capacity
        return self.storage.map(lambda stored: stored.index_select(0, places))

    def lengths(self, rows: Tensor) -> Tensor:
        return torch.ones_like(rows)

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        return picks, torch.zeros_like(picks)

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        """As `episodes`; ValueError for longer slices, which single steps do not make."""
        if length != 1:
            raise ValueError(f"asked for slices of {length} steps of a replay of single ones")
        return self.episodes(rows)

    def state_dict(self) -> State:
        """The held steps, oldest first."""
        return dict(self.episodes(torch.arange(self.steps)).columns)

    def load_state_dict(self, state: State) -> None:
        """Hold exactly the stored steps."""
        refuse_other_columns(self.layout, state, axes=2)
        count = len(state["filled"])
        check_saved(self.layout, state, torch.ones(count, dtype=torch.int64), 1)
        if count > self.capacity:
            raise ValueError(f"a replay of {count} steps does not fit into {self.capacity}")
        self.clear()
        for name in self.layout:
            self.storage[name][:count] = state[name]
        self.steps = count

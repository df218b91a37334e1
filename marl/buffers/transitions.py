"""Replay of single steps: a ring of transitions, each with the slots before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from marl.batch import EpisodeBatch, Layout, single_steps
from marl.buffers.memory import free_memory, in_gib
from marl.buffers.saved import check_plain
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols.loop import State
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
        except (RuntimeError, MemoryError):  # torch's word for no memory, and numpy's
            size, there = row_bytes(layout), free_memory()
            fits = "" if there is None else f", and {in_gib(there)} are free: {there // size:,} fit"
            raise ConfigError(
                f"buffer.steps: no memory for {self.steps:,} steps of {spec.name}, which take "
                f"{in_gib(self.steps * size)}{fits}; lower it"
            ) from None


def row_bytes(layout: Layout) -> int:
    """Bytes of one step with the slots before and after it."""
    return sum((1 + (c.level == "slot")) * c.row_bytes for c in layout.values())


class TransitionBuffer:
    """Keeps the newest steps, on the CPU: a row is one step, a batch of T = 1."""

    def __init__(self, layout: Layout, steps: int) -> None:
        self.layout = layout
        self.capacity = steps
        self.row_bytes = row_bytes(layout)
        self.storage = EpisodeBatch.empty(layout, steps, 1)
        self.oldest = 0  # place of the oldest step
        self.steps = 0  # steps held
        self.steps_gone = 0

    def __len__(self) -> int:
        return self.steps

    @property
    def rows_gone(self) -> int:
        return self.steps_gone

    @property
    def nbytes(self) -> int:
        """Bytes that the held steps take."""
        return self.steps * self.row_bytes

    def bytes_after(self, steps: int) -> int:
        """Bytes that it will take after so many steps more."""
        return min(self.steps + steps, self.capacity) * self.row_bytes

    def fitting(self, size: int) -> str:
        """The option that keeps it within `size` bytes."""
        return f"buffer.steps={min(size // self.row_bytes, self.capacity)}"

    def clear(self) -> None:
        self.steps_gone += self.steps
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
        self.steps_gone += dropped + steps.size - newest.size

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
        """Hold the stored steps, of more than it can hold the newest."""
        check_plain(self.layout, state, axes=2)
        count = min(len(state["filled"]), self.capacity)
        self.clear()
        for name in self.layout:
            self.storage[name][:count] = state[name][len(state[name]) - count :]
        self.steps = count

"""EpisodeBatch: the one type that carries experience from runner to learner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from marl.spec import Discrete, EnvSpec

# slot: before and after each step, [B,T+1,...]; step: [B,T,...]; episode: [B,...].
Level = Literal["slot", "step", "episode"]

HUGE_BYTES = 4 * 2**20  # from here on numpy asks the system for huge pages
ALIGNMENT = 64  # of torch's own tensors


@dataclass(frozen=True)
class Column:
    """One named tensor of a batch."""

    name: str
    level: Level
    shape: tuple[int, ...]  # beyond B and T
    dtype: torch.dtype

    @property
    def row_bytes(self) -> int:
        """Bytes of one slot, step or episode."""
        return prod(self.shape) * self.dtype.itemsize

    def empty(self, batch: int, steps: int) -> Tensor:
        """Uninitialised storage for `batch` rows of `steps` steps."""
        lead = self.lead(batch, steps)
        shape, size = (*lead, *self.shape), prod(lead) * self.row_bytes
        if size < HUGE_BYTES:
            return torch.empty(shape, dtype=self.dtype)
        # numpy asks for huge pages, torch does not: new memory is written three times as fast.
        room = np.empty(size + ALIGNMENT, dtype=np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        return torch.from_numpy(room[start : start + size]).view(self.dtype).view(shape)

    def lead(self, batch: int, steps: int) -> tuple[int, ...]:
        """The shape's part that depends on the batch."""
        return {"slot": (batch, steps + 1), "step": (batch, steps), "episode": (batch,)}[self.level]


class Layout(Mapping[str, Column]):
    """The columns of a batch by name, in order."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns: dict[str, Column] = {}
        for column in columns:
            if self._columns.setdefault(column.name, column) != column:
                raise ValueError(f"two different columns are called {column.name!r}")

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def names(self, *levels: Level) -> list[str]:
        """The names of all columns of these levels."""
        return [column.name for column in self.values() if column.level in levels]

    def with_columns(self, columns: Iterable[Column]) -> Layout:
        """The layout with further columns; those that it has already are the same."""
        return Layout([*self.values(), *columns])


BEFORE, AFTER = slice(0, -1), slice(1, None)  # the slots before and after each step

WON = Column("won", "episode", (), torch.bool)  # ended in a win; for parts that ask for it


def goal_columns(spec: EnvSpec) -> tuple[Column, Column]:
    """The goal and what is achieved, at each slot; for parts that ask for them.

    Of slots, not of episodes: an environment may set another goal within an episode, and whatever
    is cut out of one brings its goal along.
    """
    shape = (spec.goal_dim,)
    return (
        Column("goal", "slot", shape, torch.float32),
        Column("achieved_goal", "slot", shape, torch.float32),
    )


def layout_of(spec: EnvSpec, extras: Iterable[Column] = ()) -> Layout:
    """The columns of every batch of this environment's experience, and those that parts add."""
    agents = (spec.n_agents,)
    if isinstance(spec.action, Discrete):
        action: tuple[int, ...] = agents
        dtype = torch.int64
        masks = [Column("avail", "slot", (*agents, spec.action.n), torch.bool)]
    else:
        action, dtype = (*agents, spec.action.dim), torch.float32
        masks = []
    columns = [
        Column("obs", "slot", (*agents, spec.obs_dim), torch.float32),
        Column("state", "slot", (spec.state_dim,), torch.float32),
        *masks,
        Column("actions", "step", action, dtype),
        Column("reward", "step", (1,), torch.float32),
        Column("terminated", "step", (1,), torch.bool),
        Column("filled", "step", (1,), torch.bool),
        Column("started", "episode", (), torch.bool),
        Column("previous_actions", "episode", action, dtype),
        Column("episode", "episode", (), torch.int64),
    ]
    return Layout(columns).with_columns(extras)


@dataclass(frozen=True)
class EpisodeBatch:
    """B episodes (or slices of episodes) of up to T steps; a transition is a slice with T = 1.

    A step t has slots t (before it) and t + 1 (after it), so there is one slot more than steps.
    Padding follows the last step of a row: `filled` is False and everything else is zero.
    `terminated` means that nothing follows, so no bootstrap; a time limit that the environment
    does not count as an ending leaves it False. Parts may add columns: `batch["won"]`.
    """

    layout: Layout
    columns: Mapping[str, Tensor]

    @classmethod
    def empty(cls, layout: Layout, batch: int, steps: int) -> EpisodeBatch:
        """Uninitialised storage for `batch` rows of `steps` steps (memory is taken on use)."""
        return cls(layout, {name: column.empty(batch, steps) for name, column in layout.items()})

    @classmethod
    def zeros(cls, layout: Layout, batch: int, steps: int) -> EpisodeBatch:
        """`batch` rows of padding."""
        return cls.empty(layout, batch, steps).map(lambda tensor: tensor.zero_())

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[name]

    @property
    def obs(self) -> Tensor:
        """[B,T+1,A,O] float32."""
        return self.columns["obs"]

    @property
    def state(self) -> Tensor:
        """[B,T+1,S] float32."""
        return self.columns["state"]

    @property
    def avail(self) -> Tensor:
        """[B,T+1,A,U] bool, the actions that an agent may take; of discrete actions alone."""
        return self.columns["avail"]

    @property
    def actions(self) -> Tensor:
        """[B,T,A] int64 of discrete actions, [B,T,A,D] float32 of continuous ones."""
        return self.columns["actions"]

    @property
    def reward(self) -> Tensor:
        """[B,T,1] float32, shared by the team."""
        return self.columns["reward"]

    @property
    def terminated(self) -> Tensor:
        """[B,T,1] bool."""
        return self.columns["terminated"]

    @property
    def filled(self) -> Tensor:
        """[B,T,1] bool, True where a step really happened."""
        return self.columns["filled"]

    @property
    def started(self) -> Tensor:
        """[B] bool, slot 0 is the start of an episode."""
        return self.columns["started"]

    @property
    def previous_actions(self) -> Tensor:
        """[B,A] or [B,A,D], taken before slot 0; zero where slot 0 is a start."""
        return self.columns["previous_actions"]

    @property
    def episode(self) -> Tensor:
        """[B] int64, running number of the episode."""
        return self.columns["episode"]

    @property
    def size(self) -> int:
        """B."""
        return self.filled.shape[0]

    @property
    def steps(self) -> int:
        """T, the number of step columns, padding included."""
        return self.filled.shape[1]

    @property
    def lengths(self) -> Tensor:
        """Steps that really happened in each row, [B] int64."""
        return self.filled[..., 0].sum(1)

    @property
    def slots_filled(self) -> Tensor:
        """True at each slot that holds a real observation (the final one too), [B,T+1] bool."""
        filled = self.filled[..., 0]
        return torch.cat([filled[:, :1], filled], dim=1)

    def map(self, function: Callable[[Tensor], Tensor]) -> EpisodeBatch:
        """The batch with `function` applied to every tensor."""
        columns = {name: function(tensor) for name, tensor in self.columns.items()}
        return EpisodeBatch(self.layout, columns)

    def rows(self, start: int, stop: int) -> EpisodeBatch:
        """Rows start..stop-1, views."""
        return self.map(lambda tensor: tensor[start:stop])

    def take(self, rows: Tensor) -> EpisodeBatch:
        """Copies of the rows of these indices, or of those that are True."""
        return self.map(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> EpisodeBatch:
        """The batch on `device`; no copy where it is there already."""
        return self.map(lambda tensor: tensor.to(device))

    def trim(self) -> EpisodeBatch:
        """The batch cut to its longest row (at least one step)."""
        steps = max(1, int(self.lengths.max()))
        if steps == self.steps:
            return self
        width = {"slot": steps + 1, "step": steps}
        cut = {
            name: self[name][:, : width[column.level]] if column.level in width else self[name]
            for name, column in self.layout.items()
        }
        return EpisodeBatch(self.layout, cut)

    def with_steps(self, **columns: Tensor) -> EpisodeBatch:
        """The batch with further columns of the level `step`, [B,T,...] each."""
        extras = [
            Column(name, "step", tuple(tensor.shape[2:]), tensor.dtype)
            for name, tensor in columns.items()
        ]
        return EpisodeBatch(self.layout.with_columns(extras), {**self.columns, **columns})


def joined(batches: Sequence[EpisodeBatch]) -> EpisodeBatch:
    """Copies of the rows of all batches, padded to the longest."""
    layout = batches[0].layout
    steps = max(batch.steps for batch in batches)
    whole = EpisodeBatch.zeros(layout, sum(batch.size for batch in batches), steps)
    first = 0
    for batch in batches:
        for name, column in layout.items():
            rows = whole[name][first : first + batch.size]
            place = rows if column.level == "episode" else rows[:, : batch[name].shape[1]]
            place.copy_(batch[name])
        first += batch.size
    return whole


def single_steps(batch: EpisodeBatch) -> EpisodeBatch:
    """Every real step of the batch as a row of its own, row by row: [N,1,...]."""
    if batch.steps == 1 and bool(batch.filled.all()):
        return batch
    row, step = batch.filled[..., 0].nonzero(as_tuple=True)  # [N] each
    columns: dict[str, Tensor] = {}
    for name, column in batch.layout.items():
        values = batch[name]
        if column.level == "slot":
            columns[name] = torch.stack([values[row, step], values[row, step + 1]], dim=1)
        elif column.level == "step":
            columns[name] = values[row, step][:, None]
        else:
            columns[name] = values[row]
    inside = step > 0
    before = batch.actions[row, (step - 1).clamp(min=0)]
    columns["previous_actions"][inside] = before[inside]
    columns["started"] &= ~inside
    return EpisodeBatch(batch.layout, columns)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` [...,B,T,G] where `mask` [B,T,1] is True; 0 where it is nowhere."""
    weights = mask.to(values.dtype).expand_as(values)
    return (values * weights).sum() / weights.sum().clamp(min=1.0)

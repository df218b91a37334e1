"""Experience kept and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch, Layout
from marl.protocols.loop import State

Samples = Mapping[str, EpisodeBatch]  # what one update learns from, by name
BATCH = "batch"  # the sample's name where there is one
WEIGHT = "weight"  # column of level `episode`: of a row's errors in the loss, [B] float32


class Buffer(Protocol):
    """Keeps experience in rows: whole episodes, slices or single steps, the oldest first."""

    layout: Layout

    @property
    def steps(self) -> int:
        """Steps held in all rows together."""

    @property
    def steps_gone(self) -> int:
        """Steps that were held and are no more: they made room, or all was cleared."""

    @property
    def rows_gone(self) -> int:
        """Rows that were held and are no more."""

    def add(self, batch: EpisodeBatch) -> None:
        """Keep every row; the oldest ones go where room is short."""

    def __len__(self) -> int:
        """Rows held."""

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        """Copies of whole rows 0..len-1 (0 is the oldest), cut to the longest; rows: [B]."""

    def lengths(self, rows: Tensor) -> Tensor:
        """Steps of these rows, [B]."""

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        """Row and step of the picks-th held step, 0..steps-1 from the oldest on; [B] each."""

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        """Copies of `length` consecutive steps from each row, padded past its end; [B] each."""

    def clear(self) -> None:
        """Hold nothing."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@runtime_checkable
class Growing(Protocol):
    """A buffer that takes memory as experience comes."""

    @property
    def nbytes(self) -> int:
        """Bytes that what it holds takes."""

    @property
    def steps(self) -> int: ...

    def __len__(self) -> int: ...

    def bytes_after(self, steps: int) -> int:
        """Bytes that it will take after so many steps more, as far as that can be said by now."""

    def fitting(self, size: int) -> str:
        """The option, `key=value`, with which it stays within `size` bytes."""


@dataclass(frozen=True)
class DataFile:
    """A file of experience, and what tells it from any other."""

    path: str  # absolute
    sha256: str


@runtime_checkable
class FromFile(Protocol):
    """A buffer whose experience lies in a file: a run says which, and goes on with no other."""

    @property
    def file(self) -> DataFile: ...


@runtime_checkable
class Scored(Protocol):
    """A buffer that knows what returns others had where its experience is from."""

    def score(self, mean_return: float) -> float | None:
        """100 for an expert's return, 0 for a random policy's; None where one is not known."""


class Sampler(Protocol):
    """Draws what one update learns from."""

    columns: tuple[Column, ...]  # that it needs of the experience beyond the environment's

    def ready(self, buffer: Buffer) -> bool: ...

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples: ...


@runtime_checkable
class StatefulSampler(Protocol):
    """A sampler that remembers something of what it drew from, saved beside the replay."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State, buffer: Buffer) -> None:
        """Go on as saved, with a buffer that holds again what it held then."""


@runtime_checkable
class Feedback(StatefulSampler, Protocol):
    """A sampler that draws by what became of earlier samples; `ready` shows it what was added."""

    def learnt(self, samples: Samples, errors: Tensor) -> None:
        """Hear how wrong the learner was about each row of a sample, [B], before learning."""

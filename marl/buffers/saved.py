"""A saved replay of episodes: its form in a checkpoint, and the plain one of before.

Plain: `lengths` [episodes], and each column by its name: the real slots, steps or episodes of all
rows one after the other, the oldest row first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch, Layout
from marl.buffers.packing import Packing
from marl.compiled.memory import WORD_BYTES
from marl.protocols.loop import State


@dataclass(frozen=True)
class SavedEpisodes:
    """Packed episodes, the oldest first, as `Segments` hold them."""

    columns: list[Column]
    lengths: Tensor  # [episodes] int64, steps
    values: dict[str, Tensor]  # the columns of whole episodes, [episodes,...]
    segments: list[Tensor]  # int32 words
    entries: list[int]  # episodes in each segment; it may begin with the words of dropped ones
    starts: Tensor  # [episodes] int64, where they begin in their segments, in words

    @classmethod
    def of(cls, state: State) -> SavedEpisodes:
        """From a state; KeyError or ValueError where it is none."""
        columns = [
            Column(name, level, tuple(shape), _dtype(dtype))
            for name, level, shape, dtype in state["columns"]
        ]
        return cls(
            columns,
            state["lengths"],
            dict(state["values"]),
            list(state["segments"]),
            list(state["entries"]),
            state["starts"],
        )

    def state(self) -> State:
        columns = [
            [column.name, column.level, list(column.shape), str(column.dtype).split(".")[1]]
            for column in self.columns
        ]
        return {**vars(self), "columns": columns}

    @property
    def nbytes(self) -> int:
        return WORD_BYTES * sum(len(words) for words in self.segments)

    def check(self, packing: Packing) -> None:
        """ValueError where a packed episode is not whole: nothing checks that when it is read."""
        count = len(self.lengths)
        numbers = [(self.lengths, torch.int64), (self.starts, torch.int64)]
        numbers += [(words, torch.int32) for words in self.segments]
        if any(tensor.dtype != kind or tensor.dim() != 1 for tensor, kind in numbers):
            raise ValueError("the replay's index or its words are no integers")
        shapes = [(count, *column.shape) for column in self.columns if column.level == "episode"]
        whole = len(self.starts) == sum(self.entries) == count and min(self.entries, default=1) > 0
        whole &= len(self.segments) == len(self.entries)
        if not whole or [tuple(values.shape) for values in self.values.values()] != shapes:
            raise ValueError("the replay's index does not fit its episodes")
        segments = [words.numpy().view(np.uint32) for words in self.segments]
        which = np.repeat(np.arange(len(segments)), self.entries)
        places = zip(which.tolist(), self.starts.tolist(), self.lengths.tolist(), strict=True)
        for row, (segment, start, length) in enumerate(places):
            if start < 0 or not packing.fits(segments[segment][start:], length + 1):
                raise ValueError(f"the replay's episode {row} is damaged")

    def newest(self, episodes: int, max_steps: int | None) -> SavedEpisodes:
        """The newest episodes, as many as fit, without the segments that hold none of them."""
        sums = self.lengths.flip(0).cumsum(0)  # of the newest, the newest two, ...
        kept = min(episodes, len(sums))
        if max_steps is not None:
            kept = min(kept, int((sums <= max_steps).sum()))
        gone = len(sums) - kept
        ends = np.cumsum(self.entries)
        first = int(np.searchsorted(ends, gone, side="right"))
        entries = self.entries[first:]
        if entries:
            entries[0] = int(ends[first]) - gone
        return replace(
            self,
            lengths=self.lengths[gone:],
            values={name: values[gone:] for name, values in self.values.items()},
            segments=self.segments[first:],
            entries=entries,
            starts=self.starts[gone:],
        )


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"the replay's type {name!r} is not one of torch's")
    return dtype


def plain_rows(layout: Layout, state: State) -> Iterator[EpisodeBatch]:
    """The rows of a plain state, [1,T,...] each; ValueError where its columns are others."""
    refuse_other_columns(layout, plain_shapes(layout, state, axes=1))
    at = {"slot": 0, "step": 0, "episode": 0}
    for length in state["lengths"].tolist():
        width = {"slot": length + 1, "step": length, "episode": 1}
        columns: dict[str, Tensor] = {}
        for name, column in layout.items():
            start = at[column.level]
            values = state[name][start : start + width[column.level]].to(column.dtype)
            columns[name] = values if column.level == "episode" else values[None]
        yield EpisodeBatch(layout, columns)
        at = {level: start + width[level] for level, start in at.items()}


def plain_shapes(layout: Layout, state: State, axes: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the columns that a state holds by name.

    axes: how many of them count slots or steps, before the column's own shape.
    """
    return {
        name: tuple(state[name].shape[1 if column.level == "episode" else axes :])
        for name, column in layout.items()
        if name in state
    }


def refuse_other_columns(layout: Layout, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """ValueError where a saved replay lacks a column of `layout` or has another size of it."""
    for name, column in layout.items():
        if name not in shapes:
            raise ValueError(f"the replay has no column {name!r}")
        if shapes[name] != column.shape:
            raise ValueError(
                f"the replay's {name} has shape {shapes[name]}, expected {column.shape}"
            )

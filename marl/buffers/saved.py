"""A saved replay of episodes: its form in a checkpoint, and the plain one of before.

Plain: `lengths` [episodes], and each column by its name: the real slots, steps or episodes of all
rows one after the other, the oldest row first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch, Layout
from marl.buffers.packing import Packing
from marl.compiled.memory import WORD_BYTES
from marl.protocols.loop import State

# Columns whose numbers become indices, or say which steps there are.
CHECKED = ("filled", "actions", "previous_actions")


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
    """The rows of a plain state that was checked, [1,T,...] each."""
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


def check_lengths(lengths: Tensor, limit: int) -> None:
    """ValueError where they are no [rows] int64 of 1..limit steps each."""
    if lengths.ndim != 1 or lengths.dtype != torch.int64:
        raise ValueError("the replay's lengths are no list of whole numbers")
    if len(lengths) and int(lengths.max()) > limit:
        raise ValueError(f"a replay of episodes of up to {lengths.max()} steps, not {limit}")
    if not (lengths >= 1).all():
        raise ValueError("the replay has rows of no step")


def check_plain(layout: Layout, state: State, axes: int = 1) -> None:
    """ValueError where the columns of a plain state are others, or not those of its rows.

    axes: as of `plain_shapes`; with 2 each row is a single step, and `lengths` are not needed.
    """
    refuse_other_columns(layout, plain_shapes(layout, state, axes))
    rows = len(state["lengths"]) if axes == 1 else len(state["filled"])
    steps = int(state["lengths"].sum()) if axes == 1 else rows
    counts = {"slot": steps + rows, "step": steps, "episode": rows}
    for name, column in layout.items():
        values, each = state[name], math.prod(column.shape)
        alike = values.is_floating_point() == column.dtype.is_floating_point
        if not alike or values.numel() != counts[column.level] * each:
            raise ValueError(f"the replay's {name} is {values.dtype} {tuple(values.shape)}")
    check_values(layout, state, torch.tensor([steps]))


def check_values(layout: Layout, columns: Mapping[str, Tensor], lengths: Tensor) -> None:
    """ValueError where there are steps that did not happen, or actions that are none.

    columns: those of CHECKED that the layout has, padding is zero; lengths: of rows, or [1], all.
    """
    filled = columns["filled"].reshape(len(lengths), -1)
    if not torch.equal(filled.sum(1), lengths):
        raise ValueError("the replay has steps that did not happen")
    if "avail" not in layout:
        return
    n_actions = layout["avail"].shape[-1]
    for name in CHECKED[1:]:
        actions = columns[name]
        if actions.numel() and not 0 <= int(actions.min()) <= int(actions.max()) < n_actions:
            raise ValueError(f"the replay's {name} are not within 0..{n_actions - 1}")

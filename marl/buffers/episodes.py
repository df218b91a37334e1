"""Replay of whole episodes: a ring of the steps that happened, and an index of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from marl.batch import EpisodeBatch, Layout
from marl.buffers.memory import free_memory, in_gib
from marl.buffers.packing import Integers, Packing
from marl.buffers.saved import (
    CHECKED,
    SavedEpisodes,
    check_lengths,
    check_plain,
    check_values,
    plain_rows,
    refuse_other_columns,
)
from marl.buffers.segments import Segments
from marl.config.schema import option
from marl.errors import ConfigError, MemoryShortError
from marl.protocols.loop import State
from marl.spec import EnvSpec

CHECKED_AT_ONCE = 64  # rows of a saved replay


@dataclass(frozen=True)
class BufferConfig:
    """Whole episodes; the oldest go first."""

    kind: ClassVar[str] = "episodes"
    whole_episodes: ClassVar[bool] = True
    episodes: int = option(5000, low=1)
    steps: int | None = option(None, low=1)  # in all kept episodes together; null = no limit

    def check(self, spec: EnvSpec, episodes: int, steps: int) -> None:
        """ConfigError where it may never hold so many episodes and steps at once."""
        # A whole episode may have to go to make room for one, so that many steps may be missing.
        needed = max(steps, episodes * spec.episode_limit) + spec.episode_limit - 1
        if self.steps is not None and self.steps < needed:
            raise ConfigError(
                f"buffer.steps: {self.steps} may never hold what an update needs in {spec.name}, "
                f"whose episodes have up to {spec.episode_limit} steps; set it to {needed} or more"
            )

    def refuse_too_small(self, episodes: int, steps: int) -> None:
        """ValueError where it can never hold so many episodes or steps of any environment."""
        if episodes > self.episodes:
            raise ValueError(
                f"buffer.episodes: {self.episodes} can never fill a batch of "
                f"{episodes} episodes; raise it or lower sampler.batch_size"
            )
        if self.steps is not None and steps > self.steps:
            raise ValueError(
                f"buffer.steps: {self.steps} can never hold the {steps} steps that the first "
                "update waits for; raise it or lower sampler.start and sampler.batch_size"
            )

    def build(self, layout: Layout, spec: EnvSpec) -> EpisodeBuffer:
        try:
            return EpisodeBuffer(layout, spec.episode_limit, self.episodes, self.steps)
        except (RuntimeError, MemoryError):  # torch's words for no memory, and numpy's
            raise ConfigError(
                f"buffer.episodes: no memory for an index of {self.episodes:,} rows; lower it"
            ) from None


class EpisodeBuffer:
    """Keeps the newest episodes, on the CPU, packed (marl/buffers/packing.py).

    Memory is taken as episodes come, for the steps that they have and what of these is not zero.
    """

    def __init__(
        self, layout: Layout, limit: int, episodes: int, max_steps: int | None = None
    ) -> None:
        """limit: steps of the longest possible episode."""
        self.layout = layout
        self.limit = limit
        self.capacity = episodes
        self.max_steps = max_steps
        self.packing = Packing(layout)
        self.ring = Segments()
        self.addresses = np.zeros(episodes, dtype=np.int64)  # of the packed episodes
        self.row_lengths = np.zeros(episodes, dtype=np.int64)
        self.values = {  # of the columns of whole episodes
            name: layout[name].empty(episodes, 0).numpy() for name in layout.names("episode")
        }
        self.oldest = 0  # place of the oldest episode
        self.count = 0  # episodes held
        self.steps = 0  # steps held
        self.rows_gone = self.steps_gone = 0

    def __len__(self) -> int:
        return self.count

    @property
    def nbytes(self) -> int:
        """Bytes that the held episodes take."""
        return self.ring.nbytes

    def bytes_after(self, steps: int) -> int:
        """Bytes that it will take after so many steps more, in episodes like the held ones."""
        if not self.steps:
            return 0
        full = self.steps / self.count * self.capacity
        bound = full if self.max_steps is None else min(full, self.max_steps)
        return round(self.nbytes / self.steps * min(self.steps + steps, bound))

    def fitting(self, size: int) -> str:
        """The option that keeps it within `size` bytes, with episodes like the held ones."""
        episodes = int(size / self.nbytes * self.count)
        return f"buffer.episodes={min(episodes, self.capacity)}"

    def clear(self) -> None:
        self.rows_gone += self.count
        self.steps_gone += self.steps
        self.oldest = self.count = self.steps = 0
        self.ring.clear()

    def add(self, batch: EpisodeBatch) -> None:
        """Store every episode of the batch, dropping the oldest ones where room is short."""
        for index, length in enumerate(batch.lengths.tolist()):
            self._make_room(length)
            place = (self.oldest + self.count) % self.capacity
            self._write(place, batch, index, length)
            self.count += 1
            self.steps += length

    def _make_room(self, length: int) -> None:
        if self.count == self.capacity:
            self._drop_oldest()
        while self.max_steps is not None and self.count and self.steps + length > self.max_steps:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.ring.drop_oldest()
        length = int(self.row_lengths[self.oldest])
        self.steps -= length
        self.steps_gone += length
        self.rows_gone += 1
        self.oldest = (self.oldest + 1) % self.capacity
        self.count -= 1

    def _write(self, place: int, batch: EpisodeBatch, index: int, length: int) -> None:
        packed = self.packing.pack(batch, index, length)
        try:
            self.addresses[place] = self.ring.add(packed)
        except MemoryError:
            raise MemoryShortError(
                f"memory: the system gives the replay no more; it holds {self.count:,} episodes in "
                f"{in_gib(self.nbytes)}: buffer.episodes={self.count} fits"
            ) from None
        for name, values in self.values.items():
            values[place] = batch[name][index].numpy()
        self.row_lengths[place] = length

    def _places(self, rows: Tensor) -> Integers:
        """Places in the index of rows 0..len-1, the oldest first."""
        return (self.oldest + rows.numpy()) % self.capacity

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        """Copies of whole episodes, cut to the longest of them; padding is zero."""
        places = self._places(rows)
        longest = int(self.row_lengths[places].max())
        return self._gather(places, np.zeros_like(places), max(1, longest))

    def lengths(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(self.row_lengths[self._places(rows)])

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        lengths = self.lengths(torch.arange(self.count))
        ends = lengths.cumsum(0)  # [episodes]
        rows = torch.searchsorted(ends, picks, right=True)
        return rows, picks - (ends[rows] - lengths[rows])

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        """Copies of `length` consecutive steps from each row, padded past an episode's end."""
        places, slots = self._places(rows), starts.numpy()
        batch = self._gather(places, slots, length)
        before = {"actions": self.layout["actions"].empty(len(rows), 1)}
        self._unpack(places, np.maximum(slots - 1, 0), before)
        inside = slots > 0
        batch.previous_actions.numpy()[inside] = before["actions"].numpy()[inside, 0]
        batch.started.numpy()[inside] = False
        return batch

    def _gather(self, places: Integers, starts: Integers, steps: int) -> EpisodeBatch:
        """Episodes from these slots on, with their own columns as they were stored."""
        batch = EpisodeBatch.empty(self.layout, len(places), steps)
        self._unpack(places, starts, batch.columns)
        for name, values in self.values.items():
            batch[name].numpy()[:] = values[places]
        return batch

    def _unpack(self, places: Integers, starts: Integers, into: Mapping[str, Tensor]) -> None:
        slots = self.row_lengths[places] + 1
        self.packing.unpack(self.addresses[places], slots, starts, into)

    def state_dict(self) -> State:
        """The held episodes, oldest first; the packed ones are not copied, and stay as they are."""
        places = self._places(torch.arange(self.count))
        segments, entries = self.ring.contents()
        saved = SavedEpisodes(
            columns=list(self.layout.values()),
            lengths=torch.from_numpy(self.row_lengths[places]),
            values={n: torch.from_numpy(values[places]) for n, values in self.values.items()},
            segments=segments,
            entries=entries,
            starts=torch.from_numpy(self.ring.starts(self.addresses[places])),
        )
        return saved.state()

    def load_state_dict(self, state: State) -> None:
        """Hold the stored episodes, of more than it can hold the newest.

        ValueError where they have other columns, are too long or hold what can't be;
        MemoryShortError where there is less memory than they take.
        """
        check_lengths(state["lengths"], self.limit)
        if "segments" not in state:
            check_plain(self.layout, state)
            self._fill(plain_rows(self.layout, state))
            return
        saved = SavedEpisodes.of(state)
        refuse_other_columns(self.layout, {column.name: column.shape for column in saved.columns})
        if Packing(Layout(saved.columns)).columns == self.packing.columns:
            self._adopt(saved)
        else:  # of another recipe, which has columns of its own
            stored = EpisodeBuffer(Layout(saved.columns), self.limit, max(1, len(saved.lengths)))
            stored._adopt(saved)
            self._fill(stored.episodes(torch.tensor([row])) for row in range(len(stored)))

    def _fill(self, rows: Iterator[EpisodeBatch]) -> None:
        self.clear()
        for row in rows:
            self.add(row)

    def _adopt(self, saved: SavedEpisodes) -> None:
        """Hold the episodes of a replay with the same packed columns, as they are packed."""
        saved.check(self.packing)
        saved = saved.newest(self.capacity, self.max_steps)
        there, size = free_memory(), saved.nbytes
        if there is not None and size > there:
            fits = int(len(saved.lengths) * there / size)
            raise MemoryShortError(
                f"memory: the saved replay takes {in_gib(size)}, and {in_gib(there)} are free; "
                f"{fits:,} of its {len(saved.lengths):,} episodes fit"
            )
        self.clear()
        self.count, self.steps = len(saved.lengths), int(saved.lengths.sum())
        self.addresses[: self.count] = self.ring.restore(
            saved.segments, saved.entries, saved.starts.numpy()
        )
        self.row_lengths[: self.count] = saved.lengths.numpy()
        for name, values in self.values.items():
            values[: self.count] = saved.values[name].numpy()
        self._check_values()

    def _check_values(self) -> None:
        """ValueError, and nothing is held, where the packed episodes hold what can't be."""
        names = [name for name in CHECKED if name not in self.values]
        for first in range(0, self.count, CHECKED_AT_ONCE):
            places = np.arange(first, min(first + CHECKED_AT_ONCE, self.count))
            lengths = torch.from_numpy(self.row_lengths[places])
            steps = int(lengths.max())
            columns = {name: self.layout[name].empty(len(places), steps) for name in names}
            self._unpack(places, np.zeros_like(places), columns)
            for name, values in self.values.items():
                columns[name] = torch.from_numpy(values[places])
            try:
                check_values(self.layout, columns, lengths)
            except ValueError:
                self.clear()
                raise

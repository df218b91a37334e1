"""Replay of whole episodes: a ring of rows, one episode each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from marl.batch import EpisodeBatch, Layout
from marl.buffers.saved import check_saved
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols import State
from marl.spec import EnvSpec


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
        except RuntimeError:  # torch's word for no memory
            raise ConfigError(
                f"buffer.episodes: no memory for {self.episodes:,} episodes of up to "
                f"{spec.episode_limit} steps of {spec.name}; lower it"
            ) from None


class EpisodeBuffer:
    """Keeps the newest episodes, on the CPU.

    Storage is laid out for the longest possible episode, but memory is only taken where
    something was written, so short episodes cost what they hold.
    """

    def __init__(
        self, layout: Layout, limit: int, episodes: int, max_steps: int | None = None
    ) -> None:
        """limit: steps of the longest possible episode."""
        self.layout = layout
        self.capacity = episodes
        self.max_steps = max_steps
        self.storage = EpisodeBatch.empty(layout, episodes, limit)
        self.row_lengths = torch.zeros(episodes, dtype=torch.int64)
        self.oldest = 0  # place of the oldest episode
        self.count = 0  # episodes held
        self.steps = 0  # steps held

    def __len__(self) -> int:
        return self.count

    def clear(self) -> None:
        self.oldest = self.count = self.steps = 0

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
        self.steps -= int(self.row_lengths[self.oldest])
        self.oldest = (self.oldest + 1) % self.capacity
        self.count -= 1

    def _write(self, place: int, batch: EpisodeBatch, index: int, length: int) -> None:
        width = {"slot": length + 1, "step": length}
        for name, column in self.layout.items():
            target, source = self.storage[name], batch[name]
            if column.level == "episode":
                target[place] = source[index]
            else:
                target[place, : width[column.level]] = source[index, : width[column.level]]
        self.storage.filled[place, length:] = False
        self.row_lengths[place] = length

    def _places(self, rows: Tensor) -> Tensor:
        """Places in the storage of rows 0..len-1, the oldest first."""
        return (self.oldest + rows) % self.capacity

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        """Copies of whole episodes, cut to the longest of them; padding is zero."""
        places = self._places(rows)
        lengths = self.row_lengths[places]  # [B]
        steps = max(1, int(lengths.max()))
        batch = EpisodeBatch.empty(self.layout, len(rows), steps)
        slots_past_end = torch.arange(steps + 1) > lengths[:, None]  # [B,T+1]
        past_end = {"slot": slots_past_end, "step": slots_past_end[:, 1:]}
        for name, layout_column in self.layout.items():
            column, stored = batch[name], self.storage[name]
            if layout_column.level == "episode":
                column.copy_(stored[places])
                continue
            # Through a slice first: only the columns that are needed are gathered.
            torch.index_select(stored[:, : column.shape[1]], 0, places, out=column)
            column[past_end[layout_column.level]] = 0
        return batch

    def lengths(self, rows: Tensor) -> Tensor:
        return self.row_lengths[self._places(rows)]

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        lengths = self.lengths(torch.arange(self.count))
        ends = lengths.cumsum(0)  # [episodes]
        rows = torch.searchsorted(ends, picks, right=True)
        return rows, picks - (ends[rows] - lengths[rows])

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        """Copies of `length` consecutive steps from each row, padded past an episode's end."""
        places = self._places(rows)
        lengths = self.row_lengths[places]
        slots = starts[:, None] + torch.arange(length + 1)  # [B,L+1]
        slot_exists = slots <= lengths[:, None]
        step_exists = slots[:, :-1] < lengths[:, None]
        values: dict[str, Tensor] = {}
        for name, column in self.layout.items():
            stored = self.storage[name]
            if column.level == "episode":
                values[name] = stored[places]
                continue
            exists = slot_exists if column.level == "slot" else step_exists
            where = (slots if column.level == "slot" else slots[:, :-1]) * exists
            values[name] = stored[places[:, None], where]
            values[name][~exists] = 0
        before = self.storage.actions[places, (starts - 1).clamp(min=0)]  # [B,A] or [B,A,D]
        inside = starts > 0
        values["previous_actions"][inside] = before[inside]
        values["started"] &= ~inside
        return EpisodeBatch(self.layout, values)

    def state_dict(self) -> State:
        """The held episodes, oldest first, without their padding."""
        places = self._places(torch.arange(self.count))
        lengths = self.row_lengths[places]
        state: State = {"lengths": lengths}
        for name, column in self.layout.items():
            stored = self.storage[name]
            if column.level == "episode":
                state[name] = stored[places]
                continue
            extra = 1 if column.level == "slot" else 0
            spans = zip(places.tolist(), lengths.tolist(), strict=True)
            pieces = [stored[place, : length + extra] for place, length in spans]
            state[name] = torch.cat(pieces) if pieces else stored[:0, 0]
        return state

    def load_state_dict(self, state: State) -> None:
        """Hold exactly the stored episodes."""
        refuse_other_columns(self.layout, state)
        check_saved(self.layout, state, state["lengths"], self.storage.steps)
        lengths = state["lengths"].tolist()
        if len(lengths) > self.capacity or max(lengths, default=0) > self.storage.steps:
            raise ValueError(
                f"a replay of {len(lengths)} episodes of up to {max(lengths)} steps does not fit "
                f"into {self.capacity} episodes of {self.storage.steps}"
            )
        self.clear()
        self.storage.filled.zero_()
        slot = step = 0
        for row, length in enumerate(lengths):
            first = {"slot": slot, "step": step}
            width = {"slot": length + 1, "step": length}
            for name, column in self.layout.items():
                if column.level == "episode":
                    self.storage[name][row] = state[name][row]
                else:
                    start, size = first[column.level], width[column.level]
                    self.storage[name][row, :size] = state[name][start : start + size]
            self.row_lengths[row] = length
            self.count += 1
            self.steps += length
            slot += length + 1
            step += length


def refuse_other_columns(layout: Layout, state: State, axes: int = 1) -> None:
    """ValueError where a saved replay has other columns or sizes than `layout`.

    axes: how many of a saved column's count its slots or steps, before the column's own shape.
    """
    for name, column in layout.items():
        if name not in state:
            raise ValueError(f"the replay has no column {name!r}")
        shape = tuple(state[name].shape[1 if column.level == "episode" else axes :])
        if shape != column.shape:
            raise ValueError(f"the replay's {name} has shape {shape}, expected {column.shape}")

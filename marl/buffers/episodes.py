"""Replay of whole episodes: a ring of rows, one episode each."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from marl.batch import EPISODE_FIELDS, SLOT_FIELDS, STEP_FIELDS, EpisodeBatch
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols import State
from marl.spec import EnvSpec


@dataclass(frozen=True)
class BufferConfig:
    """How much experience is kept; the oldest episodes go first."""

    episodes: int = option(5000, low=1)
    steps: int | None = option(None, low=1)  # in all kept episodes together; null = no limit

    def build(self, spec: EnvSpec) -> EpisodeBuffer:
        try:
            return EpisodeBuffer(spec, self.episodes, self.steps)
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

    def __init__(self, spec: EnvSpec, episodes: int, max_steps: int | None = None) -> None:
        self.spec = spec
        self.rows = episodes
        self.max_steps = max_steps
        self.storage = EpisodeBatch.empty(spec, episodes, spec.episode_limit)
        self.row_lengths = torch.zeros(episodes, dtype=torch.int64)
        self.oldest = 0  # row of the oldest episode
        self.count = 0  # episodes held
        self.steps = 0  # steps held

    def __len__(self) -> int:
        return self.count

    def add(self, batch: EpisodeBatch) -> None:
        """Store every episode of the batch, dropping the oldest ones where room is short."""
        for index, length in enumerate(batch.lengths.tolist()):
            self._make_room(length)
            row = (self.oldest + self.count) % self.rows
            self._write(row, batch, index, length)
            self.count += 1
            self.steps += length

    def _make_room(self, length: int) -> None:
        if self.count == self.rows:
            self._drop_oldest()
        while self.max_steps is not None and self.count and self.steps + length > self.max_steps:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.steps -= int(self.row_lengths[self.oldest])
        self.oldest = (self.oldest + 1) % self.rows
        self.count -= 1

    def _write(self, row: int, batch: EpisodeBatch, index: int, length: int) -> None:
        for name in SLOT_FIELDS:
            getattr(self.storage, name)[row, : length + 1] = getattr(batch, name)[
                index, : length + 1
            ]
        for name in STEP_FIELDS:
            getattr(self.storage, name)[row, :length] = getattr(batch, name)[index, :length]
        for name in EPISODE_FIELDS:
            getattr(self.storage, name)[row] = getattr(batch, name)[index]
        self.storage.filled[row, length:] = False
        self.row_lengths[row] = length

    def held_rows(self) -> Tensor:
        """Rows of the held episodes, oldest first, [len(self)]."""
        return (self.oldest + torch.arange(self.count)) % self.rows

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        """Copies of whole episodes, cut to the longest of them; padding is zero."""
        lengths = self.row_lengths[rows]  # [B]
        steps = max(1, int(lengths.max()))
        batch = EpisodeBatch.empty(self.spec, len(rows), steps)
        slots_past_end = torch.arange(steps + 1) > lengths[:, None]  # [B,T+1]
        for name in SLOT_FIELDS + STEP_FIELDS:
            column = getattr(batch, name)
            width = column.shape[1]
            # Through a slice first: only the columns that are needed are gathered.
            torch.index_select(getattr(self.storage, name)[:, :width], 0, rows, out=column)
            past_end = slots_past_end if name in SLOT_FIELDS else slots_past_end[:, 1:]
            column[past_end] = 0
        for name in EPISODE_FIELDS:
            getattr(batch, name).copy_(getattr(self.storage, name)[rows])
        return batch

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        """Copies of `length` consecutive steps from each row, padded past an episode's end."""
        lengths = self.row_lengths[rows]
        slots = starts[:, None] + torch.arange(length + 1)  # [B,L+1]
        slot_exists = slots <= lengths[:, None]
        step_exists = slots[:, :-1] < lengths[:, None]
        values: dict[str, Tensor] = {}
        for name in SLOT_FIELDS + STEP_FIELDS:
            exists = slot_exists if name in SLOT_FIELDS else step_exists
            where = (slots if name in SLOT_FIELDS else slots[:, :-1]) * exists
            column = getattr(self.storage, name)[rows[:, None], where]
            column[~exists] = 0
            values[name] = column
        before = self.storage.actions[rows, (starts - 1).clamp(min=0)]  # [B,A]
        at_start = (starts == 0)[:, None]
        first = self.storage.previous_actions[rows]
        values["previous_actions"] = torch.where(at_start, first, before)
        values["episode"] = self.storage.episode[rows]
        values["won"] = self.storage.won[rows]
        return EpisodeBatch(**values)

    def state_dict(self) -> State:
        """The held episodes, oldest first, without their padding."""
        rows = self.held_rows()
        lengths = self.row_lengths[rows]
        state: State = {"lengths": lengths, "spec": _sizes(self.spec)}
        for field in fields(EpisodeBatch):
            column = getattr(self.storage, field.name)
            if field.name in EPISODE_FIELDS:
                state[field.name] = column[rows]
                continue
            extra = 1 if field.name in SLOT_FIELDS else 0
            spans = zip(rows.tolist(), lengths.tolist(), strict=True)
            pieces = [column[row, : length + extra] for row, length in spans]
            state[field.name] = torch.cat(pieces) if pieces else column[:0, 0]
        return state

    def load_state_dict(self, state: State) -> None:
        """Hold exactly the stored episodes."""
        if state["spec"] != _sizes(self.spec):
            raise ValueError(f"replay of sizes {state['spec']}, expected {_sizes(self.spec)}")
        self.oldest = self.count = self.steps = 0
        self.storage.filled.zero_()
        slot = step = 0
        for row, length in enumerate(state["lengths"].tolist()):
            for name in SLOT_FIELDS:
                piece = state[name][slot : slot + length + 1]
                getattr(self.storage, name)[row, : length + 1] = piece
            for name in STEP_FIELDS:
                getattr(self.storage, name)[row, :length] = state[name][step : step + length]
            for name in EPISODE_FIELDS:
                getattr(self.storage, name)[row] = state[name][row]
            self.row_lengths[row] = length
            self.count += 1
            self.steps += length
            slot += length + 1
            step += length


def _sizes(spec: EnvSpec) -> list[int]:
    return [spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim, spec.episode_limit]

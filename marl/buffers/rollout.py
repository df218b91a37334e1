"""Experience kept until it is learnt from, and no longer: on-policy learning."""

from __future__ import annotations

import torch
from torch import Tensor

from marl.batch import EpisodeBatch, Layout
from marl.buffers.episodes import EpisodeBuffer
from marl.protocols.loop import State


class RolloutBuffer:
    """Rows of any number and length, until `clear`."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.held: list[EpisodeBatch] = []  # one row each, without padding
        self.steps = 0
        self.rows_gone = self.steps_gone = 0

    def __len__(self) -> int:
        return len(self.held)

    def clear(self) -> None:
        self.rows_gone += len(self.held)
        self.steps_gone += self.steps
        self.held.clear()
        self.steps = 0

    def add(self, batch: EpisodeBatch) -> None:
        for row in range(batch.size):
            self.held.append(batch.rows(row, row + 1).trim().map(torch.clone))
        self.steps += int(batch.lengths.sum())

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        chosen = [self.held[row] for row in rows.tolist()]
        longest = max(batch.steps for batch in chosen)
        together = EpisodeBatch.zeros(self.layout, len(chosen), longest)
        for row, batch in enumerate(chosen):
            for name, column in self.layout.items():
                if column.level == "episode":
                    together[name][row] = batch[name][0]
                else:
                    together[name][row, : batch[name].shape[1]] = batch[name][0]
        return together

    def lengths(self, rows: Tensor) -> Tensor:
        return torch.tensor([self.held[row].steps for row in rows.tolist()], dtype=torch.int64)

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        return self._stored().locate(picks)

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        return self._stored().slices(rows, starts, length)

    def _stored(self) -> EpisodeBuffer:
        """All rows in one storage."""
        longest = max(batch.steps for batch in self.held)
        buffer = EpisodeBuffer(self.layout, longest, len(self.held))
        buffer.add(self.episodes(torch.arange(len(self.held))))
        return buffer

    def state_dict(self) -> State:
        return self._stored().state_dict() if self.held else {}

    def load_state_dict(self, state: State) -> None:
        self.clear()
        if state:
            lengths = state["lengths"]
            stored = EpisodeBuffer(self.layout, max(1, int(lengths.max())), len(lengths))
            stored.load_state_dict(state)
            self.add(stored.episodes(torch.arange(len(lengths))))

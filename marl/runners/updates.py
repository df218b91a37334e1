"""Schedules of updates: for each episode and step of a replay, or for each collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from marl.config.schema import option
from marl.protocols.loop import Progress, State


@dataclass(frozen=True)
class ReplayUpdatesConfig:
    """Updates per collected episode and per environment step; the two add up.

    Neither depends on how many environments run in parallel.
    """

    kind: ClassVar[str] = "replay"
    per_episode: float = option(1.0, low=0.0, high=10_000.0)
    per_step: float = option(0.0, low=0.0, high=1_000.0)

    def __post_init__(self) -> None:
        if self.per_episode + self.per_step == 0:
            raise ValueError("per_episode and per_step: one must be more than 0")

    def build(self) -> ReplayUpdates:
        return ReplayUpdates(self)


class ReplayUpdates:
    """Counts what is due row by row, from the first batch that the replay can give."""

    def __init__(self, config: ReplayUpdatesConfig) -> None:
        self.config = config
        self.due = 0.0  # fraction of an update owed for what was collected

    def after_row(self, steps: int, ended: bool, ready: bool) -> int:
        if not ready:
            return 0
        self.due += self.config.per_episode * ended + self.config.per_step * steps
        whole = int(self.due)
        self.due -= whole
        return whole

    def after_collection(self, progress: Progress, ready: bool) -> list[int]:
        return []

    def time_passed(self, steps: int, updates: int) -> int:
        return steps

    def state_dict(self) -> State:
        return {"due": self.due}

    def load_state_dict(self, state: State) -> None:
        if not 0.0 <= float(state["due"]) < 1.0:
            raise ValueError(f"the fraction of an update that is due is {state['due']}")
        self.due = float(state["due"])


class RolloutUpdates:
    """One update for each collection."""

    def after_row(self, steps: int, ended: bool, ready: bool) -> int:
        return 0

    def after_collection(self, progress: Progress, ready: bool) -> list[int]:
        return [progress.episode] if ready else []

    def time_passed(self, steps: int, updates: int) -> int:
        return steps

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"a rollout owes no part of an update, yet there is {sorted(state)}")

"""Timing of a part that does not learn on every update."""

from __future__ import annotations

from marl.protocols.loop import Progress, State


class EpisodeInterval:
    """Due on every update until `start` environment steps, then every `interval` episodes.

    Episodes are counted from the last time the interval itself had passed, warm-up included.
    """

    def __init__(self, start: int, interval: int) -> None:
        self.start = start  # environment steps
        self.interval = interval  # episodes
        self.last = 0

    def due(self, progress: Progress) -> bool:
        """Whether to act on this update; to be asked once per update."""
        passed = progress.episode - self.last >= self.interval
        if passed:
            self.last = progress.episode
        return passed or progress.t_env <= self.start

    def state_dict(self) -> State:
        return {"last": self.last}

    def load_state_dict(self, state: State) -> None:
        self.last = state["last"]

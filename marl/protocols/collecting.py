"""Experience from environments, and how many updates follow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marl.batch import EpisodeBatch
from marl.protocols.acting import Behaviour
from marl.protocols.environments import VecEnv
from marl.protocols.loop import Progress, State
from marl.seeding import EpisodeSeeds


@dataclass(frozen=True)
class Episodes:
    """Results of episodes just played: those that came through, K of the C asked for."""

    returns: NDArray[np.float64]  # [K] sum of rewards
    lengths: NDArray[np.int64]  # [K] steps
    outcomes: dict[str, NDArray[np.float32]]  # [K] each, e.g. battle_won
    truncated: NDArray[np.bool_]  # [K] cut off by a limit
    intact: NDArray[np.bool_]  # [C] came through; all do where the environment can't break


@dataclass(frozen=True)
class Rollout(Episodes):
    """Experience, and the episodes that ended in it."""

    batch: EpisodeBatch  # views that the next collection overwrites
    ended: NDArray[np.bool_]  # [B] whether the row's episode ended with it

    @property
    def steps(self) -> int:
        """Environment steps in the batch."""
        return int(self.batch.lengths.sum())


class EpisodePlayer(Protocol):
    """Plays whole episodes."""

    env: VecEnv

    def play(self, behaviour: Behaviour, seeds: NDArray[np.uint64]) -> Rollout:
        """One episode for each seed (at most E of them), without those that broke off."""


class Runner(Protocol):
    """Collects experience from environments."""

    def collect(self, behaviour: Behaviour, seeds: EpisodeSeeds) -> Rollout:
        """The next experience, and the episodes that ended in it.

        After Stopped the state is the one before, for a checkpoint, and nothing is collected any
        more.
        """

    def for_tests(self, build: Callable[[], VecEnv]) -> EpisodePlayer:
        """Plays whole episodes between two collections; `build` makes an environment for that."""

    def incidents(self) -> dict[str, float]:
        """Counts of the environments' failures since the start, by name of the metric."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class Schedule(Protocol):
    """Says how many updates are due for the experience that was collected."""

    def after_row(self, steps: int, ended: bool, ready: bool) -> int:
        """Count the updates due for a kept row.

        ended: its episode ended with it; ready: the sampler can draw.
        """

    def after_collection(self, progress: Progress, ready: bool) -> list[int]:
        """List the updates due for a whole collection, each by the episode that it follows.

        progress: before the collection; ready: the sampler can draw.
        """

    def time_passed(self, steps: int, updates: int) -> int:
        """Steps of t_env for a collection of so many steps and the updates after it."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...

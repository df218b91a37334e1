"""Collects nothing: learning from experience that is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from marl.batch import EpisodeBatch, Layout
from marl.config.schema import option
from marl.protocols.acting import Behaviour
from marl.protocols.collecting import Rollout
from marl.protocols.environments import VecEnv
from marl.protocols.loop import Progress, State
from marl.runners.episodes import EpisodeRunner
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import EnvSpec


@dataclass(frozen=True)
class OfflineRolloutConfig:
    """No collection; the environment is for tests alone. Goes with updates.kind=offline."""

    kind: ClassVar[str] = "offline"
    whole_episodes: ClassVar[bool] = True

    def longest(self, spec: EnvSpec) -> int:
        return spec.episode_limit  # of tests

    def build(
        self, env: VecEnv, layout: Layout, device: torch.device, stopwatch: Stopwatch
    ) -> OfflineRunner:
        return OfflineRunner(env, layout, device, stopwatch)


class OfflineRunner(EpisodeRunner):
    """Plays whole episodes for tests, and gives rollouts without a row."""

    def collect(self, behaviour: Behaviour, seeds: EpisodeSeeds) -> Rollout:
        none = np.zeros(0)
        return Rollout(
            returns=none,
            lengths=none.astype(np.int64),
            outcomes={},
            truncated=none.astype(np.bool_),
            intact=none.astype(np.bool_),
            batch=EpisodeBatch.zeros(self.layout, 0, 1),
            ended=none.astype(np.bool_),
        )

    def incidents(self) -> dict[str, float]:
        """None: those of tests are not counted."""
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"nothing is collected here, yet the state holds {sorted(state)}")


@dataclass(frozen=True)
class OfflineUpdatesConfig:
    """Updates without new experience; t_env counts them instead of environment steps."""

    kind: ClassVar[str] = "offline"
    per_round: int = option(100, low=1, high=10**6)  # between two looks at the clock

    def build(self) -> OfflineUpdates:
        return OfflineUpdates(self.per_round)


class OfflineUpdates:
    """A round of updates after each collection of nothing."""

    def __init__(self, per_round: int) -> None:
        self.per_round = per_round

    def after_row(self, steps: int, ended: bool, ready: bool) -> int:
        return 0

    def after_collection(self, progress: Progress, ready: bool) -> list[int]:
        """One update stands for one episode: target copies and LAGMA's intervals count those."""
        return [progress.update + n for n in range(self.per_round)] if ready else []

    def time_passed(self, steps: int, updates: int) -> int:
        return updates

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"updates are not owed offline, yet the state holds {sorted(state)}")

"""A line with the start S at one end and the goal G at the other, for learning offline.

Kumar et al. 2019 (arXiv:1906.00949) have data on such a line whose policy takes the wrong action
with probability 0.9 between S and G: whoever matches the data's distribution walks away from G, and
whoever keeps to its support alone finds the way. `python run.py collect` makes such data with
policy=contrary. Length, moves and reward are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from marl.config.schema import option
from marl.envs.acting import finite_actions, whole_actions
from marl.envs.running import rows_to_start
from marl.protocols.environments import Observation, Step
from marl.spec import Action, Continuous, Discrete, EnvSpec

LEFT, RIGHT = 0, 1  # discrete actions, a whole unit each


@dataclass(frozen=True)
class LineWorldConfig:
    """S at 0, G at `line_length`: 1 is paid where G is reached, which ends the episode."""

    kind: ClassVar[str] = "line_world"
    line_length: int = option(5, low=1, high=10**6)  # units
    moves: Literal["continuous", "discrete"] = "continuous"  # up to a unit left or right; or a unit
    # anywhere: between S and G, each place as likely as any other
    begins: Literal["start", "anywhere"] = "start"
    time_limit: int = option(30, low=1, high=10**6)  # steps

    def build(self, num_envs: int, threads: int) -> LineWorld:
        return LineWorld(self, num_envs)


class LineWorld:
    """E walks on the line, with a wall behind S. The agent sees its place, -1 at S and 1 at G."""

    def __init__(self, config: LineWorldConfig, num_envs: int) -> None:
        self.config, self.num_envs = config, num_envs
        action: Action = Continuous((-1.0,), (1.0,))
        self._avail: NDArray[np.bool_] | None = None
        if config.moves == "discrete":
            action = Discrete(2)
            self._avail = np.ones((num_envs, 1, 2), dtype=np.bool_)  # [E,1,U]
        name = f"line_world/{config.moves}-{config.line_length}"
        self.spec = EnvSpec(name, 1, action, 1, 1, config.time_limit)
        self._place = np.zeros(num_envs, dtype=np.float32)  # [E], 0..line_length
        self._steps = np.zeros(num_envs, dtype=np.int64)  # [E]
        self._running = np.zeros(num_envs, dtype=np.bool_)  # [E]

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        rows = rows_to_start(self._running, seeds, rows)
        self._steps[rows] = 0
        self._place[rows] = [self._first(int(seed)) for seed in seeds]

    def _first(self, seed: int) -> float:
        """Where an episode begins; whole units where moves are."""
        if self.config.begins == "start":
            return 0.0
        drawn = np.random.default_rng(seed).uniform(0, self.config.line_length)
        return float(np.floor(drawn) if self.config.moves == "discrete" else drawn)

    def observe(self) -> Observation:
        shown = 2 * self._place[:, None] / np.float32(self.config.line_length) - 1  # [E,1]
        return Observation(shown[:, None], shown, self._avail)

    def step(self, actions: NDArray[Any]) -> Step:
        running, length = self._running.copy(), self.config.line_length
        if isinstance(self.spec.action, Discrete):
            moves = 2.0 * whole_actions(actions, (self.num_envs, 1), 2, running)[:, 0] - 1.0
        else:
            found = finite_actions(actions, (self.num_envs, 1, 1), running)
            moves = self.spec.action.clip(found)[:, 0, 0]
        moved = np.clip(self._place + moves, 0, length)
        self._place = np.where(running, moved, self._place).astype(np.float32)
        self._steps += running
        terminated = running & (self._place >= length)
        truncated = running & ~terminated & (self._steps == self.config.time_limit)
        self._running &= ~(terminated | truncated)
        return Step(terminated.astype(np.float32), terminated, truncated)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """success: 1 where G was reached."""
        return {"success": (self._place >= self.config.line_length).astype(np.float32)}

    def close(self) -> None:
        """Holds nothing."""

"""Environments of fake games for the tests, and processes counted and killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from marl.envs.game.env import GameEnv, GamePlan
from marl.envs.game.options import GameConfig
from marl.protocols.environments import Step

HERE = Path(__file__).parent


def fake_plan(**options: Any) -> GamePlan:
    """The client of fakeclient.py with these keywords."""
    make = {
        "do": "make",
        "module": "fakeclient",
        "name": "StarCraft2Env",
        "source": str(HERE),
        "advice": "see tests/envs/game",
        "map": None,
        "options": options,
    }
    return GamePlan("fake-game/sleep", sys.executable, make)


def fake_env(num_envs: int, game: GameConfig | None = None, **options: Any) -> GameEnv:
    """Workers with fakeclient.py's client."""
    game = GameConfig(back_off_seconds=0.01) if game is None else game
    return GameEnv(fake_plan(**options), game, num_envs)


class HuntedEnv(GameEnv):
    """Kills a worker, or the game of one, whenever another `every` environment steps are over."""

    def __init__(self, plan: GamePlan, game: GameConfig, num_envs: int, every: int) -> None:
        super().__init__(plan, game, num_envs)
        self.every, self.steps, self.kills = every, 0, 0
        self.seen: set[int] = set()  # the sessions of all workers that played

    def step(self, actions: NDArray[np.int64]) -> Step:
        """One step, with a corpse among the workers when it is time."""
        self.seen.update(sessions(self))
        running = [int(e) for e in np.flatnonzero(self._running)]
        self.steps += len(running)
        if running and self.steps >= self.every * (self.kills + 1):
            self.kill(running[self.kills % len(running)])
        return super().step(actions)

    def kill(self, e: int) -> None:
        """SIGKILL for the worker of environment e, or in turn for its game."""
        process = self._supervisor.workers[e].process
        assert process is not None
        games = [pid for pid in processes(process.session) if pid != process.session]
        victim = games[0] if self.kills % 2 else process.session
        os.kill(victim, signal.SIGKILL)
        while victim in processes(process.session):  # the kernel takes its time
            time.sleep(0.001)
        self.kills += 1


@dataclass(frozen=True)
class HuntedConfig:
    """EnvConfig of HuntedEnv. plan: whose games."""

    plan: GamePlan
    every: int
    game: GameConfig = GameConfig(back_off_seconds=0.01)
    kind: ClassVar[str] = "hunted"

    def build(self, num_envs: int, threads: int) -> HuntedEnv:
        return HuntedEnv(self.plan, self.game, num_envs, self.every)


def seeds_of(*values: int) -> NDArray[np.uint64]:
    """Seeds as environments take them."""
    return np.array(values, dtype=np.uint64)


def processes(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(entry.parent.name))
    return sorted(found)


def sessions(env: GameEnv) -> list[int]:
    """The session of each worker that lives."""
    return [w.process.session for w in env._supervisor.workers if w.process]


def gone(session: int, within: float = 60.0) -> bool:
    """No process of the session lives any more."""
    deadline = time.monotonic() + within
    while processes(session) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not processes(session)

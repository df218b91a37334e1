"""Options of backend=game: its worker processes and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from marl.config.schema import option


@dataclass(frozen=True)
class GameConfig:
    """The section `game` of the SMAC environments; backend=engine ignores it."""

    # The Python with the official client; null: this one.
    python: str | None = option(None, code=bool, path=True)
    # A checkout of oxwhirl/smac or smacv2; null: SMAC_SOURCE or SMACV2_SOURCE, else as installed.
    source: str | None = option(None, code=bool, path=True)
    version: str | None = None  # of the game, e.g. 4.10; null: the newest installed
    difficulty: Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "A"] = "7"
    # When a game is closed, its client writes an .SC2Replay of all its battles into the game's
    # Replays/ folder.
    save_replays: bool = False
    launch_seconds: float = option(180.0, above=0)  # until a worker's first battle has begun
    call_seconds: float = option(60.0, above=0)  # longest wait for the answer to a later call
    silence_seconds: float = option(30.0, above=2)  # without a heartbeat: the worker hangs
    attempts: int = option(6, low=1)  # failures of one worker in a row, after which the run ends
    back_off_seconds: float = option(1.0, low=0)  # before the second attempt; doubles each time
    memory_mb: int = option(
        6000, low=1
    )  # of a worker and its game; a larger one is renewed between battles
    recycle_episodes: int = option(500, low=1)  # battles after which a worker is renewed

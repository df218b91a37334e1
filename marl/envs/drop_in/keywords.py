"""The keywords of the official clients' constructors: which ones the engine takes, and why not all.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from marl.envs.smac_options import ClientConfig
from marl.errors import EnvError

Config = TypeVar("Config", bound=ClientConfig)

NO_GAME = "battles are fought by this package's engine, not by the game"
NO_REPLAY = "nothing is recorded here; python run.py replay makes replays (docs/replays.md)"
NO_SKILL = "the enemies follow their map's orders, in which this has no part"
NO_LOG = "nothing is logged; read get_obs, get_state and what step returns instead"
# Keywords that only the game could obey: the client's default, and why there is no other.
GAME_ONLY: dict[str, tuple[object, str]] = {
    "difficulty": ("7", NO_SKILL),
    "game_version": (None, NO_GAME),
    "replay_dir": ("", NO_REPLAY),
    "replay_prefix": ("", NO_REPLAY),
    "window_size_x": (1920, NO_GAME),
    "window_size_y": (1200, NO_GAME),
    "debug": (False, NO_LOG),
}
NOT_KEYWORDS = ("self", "__class__")  # of a constructor's locals()
OURS = ("map_name", "seed", "heuristic_ai", "heuristic_rest")  # not the engine's


def engine_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine is to know of the client's keywords, as our configs call it.

    Refuses what would do nothing.
    """
    for name, (default, why) in GAME_ONLY.items():
        if given[name] != default:
            raise EnvError(f"{name}={given[name]!r}: {why}; leave it at {default!r}")
    if given["heuristic_rest"] and not given["heuristic_ai"]:
        raise EnvError("heuristic_rest=True: says how heuristic_ai plays; set heuristic_ai=True")
    passed = {name: value for name, value in given.items() if name not in (*GAME_ONLY, *OURS)}
    return {"map": given["map_name"], **passed}


def keeping_limit(config: Config) -> Config:
    """With it a battle cut off by its limit is told from one that was decided by then."""
    return replace(config, continuing_episode=True)

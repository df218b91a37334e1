"""An official client inside its worker: creation, play, detection of a lost game.

A client whose game crashes launches another and reports a lost battle: `step` gives
`(0, True, {})` and `force_restarts` goes up. Such a battle is no result of the agents.
Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py.
"""

from __future__ import annotations

import importlib
import inspect
import os
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

NUMPY_SEEDS = 2**32  # its global generator takes seeds below this


class GameLostError(Exception):
    """The battle broke off: its report is no result."""


class RefusedError(Exception):
    """The client can't be created, and another attempt would fail too."""


class Client:
    """One client and its battle."""

    def __init__(self, env: Any, saves_replay: bool = False) -> None:
        self.env, self.saves_replay = env, saves_replay
        self.played = False
        self._restarts = int(env.force_restarts)
        # Else the client launches a lost game anew inside `step`: slow, and the loss is hidden.
        env.full_restart = self._lost

    def _lost(self) -> NoReturn:
        raise GameLostError("the game ended or broke its connection")

    def sizes(self) -> dict[str, int]:
        """The sizes of an EnvSpec."""
        env = self.env
        return {
            "n_agents": int(env.n_agents),
            "n_actions": int(env.get_total_actions()),
            "obs_dim": int(env.get_obs_size()),
            "state_dim": int(env.get_state_size()),
            "episode_limit": int(env.episode_limit),
        }

    def reset(self, seed: int, episode: Mapping[str, Any] | None) -> None:
        """Begin a battle. seed: of the client's own draws; episode: SMACv2's episode_config."""
        random.seed(seed)
        np.random.seed(seed % NUMPY_SEEDS)
        if episode is None:
            self.env.reset()
        else:
            self.env.reset(drawn(episode))
        self._require_same_game()

    def step(self, actions: Sequence[int]) -> dict[str, Any]:
        """One joint action; its results. GameLostError if the game ended."""
        reward, over, info = self.env.step(list(actions))
        self._require_same_game()
        self.played = True
        if "battle_won" not in info:
            raise GameLostError("the client gave no result of the step")
        truncated = bool(over) and bool(info.get("episode_limit", False))
        return {
            "reward": float(reward),
            "terminated": bool(over) and not truncated,
            "truncated": truncated,
            "battle_won": float(info["battle_won"]),
            "dead_allies": float(info["dead_allies"]),
            "dead_enemies": float(info["dead_enemies"]),
        }

    def look(self) -> bytes:
        """State [S] and observations [A,O] as float32, then the mask [A,U] as bytes of 0 and 1.

        In PyMARL's order of calls; SMACv2's get_obs may be called once a step.
        """
        state = np.asarray(self.env.get_state(), dtype=np.float32)
        avail = np.asarray(self.env.get_avail_actions(), dtype=np.uint8)
        obs = np.asarray(self.env.get_obs(), dtype=np.float32)
        return state.tobytes() + obs.tobytes() + avail.tobytes()

    def close(self) -> None:
        """End the game, after the client has written its replay if it saves replays."""
        try:
            if self.saves_replay and self.played:
                # Its own names are the same for all workers that end within a second.
                self.env.replay_prefix = f"{self.env.map_name}-{os.getpid()}"
                self.env.save_replay()
        finally:
            self.env.close()

    def _require_same_game(self) -> None:
        if int(self.env.force_restarts) != self._restarts:
            raise GameLostError("the client restarted its game")


def drawn(episode: Mapping[str, Any]) -> dict[str, Any]:
    """SMACv2's episode_config: the lists of numbers as arrays."""
    numbers = {key: np.array(part["item"]) for key, part in episode.items() if "item" in part}
    arrays = {key: {"item": array, "id": 0} for key, array in numbers.items()}
    return {**arrays, "team_gen": {**episode["team_gen"], "id": 0}}


def make_client(request: Mapping[str, Any]) -> Client:
    """The client of the request; RefusedError, with what to do, where it can't be created.

    request: "module" and "name" of the client's class, "source" (a checkout to import it from, or
    null), "options" (its keywords), "map" (must be among the game's files; or null),
    "saves_replay" (when it is closed; absent: no).
    """
    allow_shuffle_with_function()
    if request["source"]:
        sys.path.insert(0, request["source"])
    try:
        make = getattr(importlib.import_module(request["module"]), request["name"])
    except Exception as error:  # a client's imports fail in many ways, protobuf's in their own
        raise RefusedError(
            f"{request['module']} can't be imported by {sys.executable} "
            f"({type(error).__name__}: {_first_line(error)}); {request['advice']}"
        ) from error
    if request["map"] is not None:
        _require_game(request["map"], request["options"].get("game_version"))
    known = inspect.signature(make).parameters
    unknown = [name for name in request["options"] if name not in known]
    if unknown:
        raise RefusedError(f"{request['module']} does not know {unknown}; {request['advice']}")
    return Client(make(**request["options"]), bool(request.get("saves_replay")))


def _require_game(map_name: str, version: str | None) -> None:
    """Refuse a request whose game or map file is not where the client looks for it."""
    maps, run_configs = (
        importlib.import_module(f"pysc2.{part}") for part in ("maps", "run_configs")
    )
    try:
        run_config = run_configs.get(version=version)
        run_config.map_data(maps.get(map_name).path)
        if not run_config.version.build_version:
            raise ValueError("no game in Versions/")
    except Exception as error:  # SC2LaunchError, NoMapError, ValueError, KeyError ...
        raise RefusedError(
            f"the game or its map {map_name} is missing ({_first_line(error)}); set SC2PATH to an "
            "installation with Maps/SMAC_Maps; backend=engine needs no game"
        ) from error


def allow_shuffle_with_function() -> None:
    """pysc2 4.0 calls random.shuffle(list, function), as Python allowed until 3.10."""
    if "random" in inspect.signature(random.shuffle).parameters:
        return
    plain = random.shuffle

    def shuffle(items: Any, function: Any = None) -> None:
        if function is None:
            plain(items)
            return
        for last in range(len(items) - 1, 0, -1):
            other = int(function() * (last + 1))
            items[last], items[other] = items[other], items[last]

    random.shuffle = shuffle  # type: ignore[assignment]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]

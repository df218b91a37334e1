"""From the options of the SMAC environments to the official clients and their keywords."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from marl.config.schema import field_types
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import SIDES
from marl.engine.smac.options import OURS, Quirks
from marl.engine.smacv2.generation import OPEN_SIZED, SECTION, Generation
from marl.envs.game.env import GameEnv, GamePlan
from marl.envs.smac_options import BackendConfig, ClientConfig
from marl.errors import EnvError

GAMES_PER_CORE = 16  # more only wait for each other
SOURCES = {"smac": "SMAC_SOURCE", "smacv2": "SMACV2_SOURCE"}
ADVICE = (
    "game.python must be a Python with pysc2, and {package} must be installed there, or "
    "game.source (or {variable}) be a checkout of github.com/oxwhirl/{package}"
)


def check_processes(num_envs: int) -> None:
    """EnvError where there would be far more games than the machine could run."""
    most = GAMES_PER_CORE * (os.cpu_count() or 1)
    if num_envs > most:
        raise EnvError(
            f"num_envs={num_envs}: each is a process of the game with backend=game, and this "
            f"machine's {os.cpu_count()} cores run {most} at most"
        )


def game_v1(config: ClientConfig, num_envs: int) -> GameEnv:
    """num_envs battles of oxwhirl/smac's client."""
    check_processes(num_envs)
    return GameEnv(plan_v1(config), config.game, num_envs)


def plan_v1(config: ClientConfig) -> GamePlan:
    """Battles of oxwhirl/smac's client."""
    options = {**_options(config), "map_name": config.map}
    return GamePlan(f"sc2-game/{config.map}", _python(config), _make(config, "smac", options))


def game_v2(config: ClientConfig, generation: Generation, num_envs: int) -> GameEnv:
    """num_envs battles of oxwhirl/smacv2's client."""
    check_processes(num_envs)
    return GameEnv(plan_v2(config, generation), config.game, num_envs)


def plan_v2(config: ClientConfig, generation: Generation) -> GamePlan:
    """Battles of oxwhirl/smacv2's client, each drawn as the engine's would be."""
    options = {
        **_options(config),
        "map_name": OPEN_SIZED + generation.race.name,
        SECTION: capability_config(generation),
    }
    return GamePlan(
        f"sc2v2-game/{config.map}",
        _python(config),
        _make(config, "smacv2", options),
        draw=lambda seed: episode_config(generation, seed),
    )


def _options(config: ClientConfig) -> dict[str, Any]:
    """The client's keywords; EnvError for options that only the engine has."""
    if config.quirks != Quirks():
        raise EnvError("quirks: backend=game plays with the clients' bugs; leave them all true")
    if config.choices != Choices():
        raise EnvError("choices: backend=game plays by the game's own rules; leave them out")
    if config.reward_deaths_only:
        raise EnvError("reward_deaths_only: the official clients have no such reward")
    values = {
        item.name: getattr(config, item.name)
        for item in fields(config)
        if item.name not in (*field_types(BackendConfig), *OURS, SECTION)
    }
    if config.move_amount == int(config.move_amount):
        values["move_amount"] = int(config.move_amount)  # the client adds it to indices
    return {
        **values,
        "game_version": config.game.version,
        "difficulty": config.game.difficulty,
    }


def _make(config: ClientConfig, package: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request that creates the client, see client.py."""
    variable = SOURCES[package]
    return {
        "do": "make",
        "module": f"{package}.env.starcraft2.starcraft2",
        "name": "StarCraft2Env",
        "source": config.game.source or os.environ.get(variable),
        "advice": ADVICE.format(package=package, variable=variable),
        "map": options["map_name"],
        "saves_replay": config.game.save_replays,
        "options": dict(options),
    }


def _python(config: ClientConfig) -> str:
    """The Python of the workers; EnvError where it is missing."""
    python = config.game.python or sys.executable
    if shutil.which(python) is None:
        raise EnvError(f"game.python={python}: is no program; `make clients` makes one for it")
    return python


def capability_config(generation: Generation) -> dict[str, Any]:
    """The client's capability_config, as far as its observations' layout depends on it.

    The client draws none of it: `episode_config` has the draws of each episode.
    """
    drawn = generation.config
    sizes = {"n_units": generation.n_units, "n_enemies": generation.n_enemies}
    config: dict[str, Any] = {"team_gen": {**sizes, "observe": drawn.team_gen.observe}}
    if drawn.start_positions is not None:
        config["start_positions"] = {**sizes}
    for name in ("attack", "health"):
        part = getattr(drawn, name)
        if part is not None:
            config[name] = {**sizes, "observe": part.observe}
    if drawn.enemy_mask is not None:
        config["enemy_mask"] = {**sizes}
    return config


def episode_config(generation: Generation, seed: int) -> dict[str, Any]:
    """The episode of this seed as the client's `reset` takes it, in plain lists."""
    drawn, config, agents = generation.deploy(seed), generation.config, generation.n_units
    names = [generation.unit_names[kind].lower() for kind in drawn.kinds]
    teams = {"ally_team": names[:agents], "enemy_team": names[agents:]}
    places = np.stack([drawn.x, drawn.y], axis=1)
    episode: dict[str, Any] = {"team_gen": teams}
    if config.start_positions is not None:
        for side, at in zip(SIDES, np.split(places, [agents]), strict=True):
            episode[f"{side}_start_positions"] = {"item": at.tolist()}
    if config.attack is not None:
        episode["attack"] = {"item": drawn.attack_probability.tolist()}
    if config.health is not None:
        episode["health"] = {"item": drawn.health_level.tolist()}
    if config.enemy_mask is not None:
        episode["enemy_mask"] = {"item": drawn.enemy_mask.tolist()}
    return episode

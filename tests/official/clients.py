"""The official clients on given units: nothing but the game's own modules is replaced.

A client is the class StarCraft2Env of oxwhirl/smac or oxwhirl/smacv2, imported from a checkout.
Modules of pysc2 and s2clientprotocol are stubs; the controller, the other end of the wire, shows
whatever units it is given and answers the questions that the client asks when it starts.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from marl.engine.facts.scenario import Scenario
from marl.engine.ground.geometry import OPEN
from marl.engine.smac.layout import ClientUnits

VARIABLES = {"v1": "SMAC_SOURCE", "v2": "SMACV2_SOURCE"}
PACKAGES = {"v1": "smac", "v2": "smacv2"}
REPOSITORIES = {
    "v1": "github.com/oxwhirl/smac @d6aab33",
    "v2": "github.com/oxwhirl/smacv2 @577ab5a",
}
STOCK_IDS = {
    "Baneling": 9,
    "Colossus": 4,
    "Hydralisk": 107,
    "Marauder": 51,
    "Marine": 48,
    "Medivac": 54,
    "SpineCrawler": 98,
    "Stalker": 74,
    "Zealot": 73,
    "Zergling": 105,
}
RL_NAMES = [name for name in sorted(STOCK_IDS) if name != "SpineCrawler"]
FIRST_RL_ID = 1970  # any free number; the client takes the smallest it sees, or counts all types
BYTES_PER_HEIGHT = 255 / 32  # from -16 on


def needs(client: str) -> Path:
    """The checkout of a client; skips the test where there is none."""
    source = os.environ.get(VARIABLES[client], "")
    folder = Path(source)
    if not source or not (folder / PACKAGES[client] / "env").is_dir():
        pytest.skip(
            f"clone {REPOSITORIES[client]} and set {VARIABLES[client]} to the folder to compare "
            "with the official client"
        )
    return folder


def load(client: str) -> ModuleType:
    """The module that has the client's StarCraft2Env."""
    folder = str(needs(client))
    name = f"{PACKAGES[client]}.env.starcraft2.starcraft2"
    if name in sys.modules:
        return sys.modules[name]
    stubs = {**_stub_modules()}
    before = {key: sys.modules.get(key) for key in stubs}
    sys.modules.update(stubs)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
        for key, module in before.items():
            if module is None:
                del sys.modules[key]
            else:
                sys.modules[key] = module


class Message:
    """Any protocol message: keeps what it is given, and lists that can be added to."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    player_setup = SimpleNamespace(add=lambda **values: None)


class Protocol(ModuleType):
    """A protocol module: every name is a message type, or a number that nobody reads."""

    def __getattr__(self, name: str) -> type[Message]:
        if name.startswith("__"):
            raise AttributeError(name)
        return Message


def _stub_modules() -> dict[str, ModuleType]:
    modules: dict[str, Any] = {}
    for name in ("common_pb2", "sc2api_pb2", "raw_pb2", "debug_pb2"):
        modules[f"s2clientprotocol.{name}"] = Protocol(f"s2clientprotocol.{name}")
    for name in ("s2clientprotocol", "pysc2", "pysc2.maps", "pysc2.maps.lib", "pysc2.lib"):
        modules[name] = ModuleType(name)
    for name in ("pysc2.run_configs", "pysc2.lib.protocol", "pysc2.lib.units"):
        modules[name] = ModuleType(name)
    for name in ("common_pb2", "sc2api_pb2", "raw_pb2", "debug_pb2"):
        setattr(modules["s2clientprotocol"], name, modules[f"s2clientprotocol.{name}"])
    modules["pysc2"].maps = modules["pysc2.maps"]
    modules["pysc2"].run_configs = modules["pysc2.run_configs"]
    modules["pysc2.maps"].lib = modules["pysc2.maps.lib"]
    modules["pysc2.maps"].get = lambda name: SimpleNamespace(path=name)
    modules["pysc2.maps.lib"].Map = type("Map", (), {})
    modules["pysc2.lib"].protocol = modules["pysc2.lib.protocol"]
    modules["pysc2.lib"].units = modules["pysc2.lib.units"]
    for error in ("ProtocolError", "ConnectionError"):
        setattr(modules["pysc2.lib.protocol"], error, type(error, (Exception,), {}))
    for race in ("Neutral", "Protoss", "Terran", "Zerg"):
        setattr(modules["pysc2.lib.units"], race, SimpleNamespace(**STOCK_IDS))
    absl = ModuleType("absl")
    absl.logging = ModuleType("absl.logging")  # type: ignore[attr-defined]
    absl.logging.debug = absl.logging.info = lambda *words: None
    absl.flags = SimpleNamespace(FLAGS=lambda words: None)  # type: ignore[attr-defined]
    modules["absl"] = absl
    modules["absl.logging"] = absl.logging
    return modules


class Controller:
    """The other end of the wire."""

    def __init__(self, scenario: Scenario, last_id: int) -> None:
        self.units: list[Any] = []
        self._scenario = scenario
        self._last_id = last_id

    def game_info(self) -> Any:
        """The map: its size, where units can walk, how high the ground is."""
        height, width = self._scenario.walkable.shape
        pathable = self._scenario.walkable == OPEN
        levels = np.floor((self._scenario.height + 16) * BYTES_PER_HEIGHT).astype(np.uint8)
        area = SimpleNamespace(p0=_point(0, 0), p1=_point(width, height))
        grid = SimpleNamespace(bits_per_pixel=1, data=np.packbits(pathable).tobytes())
        raw = SimpleNamespace(
            playable_area=area,
            map_size=_point(width, height),
            pathing_grid=grid,
            terrain_height=SimpleNamespace(data=levels.tobytes()),
        )
        return SimpleNamespace(start_raw=raw)

    def observe(self) -> Any:
        """The units that are alive."""
        raw = SimpleNamespace(units=self.units)
        return SimpleNamespace(observation=SimpleNamespace(raw_data=raw))

    def data(self) -> Any:
        """As many unit types as there are ids."""
        return SimpleNamespace(units=[None] * self._last_id)

    def _done(self, *_: Any) -> None:
        """Orders and steps change nothing here: the test sets the units."""

    create_game = join_game = actions = step = debug = _done


def _point(x: float, y: float) -> Any:
    return SimpleNamespace(x=x, y=y, z=0.0)


class Client:
    """One official client and its game."""

    def __init__(
        self, client: str, map_name: str, scenario: Scenario, options: Mapping[str, Any]
    ) -> None:
        module = load(client)
        self.scenario = scenario
        self.env: Any = module.StarCraft2Env(map_name=map_name, **options)
        self.controller = Controller(scenario, FIRST_RL_ID + len(RL_NAMES))
        process = SimpleNamespace(controller=self.controller, close=lambda: None)
        config = SimpleNamespace(start=lambda **_: process, map_data=lambda _: b"", version=None)
        module.run_configs.get = lambda version: config
        ally = [name for name in RL_NAMES if name in _ally_types(scenario)]
        names = ally if client == "v1" else RL_NAMES
        self._rl_ids = {name: FIRST_RL_ID + k for k, name in enumerate(names)}

    def show(self, units: ClientUnits, types: Any) -> None:
        """The next observation of the game: the living units."""
        self.controller.units = []
        n_agents = self.scenario.count("ally")
        for i, kind in enumerate(units.kind):
            if units.health[i] <= 0:
                continue
            name = self.scenario.unit_names[kind]
            ids = self._rl_ids if i < n_agents else STOCK_IDS
            unit = SimpleNamespace(
                tag=i + 1,
                unit_type=ids[name],
                owner=1 if i < n_agents else 2,
                pos=_point(float(units.x[i]), float(units.y[i])),
                health=float(units.health[i]),
                health_max=float(types.health[kind]),
                shield=float(units.shield[i]),
                shield_max=float(types.shield[kind]),
                energy=float(units.energy[i]),
                weapon_cooldown=float(units.cooldown[i]),
            )
            self.controller.units.append(unit)
        self.controller.units = [copy(unit) for unit in self.controller.units]


def _ally_types(scenario: Scenario) -> set[str]:
    if not scenario.groups:
        return set(scenario.unit_names)
    return {group.unit for group in scenario.groups if group.side == "ally"}

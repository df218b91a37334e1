"""The configuration that both SMAC environments share: the client's options, and where to play."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from marl.engine.battle import Battles
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import Scenario
from marl.engine.smac.options import Options
from marl.envs.game.options import GameConfig


@dataclass(frozen=True)
class BackendConfig:
    """Which battle is fought, and by what."""

    map: str = ""
    backend: Literal["engine", "game"] = "engine"
    choices: Choices = field(default_factory=Choices)  # backend=engine: its uncertain rules
    game: GameConfig = GameConfig()  # backend=game: its worker processes


@dataclass(frozen=True)
class ClientConfig(Options, BackendConfig):
    """The client's options (marl/engine/smac/options.py) after those of the backend.

    The last base's fields come first, so that print_config begins with the map.
    """

    def check_map(self) -> None:
        """EnvError where no such battle can be fought; nothing is compiled for it."""
        raise NotImplementedError

    def battles(self, scenario: Scenario, num_envs: int, threads: int) -> Battles:
        """num_envs battles of the engine in lock-step on `threads` threads."""
        return Battles(scenario, self, num_envs, threads, self.choices)

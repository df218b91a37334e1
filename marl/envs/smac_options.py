"""The options that both SMAC environments have."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from marl.config.schema import option
from marl.engine.battle import Battles
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import Scenario
from marl.engine.smac.options import Options, Quirks
from marl.envs.game.options import GameConfig


@dataclass(frozen=True)
class ClientConfig:
    """The options that both SMAC clients have; meanings in marl/engine/smac/options.py."""

    map: str = ""
    backend: Literal["engine", "game"] = "engine"
    step_mul: int = option(8, low=1, high=1000)  # game loops per step, 16 a game-second
    move_amount: float = option(2.0, above=0)  # grid units
    obs_all_health: bool = True
    obs_own_health: bool = True
    obs_last_action: bool = False
    obs_pathing_grid: bool = False
    obs_terrain_height: bool = False
    obs_timestep_number: bool = False
    obs_instead_of_state: bool = False
    state_last_action: bool = True
    state_timestep_number: bool = False
    continuing_episode: bool = False
    reward_sparse: bool = False
    reward_only_positive: bool = True
    reward_deaths_only: bool = False
    reward_death_value: float = 10.0
    reward_win: float = 200.0
    reward_defeat: float = 0.0
    reward_negative_scale: float = 0.5
    reward_scale: bool = True
    reward_scale_rate: float = option(20.0, above=0)
    quirks: Quirks = field(default_factory=Quirks)  # the client's known bugs
    choices: Choices = field(default_factory=Choices)  # the engine's uncertain rules
    game: GameConfig = GameConfig()  # backend=game: the worker processes

    def engine_options(self) -> Options:
        """The same values, as the engine takes them."""
        ours = {item.name for item in fields(Options)} & {item.name for item in fields(self)}
        return Options(**{name: getattr(self, name) for name in ours})

    def battles(self, scenario: Scenario, num_envs: int, threads: int) -> Battles:
        """num_envs battles of the engine in lock-step on `threads` threads."""
        return Battles(scenario, self.engine_options(), num_envs, threads, self.choices)

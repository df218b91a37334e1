"""SMAC v2 battles on our own engine, as a VecEnv: other teams and places in each episode."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

from marl.config import option
from marl.engine.battle import Battles
from marl.engine.choices import Choices
from marl.engine.generation import CapabilityConfig, make_generation
from marl.engine.options import Options, Quirks, Shown
from marl.envs.smac import SmacEnv
from marl.errors import EnvError


@dataclass(frozen=True)
class Smacv2Config:
    """A SMACv2 scenario; names and defaults as in oxwhirl/smacv2, meanings in
    marl/engine/options.py and marl/engine/generation.py.

    configs/envs/sc2v2.yaml has the published settings. What differs from the client: map names
    say the sizes too, teams are always drawn (the client's maps are empty without team_gen), and an
    episode follows from its seed.
    """

    kind: ClassVar[str] = "sc2v2"
    map: str = "terran_5_vs_5"
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
    obs_own_pos: bool = False
    obs_starcraft: bool = True
    conic_fov: bool = False
    num_fov_actions: int = option(12, low=2)
    use_unit_ranges: bool = False
    min_attack_range: float = option(2.0, low=0)
    fully_observable: bool = False
    prob_obs_enemy: float = option(1.0, low=0, high=1)
    action_mask: bool = True
    kill_unit_step_mul: int = option(2, low=1)
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
    capability_config: CapabilityConfig = CapabilityConfig()
    quirks: Quirks = field(default_factory=Quirks)  # the client's known bugs
    choices: Choices = field(default_factory=Choices)  # the engine's uncertain rules

    def __post_init__(self) -> None:
        if self.kill_unit_step_mul > self.step_mul:
            raise ValueError(
                f"kill_unit_step_mul: {self.kill_unit_step_mul} is more than "
                f"step_mul={self.step_mul}, of which it is a part"
            )

    def engine_options(self) -> Options:
        """The same values, as the engine takes them."""
        own = {item.name for item in fields(self)} & {item.name for item in fields(Options)}
        attack, health = self.capability_config.attack, self.capability_config.health
        shown = Shown(
            attack=attack is not None,
            attack_observed=attack is not None and attack.observe,
            health=health is not None,
            health_observed=health is not None and health.observe,
            types_observed=self.capability_config.team_gen.observe,
            enemy_mask=self.capability_config.enemy_mask is not None,
        )
        values = {name: getattr(self, name) for name in own}
        return Options(client="v2", shown=shown, **values)

    def build(self, num_envs: int, threads: int) -> SmacEnv:
        """num_envs battles in lock-step on `threads` threads."""
        if self.backend == "game":
            raise EnvError("backend=game is not built yet; use backend=engine")
        scenario = make_generation(self.map, self.capability_config).scenario()
        battles = Battles(scenario, self.engine_options(), num_envs, threads, self.choices)
        return SmacEnv(battles, "sc2v2-engine")

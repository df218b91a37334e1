"""SMAC v2 battles on our own engine, as a VecEnv: other teams and places in each episode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from marl.config.schema import option
from marl.engine.facts.scenario import scenario_names
from marl.engine.smac.options import Options, Shown
from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from marl.envs.smac import SmacEnv
from marl.envs.smac_options import ClientConfig
from marl.errors import EnvError
from marl.protocols import VecEnv


@dataclass(frozen=True)
class Smacv2Config(ClientConfig):
    """A SMACv2 scenario; names and defaults as in oxwhirl/smacv2, meanings in
    marl/engine/smac/options.py and marl/engine/smacv2/generation.py.

    configs/envs/sc2v2.yaml has the published settings. What differs from the client: map names
    say the sizes too, teams are always drawn (the client's maps are empty without team_gen), and an
    episode follows from its seed.
    """

    kind: ClassVar[str] = "sc2v2"
    map: str = "terran_5_vs_5"
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
    capability_config: CapabilityConfig = CapabilityConfig()

    def __post_init__(self) -> None:
        if self.kill_unit_step_mul > self.step_mul:
            raise ValueError(
                f"kill_unit_step_mul: {self.kill_unit_step_mul} is more than "
                f"step_mul={self.step_mul}, of which it is a part"
            )

    def engine_options(self) -> Options:
        """The same values, as the engine takes them."""
        attack, health = self.capability_config.attack, self.capability_config.health
        shown = Shown(
            attack=attack is not None,
            attack_observed=attack is not None and attack.observe,
            health=health is not None,
            health_observed=health is not None and health.observe,
            types_observed=self.capability_config.team_gen.observe,
            enemy_mask=self.capability_config.enemy_mask is not None,
        )
        return replace(super().engine_options(), client="v2", shown=shown)

    def build(self, num_envs: int, threads: int) -> VecEnv:
        """num_envs battles in lock-step, the engine's on `threads` threads."""
        if self.map in scenario_names():
            raise EnvError(f"map={self.map}: is one of SMAC's; choose --env-config=sc2")
        generation = make_generation(self.map, self.capability_config)
        if self.backend == "game":
            from marl.envs.smac_game import game_v2

            return game_v2(self, generation, num_envs)
        battles = self.battles(generation.scenario(), num_envs, threads)
        return SmacEnv(battles, "sc2v2-engine")

"""SMAC v2 battles on our own engine, as a VecEnv: other teams and places in each episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from marl.engine.facts.scenario import scenario_names
from marl.engine.smac.options import Smacv2Options
from marl.engine.smacv2.generation import Generation, make_generation
from marl.envs.smac import SmacEnv
from marl.envs.smac_options import ClientConfig
from marl.errors import EnvError
from marl.protocols.environments import VecEnv


@dataclass(frozen=True)
class Smacv2Config(ClientConfig, Smacv2Options):
    """A SMACv2 scenario. configs/envs/sc2v2.yaml has the published settings.

    It differs from the client: map names may say the team sizes, teams are always drawn (the
    client's maps are empty without team_gen), and an episode follows from its seed.
    """

    kind: ClassVar[str] = "sc2v2"
    map: str = "terran_5_vs_5"

    def check_map(self) -> None:
        """EnvError for a map that is none of SMACv2's, and for teams that can't be drawn."""
        self._generation()

    def _generation(self) -> Generation:
        if self.map in scenario_names():
            raise EnvError(f"map={self.map}: is one of SMAC's; choose --env-config=sc2")
        return make_generation(self.map, self.capability_config)

    def build(self, num_envs: int, threads: int) -> VecEnv:
        """num_envs battles in lock-step, the engine's on `threads` threads."""
        generation = self._generation()
        if self.backend == "game":
            from marl.envs.smac_game import game_v2

            return game_v2(self, generation, num_envs)
        battles = self.battles(generation.scenario(), num_envs, threads)
        return SmacEnv(battles, "sc2v2-engine")

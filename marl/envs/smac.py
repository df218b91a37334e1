"""SMAC v1 battles on our own engine, as a VecEnv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from marl.engine.battle import Battles
from marl.engine.facts.scenario import Scenario, load_scenario
from marl.engine.scripts.heuristic import Scene
from marl.engine.smacv2.generation import OPEN_SIZED, SIZED
from marl.envs.smac_options import ClientConfig
from marl.errors import EnvError
from marl.protocols.environments import Observation, Step, VecEnv
from marl.spec import Discrete, EnvSpec


@dataclass(frozen=True)
class Sc2Config(ClientConfig):
    """A SMAC scenario. Names and defaults as in oxwhirl/smac."""

    kind: ClassVar[str] = "sc2"
    map: str = "8m"

    def check_map(self) -> None:
        """EnvError for a map that is none of SMAC's, or whose file does not fit."""
        self._scenario()

    def _scenario(self) -> Scenario:
        if SIZED.fullmatch(self.map) or self.map.startswith(OPEN_SIZED):
            raise EnvError(f"map={self.map}: is one of SMACv2's; choose --env-config=sc2v2")
        return load_scenario(self.map)

    def build(self, num_envs: int, threads: int) -> VecEnv:
        """num_envs battles in lock-step, the engine's on `threads` threads."""
        scenario = self._scenario()
        if self.backend == "game":
            from marl.envs.smac_game import game_v1

            return game_v1(self, num_envs)
        return SmacEnv(self.battles(scenario, num_envs, threads))


class SmacEnv:
    """Battles behind the VecEnv contract. family: the first part of the spec's name."""

    def __init__(self, battles: Battles, family: str = "sc2-engine") -> None:
        self.battles = battles
        self.num_envs = battles.num_envs
        layout, record = battles.rules.layout, battles.record
        self.spec = EnvSpec(
            name=f"{family}/{battles.scenario.name}",
            n_agents=layout.n_agents,
            action=Discrete(layout.n_actions),
            obs_dim=layout.obs_dim,
            state_dim=layout.state_dim,
            episode_limit=battles.scenario.episode_limit,
            reports_win=True,
        )
        self._observation = Observation(record.obs, record.state, record.avail)
        self._step = Step(record.reward, record.terminated, record.truncated)

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        """Start battles from seeds[i]; without rows those from len(seeds) on stay idle (ended)."""
        self.battles.reset(seeds, rows)

    def observe(self) -> Observation:
        """Views that the next step or reset overwrites."""
        return self._observation

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Advance the running battles; an action outside the mask is refused. actions: [E,A]."""
        self.battles.step(actions)
        return self._step

    def command(self, actions: NDArray[np.int64]) -> Step:
        """As `step`, but masked actions are legal too, and no order fails. actions: [E,A]."""
        self.battles.step(actions, ignores_mask=True)
        return self._step

    def scene(self) -> Scene:
        """The scenario as scripts read it."""
        rules = self.battles.rules
        return Scene(
            table=rules.field.table,
            walkable=rules.field.walkable,
            n_agents=rules.layout.n_agents,
            first_target=rules.layout.first_target,
            step_mul=rules.step_mul,
        )

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """battle_won, dead_allies and dead_enemies so far, [E] each."""
        record = self.battles.record
        return {
            "battle_won": record.battle_won,
            "dead_allies": record.dead_allies,
            "dead_enemies": record.dead_enemies,
        }

    def close(self) -> None:
        """End the worker threads."""
        self.battles.close()

"""oxwhirl/smac's StarCraft2PZEnv on our own engine: the same three names, PettingZoo's present API.

    from marl.envs import smac_pettingzoo as StarCraft2PZEnv   # of smac.env.pettingzoo
    env = StarCraft2PZEnv.parallel_env(map_name="3m")

As there, agents are named after their units, the no-op of the dead is no action (so stop is 0 and
an attack on enemy e is 5 + e), and an agent leaves when it dies. `reset` and `step` return what
PettingZoo's API asks for today, which smac's class, written for an older one, does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete
from numpy.typing import NDArray
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers
from pettingzoo.utils.conversions import parallel_to_aec

from marl.config.schema import parse
from marl.engine.facts.scenario import load_scenario
from marl.engine.smac.options import Options
from marl.envs.drop_in.keywords import bind, engine_values, signature_of
from marl.envs.pettingzoo import ParallelView, Seen, battle_names, living
from marl.envs.smac import Sc2Config
from marl.errors import EnvError

MAX_CYCLES = 1000  # smac's default
SIGNATURE = signature_of(Options)


class SmacParallelEnv(ParallelView):
    """A battle; observations hold `observation` [O] float32 and `action_mask` [U - 1] int8."""

    def __init__(self, config: Sc2Config, max_cycles: int, seed: int | None) -> None:
        names = battle_names(load_scenario(config.map))
        battle = config.build(num_envs=1, threads=1)
        super().__init__(battle, names, living)
        self.max_cycles, self.frames = max_cycles, 0
        self._first_seed = seed
        self._count = count = battle.spec.n_actions - 1
        obs = Box(-np.inf, np.inf, (battle.spec.obs_dim,), np.float32)
        self.action_spaces = {name: Discrete(count) for name in names}
        self.observation_spaces = {
            name: Dict(observation=obs, action_mask=Box(0, 1, (count,), np.int8)) for name in names
        }

    def reset(
        self, seed: int | None = None, options: dict | None = None
    ) -> tuple[dict[str, Seen], dict[str, dict]]:
        """Start an episode; the first one from the constructor's seed where none is given."""
        self.frames = 0
        seed, self._first_seed = (self._first_seed if seed is None else seed), None
        return super().reset(seed, options)

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, Seen], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict]
    ]:
        """As ParallelView.step; at max_cycles the agents that are left are truncated."""
        seen, rewards, terminated, truncated, infos = super().step(actions)
        self.frames += 1
        if self.frames >= self.max_cycles:
            truncated = {name: not terminated[name] for name in terminated}
            self.agents = []
        return seen, rewards, terminated, truncated, infos

    def _joint(self, actions: Mapping[str, int]) -> tuple[NDArray[np.int64], set[str]]:
        for name, action in actions.items():
            if name in self.possible_agents and not 0 <= int(action) < self._count:
                raise ValueError(f"{name}: action {action} is not within 0..{self._count - 1}")
        return super()._joint({name: int(action) + 1 for name, action in actions.items()})

    def _see(self, names: list[str]) -> dict[str, Seen]:  # type: ignore[override]
        return {
            name: seen | {"action_mask": seen["action_mask"][1:]}
            for name, seen in super()._see(names).items()
        }


def parallel_env(max_cycles: int = MAX_CYCLES, **smac_args: Any) -> SmacParallelEnv:
    """A ParallelEnv. smac_args: the keywords of smac's StarCraft2Env, `map_name` among them.

    ConfigError or EnvError where one can't be obeyed here; TypeError where there is none such.
    """
    given = bind(SIGNATURE, (), smac_args)
    if given["heuristic_ai"]:
        raise EnvError("heuristic_ai=True: the actions are yours here; leave it at False")
    return SmacParallelEnv(parse(Sc2Config, engine_values(given)), max_cycles, given["seed"])


def raw_env(max_cycles: int = MAX_CYCLES, **smac_args: Any) -> AECEnv:
    """The same, the agents acting one after the other."""
    return parallel_to_aec(parallel_env(max_cycles, **smac_args))


def env(**options: Any) -> AECEnv:
    """`raw_env` with PettingZoo's checks of what it is called with."""
    checked = wrappers.AssertOutOfBoundsWrapper(raw_env(**options))
    return wrappers.OrderEnforcingWrapper(checked)

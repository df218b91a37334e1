"""oxwhirl/smac's StarCraft2Env on our own engine: for code that was written for that class.

    from marl.envs.smac_api import StarCraft2Env    # instead of: from smac.env import StarCraft2Env
    from marl.envs.smac_api import get_map_params   # of smac.env.starcraft2.maps
    from marl.envs import smac_pettingzoo           # of smac.env.pettingzoo, StarCraft2PZEnv

One battle at a time; for training, `Sc2Config` runs many at once. The constructor's keywords and
their defaults are the client's @d6aab33, and so are the methods' arguments, results, sizes and
orders. It differs where the client talks to the game:

- `seed` decides everything: episode k follows from (seed, k). Without one, one is drawn, which
  `seed()` returns.
- `reset` before the end of a battle begins the next one; nothing has to be launched again, so
  "restarts" of `get_stats` stays 0. "win_rate" is 0.0 before the first battle has ended, where the
  client divides by zero. A wrong action, keyword or call raises an EnvError or a ConfigError, both
  of them a marl.errors.UserError.
- max_reward, by which rewards are divided, is each battle's own; see marl/engine/smac/reward.py.
- Keywords that only the game could obey must keep their default.
- With `heuristic_ai` the state and obs_last_action show the script's orders, not the ignored
  ones; as in the client, `step` also writes them into the list that it is given.
- The methods that return units of the game's protocol (get_unit_by_id, can_move and the like)
  do not exist. Observations are float32, also with obs_timestep_number.
"""

from __future__ import annotations

from typing import Any

from marl.config.schema import parse
from marl.engine.facts.scenario import load_scenario
from marl.engine.smac.options import Options
from marl.envs.drop_in.keywords import bind, engine_values, signature_of, with_truncation
from marl.envs.drop_in.map_params import get_map_params, map_param_registry
from marl.envs.drop_in.multiagentenv import MultiAgentEnv
from marl.envs.smac import Sc2Config, SmacEnv

__all__ = ["MultiAgentEnv", "StarCraft2Env", "get_map_params", "map_param_registry"]


class StarCraft2Env(MultiAgentEnv):
    """A SMAC scenario; keywords as in the client, meanings in marl/engine/smac/options.py."""

    __signature__ = signature_of(Options)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        given = bind(self.__signature__, arguments, keywords)
        config = with_truncation(parse(Sc2Config, engine_values(given)))
        super().__init__(given, SmacEnv(config.battles(load_scenario(config.map), 1, 1)))

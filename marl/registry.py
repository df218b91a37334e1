"""The recipes by name: what `recipe:` in configs/algs/*.yaml may say."""

from __future__ import annotations

from marl.algos.agent import RecipeConfig
from marl.algos.ippo import IppoConfig
from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.mappo import MappoConfig
from marl.algos.qmix import QmixConfig
from marl.algos.vdn import VdnConfig
from marl.scripted.players import (
    FocusFireConfig,
    HeuristicConfig,
    KiteConfig,
    PlayerConfig,
    RandomConfig,
)
from marl.single_agent.actor_critic.ddpg import DdpgConfig
from marl.single_agent.actor_critic.td3 import Td3Config
from marl.single_agent.policy_gradient.ppo import PpoConfig
from marl.single_agent.value.dqn import DqnConfig

# What learns from experience.
LEARNERS: dict[str, type[RecipeConfig]] = {
    "iql": IqlConfig,
    "vdn": VdnConfig,
    "qmix": QmixConfig,
    "lagma": LagmaConfig,
    "ippo": IppoConfig,
    "mappo": MappoConfig,
    "dqn": DqnConfig,
    "ddpg": DdpgConfig,
    "td3": Td3Config,
    "ppo": PpoConfig,
}
# What plays by a script.
PLAYERS: dict[str, type[PlayerConfig]] = {
    "random": RandomConfig,
    "heuristic": HeuristicConfig,
    "focus_fire": FocusFireConfig,
    "kite": KiteConfig,
}
RECIPES: dict[str, type[RecipeConfig] | type[PlayerConfig]] = {**LEARNERS, **PLAYERS}

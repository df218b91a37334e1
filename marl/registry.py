"""The recipes by name: what `recipe:` in configs/algs/*.yaml may say."""

from __future__ import annotations

from marl.algos.agent import RecipeConfig
from marl.algos.facmac import FacmacConfig
from marl.algos.ippo import IppoConfig
from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.maddpg import MaddpgConfig
from marl.algos.mappo import MappoConfig
from marl.algos.qmix import QmixConfig
from marl.algos.vdn import VdnConfig
from marl.config.kinds import is_again, refuse_ignored
from marl.encoders import normalised  # noqa: F401  (registers encoder.kind=normalised)
from marl.errors import ConfigError
from marl.intrinsic import information_and_skills  # noqa: F401  (registers MUSIC's and DIAYN's)
from marl.quantizers import fsq_learner  # noqa: F401  (registers bonus.codebook.kind=fsq)
from marl.scripted.players import (
    FocusFireConfig,
    HeuristicConfig,
    KiteConfig,
    PlayerConfig,
    RandomConfig,
)
from marl.single_agent.actor_critic.ddpg import DdpgConfig
from marl.single_agent.actor_critic.iqrl import IqrlConfig
from marl.single_agent.actor_critic.music import MusicConfig, MusicSacConfig
from marl.single_agent.actor_critic.sac import SacConfig
from marl.single_agent.actor_critic.td3 import Td3Config
from marl.single_agent.offline.bc import BcConfig
from marl.single_agent.offline.bcq import BcqConfig
from marl.single_agent.offline.bcq_discrete import DiscreteBcqConfig
from marl.single_agent.offline.bear import BearConfig
from marl.single_agent.offline.td3_bc import Td3BcConfig
from marl.single_agent.planning.value_iteration import ValueIterationConfig
from marl.single_agent.policy_gradient.ppo import PpoConfig
from marl.single_agent.value.dqn import DqnConfig

# Recipes that learn from experience.
LEARNERS: dict[str, type[RecipeConfig]] = {
    "iql": IqlConfig,
    "vdn": VdnConfig,
    "qmix": QmixConfig,
    "lagma": LagmaConfig,
    "ippo": IppoConfig,
    "mappo": MappoConfig,
    "maddpg": MaddpgConfig,
    "facmac": FacmacConfig,
    "dqn": DqnConfig,
    "ddpg": DdpgConfig,
    "td3": Td3Config,
    "sac": SacConfig,
    "iqrl": IqrlConfig,
    "music": MusicConfig,
    "music_sac": MusicSacConfig,
    "td3_bc": Td3BcConfig,
    "bcq": BcqConfig,
    "bear": BearConfig,
    "ppo": PpoConfig,
    "bcq_discrete": DiscreteBcqConfig,
    "bc": BcConfig,
}
# Recipes that play by a script or a plan.
PLAYERS: dict[str, type[PlayerConfig]] = {
    "random": RandomConfig,
    "heuristic": HeuristicConfig,
    "focus_fire": FocusFireConfig,
    "kite": KiteConfig,
    "value_iteration": ValueIterationConfig,
}


def recipes() -> dict[str, type[RecipeConfig] | type[PlayerConfig]]:
    """All of them by name."""
    return {**LEARNERS, **PLAYERS}


def register_recipe(name: str, config: type[RecipeConfig] | type[PlayerConfig]) -> None:
    """Make `recipe: name` mean this dataclass; a PlayerConfig's subclass becomes a player.

    ConfigError where the name is taken. Registering the same class again changes nothing; one that
    is defined again takes the old one's place.
    """
    known = recipes().get(name, config)
    if not is_again(config, known):
        raise ConfigError(f"recipe {name!r} is {known.__module__}.{known.__name__} already")
    refuse_ignored(config)
    if issubclass(config, PlayerConfig):
        LEARNERS.pop(name, None)
        PLAYERS[name] = config
    else:
        PLAYERS.pop(name, None)
        LEARNERS[name] = config

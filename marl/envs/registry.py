"""The environments by name: what `env:` in configs/envs/*.yaml may say."""

from __future__ import annotations

from marl.config.kinds import is_again, refuse_ignored
from marl.envs.dmc import DmcConfig
from marl.envs.fetch import FetchConfig
from marl.envs.goals import BitFlipConfig, PointGoalConfig
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.line_world import LineWorldConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.envs.pettingzoo import PettingZooConfig
from marl.envs.pushing import PointPushConfig
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.errors import ConfigError
from marl.protocols.environments import EnvConfig

ENVS: dict[str, type[EnvConfig]] = {
    "sc2": Sc2Config,
    "sc2v2": Smacv2Config,
    "matrix": MatrixConfig,
    "two_step": TwoStepConfig,
    "point_goal": PointGoalConfig,
    "point_push": PointPushConfig,
    "bit_flip": BitFlipConfig,
    "line_world": LineWorldConfig,
    "gymnasium": GymnasiumConfig,
    "dmc": DmcConfig,
    "fetch": FetchConfig,
    "pettingzoo": PettingZooConfig,
}


def register_env(name: str, config: type[EnvConfig]) -> None:
    """Make `env: name` mean this dataclass.

    ConfigError where the name is taken. Registering the same class again changes nothing; one that
    is defined again takes the old one's place.
    """
    known = ENVS.get(name, config)
    if not is_again(config, known):
        raise ConfigError(f"environment {name!r} is {known.__module__}.{known.__name__} already")
    refuse_ignored(config)
    ENVS[name] = config

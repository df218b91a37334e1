"""The environments by name: what `env:` in configs/envs/*.yaml may say."""

from __future__ import annotations

from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.matrix import MatrixConfig, TwoStepConfig
from marl.envs.pettingzoo import PettingZooConfig
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.protocols import EnvConfig

ENVS: dict[str, type[EnvConfig]] = {
    "sc2": Sc2Config,
    "sc2v2": Smacv2Config,
    "matrix": MatrixConfig,
    "two_step": TwoStepConfig,
    "gymnasium": GymnasiumConfig,
    "pettingzoo": PettingZooConfig,
}

"""The recipes by name: what `recipe:` in configs/algs/*.yaml may say."""

from __future__ import annotations

from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.algos.values import Agent, ValueRecipeConfig
from marl.algos.vdn import VdnConfig
from marl.single_agent.dqn import DqnConfig

RECIPES: dict[str, type[ValueRecipeConfig]] = {
    "iql": IqlConfig,
    "vdn": VdnConfig,
    "qmix": QmixConfig,
    "lagma": LagmaConfig,
    "dqn": DqnConfig,
}

__all__ = ["RECIPES", "Agent"]

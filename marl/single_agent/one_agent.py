"""What recipes for one agent ask of an environment."""

from __future__ import annotations

from marl.errors import ConfigError
from marl.spec import EnvSpec


def check_one_agent(spec: EnvSpec, recipe: str, instead: str) -> None:
    """ConfigError where there are several.

    They would share one network that neither sees which of them it acts for nor remembers, and
    train without a word. instead: the recipes for several.
    """
    if spec.n_agents > 1:
        raise ConfigError(
            f"--config={recipe} is for one agent, and {spec.name} has {spec.n_agents}; choose "
            f"--config={instead}"
        )

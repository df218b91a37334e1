"""Plan: everything that a command needs to know about the run it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marl.protocols import EnvConfig, MetricSink
from marl.run.runconfig import RunConfig


@dataclass(frozen=True)
class Plan:
    """A parsed run. `values` and `sources` say the same as the dataclasses, for people to read."""

    command: str
    run: RunConfig  # run.seed is a number here, drawn if none was given
    env: EnvConfig
    recipe: Any  # the recipe's own frozen dataclass, see marl/registry.py
    env_name: str  # registry name of the environment, e.g. sc2
    recipe_name: str  # registry name of the recipe, e.g. lagma
    config_name: str  # configs/algs/<config_name>.yaml, e.g. lagma_official
    env_config_name: str  # configs/envs/<env_config_name>.yaml
    values: Mapping[str, object]  # nested, every key of the run, the environment and the recipe
    sources: Mapping[str, str]  # dotted key -> where its value was set
    folder: Path | None = None  # train, evaluate: the run folder
    sinks: tuple[MetricSink, ...] = ()  # where metrics go beside the run folder and the console

"""Plan: everything that a command needs to know about the run it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from marl.config.schema import option

if TYPE_CHECKING:  # a mistyped command line is refused without torch
    from marl.protocols.environments import EnvConfig


@dataclass(frozen=True)
class RunConfig:
    """Keys of the run itself. Tuned defaults with their units: configs/default.yaml."""

    seed: int | None = option(None, low=0, high=2**32 - 1)  # None: drawn, and written down
    t_max: int = option(2_050_000, low=1, high=10**12)  # environment steps to train for
    max_seconds: float | None = option(None, above=0)  # stop training earlier than t_max
    num_envs: int = option(8, low=1, high=4096)  # E, environments in lock-step
    env_threads: int = option(1, low=1)  # threads of the environments
    torch_threads: int = option(1, low=1, high=1024)  # of each of torch's operations
    learner_threads: int = option(1, low=1, high=1024)  # that share an update on the CPU
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: cuda where there is one
    test_interval: int = option(10_000, low=1)  # environment steps between evaluations
    test_episodes: int = option(32, low=1, high=10**6)  # greedy episodes in each evaluation
    log_interval: int = option(2_000, low=1)  # environment steps between logged training metrics
    save_interval: int = option(100_000, low=1)  # environment steps between checkpoints
    save_replay_buffer: bool = True  # an exact resume needs it; only the newest one is kept
    save_replay: bool = False  # keep a trace of each evaluated battle, and a page of the first
    video: Literal["none", "gif", "mp4"] = "none"  # replay: beside each page
    results_dir: str = option("results", path=True)
    plugins: tuple[str, ...] = ()  # modules that register parts from outside the package
    label: str = ""  # a free word kept with the run, part of its folder's name
    progress_bar: bool = True  # on a terminal; elsewhere plain lines
    tensorboard: bool = True
    resume: str | None = option(None, path=True)  # train: run folder to go on with
    # train: run folder or models/<t_env> folder whose weights a new run begins with
    start_from: str | None = option(None, path=True)
    # evaluate, replay: run folder or models/<t_env> folder
    checkpoint: str | None = option(None, path=True)
    load_step: int = option(0, low=0)  # which checkpoint of a run; 0 = newest, else the nearest
    episodes: int = option(32, low=1, high=10**7)  # evaluate, replay: episodes to play


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


# Options that say how much a replay holds.
REPLAY_SIZE = ("buffer.episodes", "buffer.steps")

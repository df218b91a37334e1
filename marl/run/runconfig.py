"""RunConfig: what a run does, whatever the algorithm and the environment are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from marl.config.schema import option


@dataclass(frozen=True)
class RunConfig:
    """Keys of the run itself. Tuned defaults with their units: configs/default.yaml."""

    seed: int | None = option(None, low=0, high=2**32 - 1)  # None: drawn, and written down
    t_max: int = option(2_050_000, low=1)  # environment steps to train for
    max_seconds: float | None = option(None, above=0)  # stop training earlier than t_max
    num_envs: int = option(8, low=1)  # E, environments in lock-step
    env_threads: int = option(1, low=1)  # threads of the environments
    torch_threads: int = option(1, low=1)  # threads of torch on the CPU
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: cuda where there is one
    test_interval: int = option(10_000, low=1)  # environment steps between evaluations
    test_episodes: int = option(32, low=1)  # greedy episodes in each evaluation
    log_interval: int = option(2_000, low=1)  # environment steps between logged training metrics
    save_interval: int = option(100_000, low=1)  # environment steps between checkpoints
    save_replay_buffer: bool = True  # an exact resume needs it; only the newest one is kept
    save_replay: bool = False  # keep a trace of each evaluated battle, and a page of the first
    video: Literal["none", "gif", "mp4"] = "none"  # replay: beside each page
    results_dir: str = "results"
    label: str = ""  # a free word kept with the run, part of its folder's name
    progress_bar: bool = True  # on a terminal; elsewhere plain lines
    tensorboard: bool = True
    resume: str | None = None  # train: run folder to go on with
    checkpoint: str | None = None  # evaluate, replay: run folder or models/<t_env> folder
    load_step: int = option(0, low=0)  # which checkpoint of a run; 0 = newest, else the nearest
    episodes: int = option(32, low=1)  # evaluate, replay: episodes to play

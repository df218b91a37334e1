"""`python run.py bench`: how fast the engine steps and how long a learner's update takes.

Absolute times hold for the machine they were taken on; its facts stand beside them.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from marl import seeding
from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.algos.values import ValueRecipeConfig
from marl.batch import EpisodeBatch
from marl.engine.scripts.random_legal import random_legal_actions
from marl.envs.smac import Sc2Config
from marl.protocols.acting import Behaviour
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.run import machine
from marl.run.plan import Plan
from marl.runners.episodes import EpisodeRunner
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import EnvSpec

MAPS = ("3s_vs_5z", "2s3z", "MMM2", "10m_vs_11m", "27m_vs_30m", "2c_vs_64zg")
NUM_ENVS = (1, 8, 64, 1024)
THREADS = (1, 2)
BATCH_SIZES = (32, 128)
ROUNDS = 3  # a figure is the median of this many
SECONDS = 0.4  # of engine steps in each round
LEARNER_MAP = "3s_vs_5z"


@dataclass(frozen=True)
class EngineRow:
    """Random play: environment steps a second, observations, masks and rewards included."""

    map: str
    num_envs: int
    threads: int
    steps_per_second: float


@dataclass(frozen=True)
class UpdateRow:
    """One learner update on full-length episodes."""

    recipe: str
    batch_size: int
    slots: int
    milliseconds: float


def bench(plan: Plan) -> Path:
    """Measure, print two tables, and write them as JSON into the results folder."""
    torch.set_num_threads(plan.run.torch_threads)
    console = Console()
    facts = machine.facts()
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()))
    engine = [
        EngineRow(name, num_envs, threads, engine_speed(name, num_envs, threads))
        for name in MAPS
        for threads in THREADS
        for num_envs in NUM_ENVS
    ]
    console.print(_engine_table(engine))
    updates = [row for size in BATCH_SIZES for row in update_times(size, plan.run.seed or 0)]
    console.print(_update_table(updates))
    folder = Path(plan.run.results_dir) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    rows = {"engine": [vars(row) for row in engine], "updates": [vars(row) for row in updates]}
    path.write_text(json.dumps({"machine": facts, **rows}, indent=1))
    console.print(f"written to {path}")
    return path


def engine_speed(name: str, num_envs: int, threads: int) -> float:
    """Environment steps a second under random legal actions; ended battles start again."""
    play = random_play(name, num_envs, threads)
    play(1e-9)  # one round, to compile
    speeds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        steps = play(SECONDS)
        speeds.append(steps / (time.perf_counter() - start))
    return statistics.median(speeds)


def random_play(name: str, num_envs: int, threads: int) -> Callable[[float], int]:
    """A function that plays for the given seconds, a round at least, and returns the steps."""
    env = Sc2Config(map=name).build(num_envs, threads)
    rng = np.arange(1, num_envs + 1, dtype=np.uint64)[:, None].copy()  # [E,1]
    actions = np.zeros((num_envs, env.spec.n_agents), dtype=np.int64)
    first = 0

    def play(seconds: float) -> int:
        nonlocal first
        steps, end = 0, time.perf_counter() + seconds
        while steps == 0 or time.perf_counter() < end:
            env.reset(np.arange(first, first + num_envs, dtype=np.uint64))
            first += num_envs
            running = np.ones(num_envs, dtype=np.bool_)
            while running.all():  # only steps in which every environment works
                random_legal_actions(env.observe().avail, rng, actions)
                result = env.step(actions)
                running = ~(result.terminated | result.truncated)
                steps += num_envs
        return steps

    return play


def update_times(batch_size: int, seed: int) -> list[UpdateRow]:
    """QMIX and LAGMA on the same batches of real battles, rounds interleaved."""
    spec, batch = _full_batch(batch_size, seed)
    recipes: dict[str, ValueRecipeConfig] = {"qmix": QmixConfig(), "lagma": LagmaConfig()}
    runs: dict[str, Callable[..., object]] = {}
    for name, recipe in recipes.items():
        seeding.seed_everything(seed)
        learner = recipe.build(spec, torch.device("cpu")).learner
        runs[name] = partial(learner.update, {BATCH: batch})
    times: dict[str, list[float]] = {name: [] for name in runs}
    for update in range(20):  # LAGMA's periodic work falls due every 10th and 40th episode
        for name, run in runs.items():
            progress = Progress(t_env=1_000_000, episode=10_000 + 2 * update, update=update)
            start = time.perf_counter()
            run(progress=progress)
            if update >= 2:
                times[name].append(1000 * (time.perf_counter() - start))
    return [
        UpdateRow(name, batch_size, batch.steps + 1, statistics.mean(values))
        for name, values in times.items()
    ]


def _full_batch(batch_size: int, seed: int) -> tuple[EnvSpec, EpisodeBatch]:
    """Real battles cut and repeated to fill every slot up to the episode limit, and their sizes."""
    env = Sc2Config(map=LEARNER_MAP).build(batch_size, 1)
    device = torch.device("cpu")
    agent = LagmaConfig().build(env.spec, device)
    runner = EpisodeRunner(env, agent.layout, device, Stopwatch())
    behaviour = Behaviour(agent.actor, rng=torch.Generator().manual_seed(seed))
    seeds = EpisodeSeeds(seed, seeding.TRAIN_EPISODES)
    batch = repeat_to(runner.collect(behaviour, seeds).batch, env.spec.episode_limit)
    env.close()
    return env.spec, batch


def repeat_to(batch: EpisodeBatch, steps: int) -> EpisodeBatch:
    """The batch with its steps repeated until each episode has `steps` of them."""
    lengths = batch.lengths[:, None]
    step = torch.arange(steps) % lengths  # [B,steps]
    slot = torch.arange(steps + 1) % (lengths + 1)
    rows = torch.arange(batch.size)[:, None]
    which = {"slot": slot, "step": step}
    columns = {
        name: batch[name] if column.level == "episode" else batch[name][rows, which[column.level]]
        for name, column in batch.layout.items()
    }
    return EpisodeBatch(batch.layout, columns)


def _engine_table(rows: list[EngineRow]) -> Table:
    table = Table(title="engine: environment steps a second, random play")
    for heading in ("map", "threads", *(f"E = {num_envs}" for num_envs in NUM_ENVS)):
        table.add_column(heading, justify="left" if heading == "map" else "right")
    for name in MAPS:
        for threads in THREADS:
            speeds = [r.steps_per_second for r in rows if (r.map, r.threads) == (name, threads)]
            table.add_row(name, str(threads), *(f"{speed:,.0f}" for speed in speeds))
    return table


def _update_table(rows: list[UpdateRow]) -> Table:
    table = Table(title=f"learner: milliseconds an update, sizes of {LEARNER_MAP}, mean of 18")
    for heading in ("recipe", "B", "slots", "ms", "of QMIX"):
        table.add_column(heading, justify="left" if heading == "recipe" else "right")
    for row in rows:
        base = next(
            r.milliseconds for r in rows if r.recipe == "qmix" and r.batch_size == row.batch_size
        )
        share = f"{row.milliseconds / base:.2f}"
        cells = (str(row.batch_size), str(row.slots), f"{row.milliseconds:.0f}", share)
        table.add_row(row.recipe, *cells)
    return table

"""`python run.py bench`: how fast the engine steps and how long a learner's update takes.

With `map`, `num_envs` or `env_threads` the engine is measured for that one value; `--config` and
its settings choose the learner beside QMIX. Absolute times hold for the machine they were taken on;
its facts stand beside them.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from marl import seeding
from marl.algos.qmix import QmixConfig
from marl.algos.values import ValueRecipeConfig
from marl.batch import EpisodeBatch
from marl.config.files import COMMAND_LINE
from marl.engine.battle import MAX_THREADS
from marl.engine.scripts.random_legal import random_legal_actions
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.errors import ConfigError
from marl.nets.threads import set_learner_threads
from marl.protocols.acting import Behaviour
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.run import machine
from marl.run.plan import Plan, RunConfig
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
UPDATES = 20  # of a learner, the first WARM_UP uncounted
WARM_UP = 2
# Keys of the run that count here; others would do nothing and are refused.
USED = (
    "num_envs",
    "env_threads",
    "torch_threads",
    "learner_threads",
    "seed",
    "results_dir",
    "plugins",
)

BattleConfig = Sc2Config | Smacv2Config


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


@dataclass(frozen=True)
class Scope:
    """What is measured: the engine for each combination, the learners for each batch size."""

    env: BattleConfig
    maps: tuple[str, ...]
    num_envs: tuple[int, ...]
    threads: tuple[int, ...]
    recipes: dict[str, ValueRecipeConfig]
    batch_sizes: tuple[int, ...]
    learner_map: str


def scope_of(plan: Plan) -> Scope:
    """The usual measurements, or those that the command line narrows them to.

    ConfigError where it says what can't be measured or would do nothing.
    """
    given = {key for key, source in plan.sources.items() if source.startswith(COMMAND_LINE)}
    useless = sorted(given & {item.name for item in fields(RunConfig)} - {*USED})
    if useless:
        raise ConfigError(
            f"{', '.join(useless)}: would do nothing here; of the run's keys bench takes "
            f"{', '.join(USED)}"
        )
    if not isinstance(plan.env, BattleConfig) or plan.env.backend != "engine":
        raise ConfigError("bench measures battles on the engine: --env-config=sc2 or sc2v2")
    if not isinstance(plan.recipe, ValueRecipeConfig):
        raise ConfigError(
            f"--config={plan.config_name}: bench measures value learning, for example --config=vdn"
        )
    own = "map" in given or not isinstance(plan.env, Sc2Config)
    usual = tuple(threads for threads in THREADS if threads <= MAX_THREADS)
    sampler = plan.recipe.sampler
    return Scope(
        env=plan.env,
        maps=(plan.env.map,) if own else MAPS,
        num_envs=(plan.run.num_envs,) if "num_envs" in given else NUM_ENVS,
        threads=(plan.run.env_threads,) if "env_threads" in given else usual,
        recipes={"qmix": QmixConfig(), plan.config_name: plan.recipe},
        batch_sizes=((sampler.batch_size,) if "sampler.batch_size" in given else BATCH_SIZES),
        learner_map=plan.env.map if own else LEARNER_MAP,
    )


def bench(plan: Plan) -> Path:
    """Measure, print each figure and then two tables, and write them as JSON for later."""
    torch.set_num_threads(plan.run.torch_threads)
    set_learner_threads(plan.run.learner_threads)
    scope = scope_of(plan)
    console = Console(highlight=False)
    facts = machine.facts()
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), soft_wrap=True)
    engine = list(engine_rows(scope, console))
    console.print(_engine_table(engine, scope))
    updates = list(update_rows(scope, plan.run.seed or 0, console))
    console.print(_update_table(updates, scope))
    folder = Path(plan.run.results_dir) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    rows = {"engine": [vars(row) for row in engine], "updates": [vars(row) for row in updates]}
    path.write_text(json.dumps({"machine": facts, **rows}, indent=1))
    console.print(f"written to {path}", soft_wrap=True)
    return path


def engine_rows(scope: Scope, console: Console) -> Iterator[EngineRow]:
    """A figure for each map, number of threads and of environments, printed as it comes."""
    every = list(product(scope.maps, scope.threads, scope.num_envs))
    for number, (name, threads, num_envs) in enumerate(every, start=1):
        speed = engine_speed(replace(scope.env, map=name), num_envs, threads)
        yield EngineRow(name, num_envs, threads, speed)
        console.print(
            f"engine {number}/{len(every)}  {name}, E = {num_envs}, threads {threads}: "
            f"{speed:,.0f} steps/s",
            soft_wrap=True,
        )


def update_rows(scope: Scope, seed: int, console: Console) -> Iterator[UpdateRow]:
    """The learners' times for each batch size, announced before they come."""
    names = " and ".join(scope.recipes)
    for size in scope.batch_sizes:
        console.print(
            f"learner  {names}, {UPDATES} updates each of {size} episodes", soft_wrap=True
        )
        yield from update_times(scope, size, seed)


def engine_speed(config: BattleConfig, num_envs: int, threads: int) -> float:
    """Environment steps a second under random legal actions; ended battles start again."""
    play = random_play(config, num_envs, threads)
    play(1e-9)  # one round, to compile
    speeds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        steps = play(SECONDS)
        speeds.append(steps / (time.perf_counter() - start))
    return statistics.median(speeds)


def random_play(config: BattleConfig, num_envs: int, threads: int) -> Callable[[float], int]:
    """A function that plays for the given seconds, a round at least, and returns the steps."""
    env = config.build(num_envs, threads)
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


def update_times(scope: Scope, batch_size: int, seed: int) -> list[UpdateRow]:
    """QMIX and the other learner on the same batches of real battles, updates interleaved."""
    recipes = scope.recipes
    spec, batch = _full_batch(scope, batch_size, seed)
    runs: dict[str, Callable[..., object]] = {}
    for name, recipe in recipes.items():
        seeding.seed_everything(seed)
        learner = recipe.build(spec, torch.device("cpu")).learner
        runs[name] = partial(learner.update, {BATCH: batch})
    times: dict[str, list[float]] = {name: [] for name in runs}
    for update in range(UPDATES):  # LAGMA's periodic work falls due every 10th and 40th episode
        for name, run in runs.items():
            progress = Progress(t_env=1_000_000, episode=10_000 + 2 * update, update=update)
            start = time.perf_counter()
            run(progress=progress)
            if update >= WARM_UP:
                times[name].append(1000 * (time.perf_counter() - start))
    return [
        UpdateRow(name, batch_size, batch.steps + 1, statistics.mean(values))
        for name, values in times.items()
    ]


def _full_batch(scope: Scope, batch_size: int, seed: int) -> tuple[EnvSpec, EpisodeBatch]:
    """Real battles cut and repeated to fill every slot up to the episode limit, and their sizes."""
    env = replace(scope.env, map=scope.learner_map).build(batch_size, 1)
    device = torch.device("cpu")
    agent = list(scope.recipes.values())[-1].build(env.spec, device)
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


def _engine_table(rows: list[EngineRow], scope: Scope) -> Table:
    table = Table(title="engine: environment steps a second, random play")
    for heading in ("map", "threads", *(f"E = {num_envs}" for num_envs in scope.num_envs)):
        table.add_column(heading, justify="left" if heading == "map" else "right")
    for name in scope.maps:
        for threads in scope.threads:
            speeds = [r.steps_per_second for r in rows if (r.map, r.threads) == (name, threads)]
            table.add_row(name, str(threads), *(f"{speed:,.0f}" for speed in speeds))
    return table


def _update_table(rows: list[UpdateRow], scope: Scope) -> Table:
    title = f"learner: milliseconds an update, sizes of {scope.learner_map}"
    table = Table(title=f"{title}, mean of {UPDATES - WARM_UP}")
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

"""The state codebook alone: which settings keep its codes in use, and what a code says.

    python benchmarks/codebook.py --map 3s_vs_5z [--checkpoint <run>] [--seeds 3] [--only init]

Each variant is trained on batches of 32 out of 200 battles of random agents (or of a run's policy
with epsilon 0.05), 64 more are held back. On those, after so many updates: codes in effect (exp of
the entropy of their use) / reconstruction error; at the end R^2 of the discounted return-to-go
predicted by the code's mean return over the 200, and how often a battle changes its code.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marl.algos.qmix import QmixConfig
from marl.envs.smac import Sc2Config
from marl.protocols.acting import Behaviour
from marl.protocols.loop import Progress
from marl.quantizers.alone import train_alone
from marl.quantizers.config import CodebookConfig
from marl.quantizers.fsq_learner import FsqConfig
from marl.quantizers.upkeep import k_means
from marl.quantizers.usage import perplexity, shares
from marl.quantizers.vq import nearest_codes
from marl.quantizers.vq_learner import VqConfig
from marl.returns import explained_variance
from marl.run.battles import Battles, play_battles
from marl.runners.episodes import EpisodeRunner
from marl.runners.stopwatch import Stopwatch

CPU = torch.device("cpu")
TRAIN, HELD, BATCH = 200, 64, 32
GAMMA = 0.99
PUBLISHED: dict[str, Any] = {"init": "uniform", "code_lr": None}
TUNED: dict[str, Any] = {"init": "kmeans", "code_lr": 0.005}
SUMMED: dict[str, Any] = {"recon_reduction": "sum"}
VARIANTS: dict[str, dict[str, Any]] = {
    "published (per_code gradient, no clip)": {"gradient": "per_code", "grad_clip": None},
    "uniform": {},
    "uniform, coverage none": {"coverage": "none"},
    "uniform, coverage all": {"coverage": "all"},
    "init batch": {"init": "batch"},
    "init kmeans": {"init": "kmeans"},
    "codes x 10": {"code_lr": 0.005},
    "init batch, codes x 10": {"init": "batch", "code_lr": 0.005},
    "init kmeans, codes x 10": TUNED,
    "summed": SUMMED,
    "summed, codes x 10": {**SUMMED, "code_lr": 0.005},
    "summed, init kmeans, codes x 10": {**SUMMED, **TUNED},
    "ema, init kmeans, coverage none": {"init": "kmeans", "codes": "ema", "coverage": "none"},
    "ema, summed, init kmeans, coverage none": {
        **SUMMED,
        "init": "kmeans",
        "codes": "ema",
        "coverage": "none",
    },
    "init kmeans, codes x 10, revive 100": {**TUNED, "revive_after": 100},
    "init kmeans, codes x 10, coverage none": {**TUNED, "coverage": "none"},
    "init kmeans, codes x 10, coverage all": {**TUNED, "coverage": "all"},
    "all at 5e-3": {"lr": 0.005},
    "fsq 4 x 4 x 4": {"levels": (4, 4, 4)},
    "fsq 8 x 8": {"levels": (8, 8)},
    "fsq 2^6": {"levels": (2,) * 6},
    "fsq 4 x 4 x 4, summed": {"levels": (4, 4, 4), **SUMMED},
    "fsq 4 x 4 x 4, all at 5e-4": {"levels": (4, 4, 4), "lr": 0.0005},
    "fsq 8 x 5 x 5 x 5": {"levels": (8, 5, 5, 5)},
}


def play(map_name: str, count: int, first: int, checkpoint: str | None) -> Battles:
    """Battles of random agents, or of a run's policy with epsilon 0.05."""
    env = Sc2Config(map=map_name).build(BATCH, 1)
    agent = QmixConfig().build(env.spec, CPU)
    progress = Progress()
    if checkpoint is not None:
        from marl.run import checkpoint as checkpoints

        folder = checkpoints.find(Path(checkpoint))
        agent.learner.load_state_dict(checkpoints.load(folder, only=["learner"])["learner"])
        progress = Progress(t_env=10**9)
    runner = EpisodeRunner(env, agent.layout, CPU, Stopwatch())
    behaviour = Behaviour(agent.actor, progress, torch.Generator().manual_seed(first))
    seeds = np.arange(first, first + count, dtype=np.uint64)
    battles = play_battles(runner, behaviour, seeds, GAMMA)
    env.close()
    return battles


def r_squared(codes: Tensor, train: Battles, held_codes: Tensor, held: Battles) -> float:
    """Share of the held-back returns' variance that the codes' mean returns explain."""
    most = int(max(codes.max(), held_codes.max())) + 1
    count = torch.bincount(codes, minlength=most)
    total = torch.zeros(most, dtype=torch.float64).index_add_(0, codes, train.returns)
    means = torch.where(count > 0, total / count.clamp(min=1), train.returns.mean())
    return float(explained_variance(held.returns, means[held_codes]))


def changes(codes: Tensor, held: Battles) -> float:
    """Changes of the code in a mean battle."""
    same = held.battle[1:] == held.battle[:-1]
    return float(((codes[1:] != codes[:-1]) & same).sum()) / held.count


def config_of(options: dict[str, Any], size: int) -> CodebookConfig:
    """FSQ where there are levels, which say the number of codes; else VQ of that size."""
    if "levels" in options:
        return FsqConfig(**options)
    return replace(VqConfig(size=size), **{**PUBLISHED, **options})


def train_one(
    options: dict[str, Any], size: int, seed: int, train: Battles, held: Battles, stops: list[int]
) -> tuple[list[tuple[float, float]], float, float]:
    """Codes in effect and error at each stop; R^2 and changes of a battle at the last."""
    torch.manual_seed(seed)
    options = dict(options)
    coverage = options.pop("coverage", "timestep")
    config = config_of(options, size)
    limit = int(max(train.slot.max(), held.slot.max())) + 1
    coverage = "none" if config.unmoved else coverage
    learner = config.build(train.states.shape[1], coverage, limit, CPU, seed)
    quantizer = learner.quantizer
    found = []
    for before, stop in pairwise([0, *stops]):
        parts = train.states, train.slot, train.battle
        train_alone(learner, *parts, stop - before, BATCH, torch.default_generator)
        codes = quantizer.encode(held.states)
        error = (quantizer.reconstruct(held.states) - held.states).square().mean()
        found.append((float(perplexity(shares(codes, quantizer.n_codes))), float(error)))
    score = r_squared(quantizer.encode(train.states), train, codes, held)
    return found, score, changes(codes, held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--map", default="3s_vs_5z")
    parser.add_argument("--checkpoint", help="a run whose policy plays the battles")
    parser.add_argument("--size", type=int, default=64, help="codes; those of fsq are its levels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stops", type=int, nargs="+", default=[100, 300, 500, 1000])
    parser.add_argument("--only", default="", help="part of the names of the variants to run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train = play(options.map, TRAIN, 0, options.checkpoint)
    held = play(options.map, HELD, 10_000, options.checkpoint)
    centres = k_means(train.states, train.states[torch.randperm(len(train.states))[: options.size]])
    by_slot = r_squared(train.slot, train, held.slot, held)
    by_state = nearest_codes(train.states, centres), nearest_codes(held.states, centres)
    print(
        f"{options.map}: {len(train.states)} states, {len(held.states)} held back, variance "
        f"{float(held.states.var(0, unbiased=False).mean()):.3f}; R^2 of the slot alone "
        f"{by_slot:.2f}, of {options.size} means of raw states "
        f"{r_squared(by_state[0], train, by_state[1], held):.2f}"
    )
    heads = " | ".join(map(str, options.stops))
    print(f"| variant | {heads} | R^2 | changes |\n|---|{'---|' * (len(options.stops) + 2)}")
    for name, variant in VARIANTS.items():
        if options.only not in name:
            continue
        runs = [
            train_one(variant, options.size, seed, train, held, options.stops)
            for seed in range(options.seeds)
        ]
        cells = []
        for stop in range(len(options.stops)):
            used = statistics.mean(run[0][stop][0] for run in runs)
            error = statistics.mean(run[0][stop][1] for run in runs)
            cells.append(f"{used:.1f}/{error:.3f}".replace("/0.", "/."))
        score = statistics.mean(run[1] for run in runs)
        moves = statistics.mean(run[2] for run in runs)
        print(f"| {name} | {' | '.join(cells)} | {score:.2f} | {moves:.0f} |", flush=True)


if __name__ == "__main__":
    main()

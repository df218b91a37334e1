"""One learner update on batches of a real replay, in several checkouts in turn.

    python benchmarks/update.py --replay <run>/models/<step> --tree . ../other [--threads 1 2]

Each checkout has a process that draws the same episodes from the replay. They are asked one after
the other, so that a busy machine slows all of them alike. Printed: medians of milliseconds (wall
and CPU) and of the ratios to the last tree. Works with checkouts from c82fc2d on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BATCH_SIZE = 32
WARM_UPS = 3


def batches(replay: Path, steps: int, draws: int) -> list[dict[str, Any]]:
    """Columns of `draws` batches of episodes, padded to the longest of each."""
    import torch

    stored = torch.load(replay / "replay.pt", weights_only=True)
    lengths = stored["lengths"]
    ends = {0: lengths.cumsum(0), 1: (lengths + 1).cumsum(0)}
    per_slot = {"obs": 1, "state": 1, "avail": 1, "actions": 0, "reward": 0, "terminated": 0}
    rng = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws):
        rows = torch.randperm(len(lengths), generator=rng)[:BATCH_SIZE]
        longest = int(lengths[rows].max())
        columns = {"filled": torch.arange(longest) < lengths[rows][:, None]}
        columns["filled"] = columns["filled"][..., None]
        for name, extra in per_slot.items():
            values = stored[name]
            padded = torch.zeros(len(rows), longest + extra, *values.shape[1:], dtype=values.dtype)
            for place, row in enumerate(rows.tolist()):
                end, width = int(ends[extra][row]), int(lengths[row]) + extra
                padded[place, :width] = values[end - width : end]
            columns[name] = padded
        columns["episode"] = rows
        columns["won"] = torch.zeros(len(rows), dtype=torch.bool)
        found.append(columns)
    return found


def serve(recipe: str, map_name: str, replay: Path, draws: int, threads: int) -> None:
    """Update on the next batch for each line of standard input; answer with the seconds taken."""
    sys.path.insert(0, os.getcwd())
    import torch

    torch.set_num_threads(1)
    from marl.algos.lagma import LagmaConfig
    from marl.algos.qmix import QmixConfig
    from marl.batch import EpisodeBatch
    from marl.envs.smac import Sc2Config
    from marl.protocols import Progress

    env = Sc2Config(map=map_name).build(1, 1)
    torch.manual_seed(0)
    agent = {"qmix": QmixConfig, "lagma": LagmaConfig}[recipe]().build(
        env.spec, torch.device("cpu")
    )
    drawn: list[Any] = []
    for columns in batches(replay, env.spec.episode_limit, draws):
        actions = columns["actions"][:, 0]
        if dataclasses.is_dataclass(EpisodeBatch) and "layout" in EpisodeBatch.__annotations__:
            columns["started"] = torch.ones(BATCH_SIZE, dtype=torch.bool)
            columns["previous_actions"] = torch.zeros_like(actions)
            batch = EpisodeBatch(agent.layout, {name: columns[name] for name in agent.layout})
            drawn.append({"batch": batch})
        else:
            columns["previous_actions"] = torch.full_like(actions, -1)
            drawn.append(EpisodeBatch(**columns))
    if threads > 1:
        from marl.nets.threads import set_learner_threads

        set_learner_threads(threads)
    done = 0

    def update() -> None:
        nonlocal done
        progress = Progress(t_env=10**6, episode=10**4 + done, update=done)
        agent.learner.update(drawn[done % len(drawn)], progress)
        done += 1

    for _ in range(WARM_UPS * draws):
        update()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        update()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


def compare(options: argparse.Namespace, recipe: str) -> None:
    """Print the medians of all trees and thread counts."""
    cases = [(tree, threads) for threads in options.threads for tree in options.tree]
    cases = [case for case in cases if case[1] == 1 or case[0] == options.tree[0]]
    processes = []
    for tree, threads in cases:
        command = [sys.executable, str(Path(__file__).resolve()), "--serve", recipe]
        command += ["--replay", str(options.replay.resolve()), "--map", options.map]
        command += ["--threads", str(threads), "--draws", str(options.draws)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        processes.append(
            subprocess.Popen(
                command,
                cwd=tree,
                env=environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
    pipes = [(process.stdin, process.stdout) for process in processes]
    for _, answers in pipes:
        assert answers is not None
        if answers.readline() != "ready\n":
            raise SystemExit("a checkout could not be measured; its error stands above")
    taken: list[list[list[float]]] = [[] for _ in cases]
    for turn in range(options.rounds):
        order = list(range(len(cases)))
        for case in order if turn % 2 else reversed(order):
            questions, answers = pipes[case]
            assert questions is not None
            assert answers is not None
            print("go", file=questions, flush=True)
            taken[case].append(json.loads(answers.readline()))
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    base = taken[cases.index((options.tree[-1], 1))]
    for (tree, threads), times in zip(cases, taken, strict=True):
        wall, cpu = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(one[0] / two[0] for one, two in zip(times, base, strict=True))
        print(
            f"{recipe:6s} {tree!s:20s} {threads} thread(s)  wall {wall:6.1f} ms  cpu {cpu:6.1f} ms"
            f"  ratio {ratio:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replay", type=Path, required=True, help="a checkpoint with a replay")
    parser.add_argument("--map", default="3s_vs_5z", help="the map that it is from")
    parser.add_argument("--tree", type=Path, nargs="+", default=[Path()], help="checkouts")
    parser.add_argument("--recipe", nargs="+", default=["qmix", "lagma"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of the first tree")
    parser.add_argument("--draws", type=int, default=8, help="batches")
    parser.add_argument("--rounds", type=int, default=64)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.map, options.replay, options.draws, options.threads[0])
        return
    for recipe in options.recipe:
        compare(options, recipe)


if __name__ == "__main__":
    main()

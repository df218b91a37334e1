"""Start a training on every task with its defaults, as a user does: map, ok, updates, peak memory.

    python benchmarks/starts.py                        # QMIX on 27 maps and 15 SMACv2 tasks
    python benchmarks/starts.py --limit 16             # none may take more than 16 GiB (ulimit -v)
    python benchmarks/starts.py --config lagma --task sc2:27m_vs_30m sc2v2:zerg_20_vs_23

Each is `run.py --config=... --env-config=... with map=... t_max=...` in a process of its own, up to
its first updates, its first checkpoint and two evaluations of the default 32 battles. Replays that
are full later: benchmarks/replay.py.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from marl.engine.facts.scenario import scenario_names  # noqa: E402

RACES = ("terran", "protoss", "zerg")
SIZES = ("5_vs_5", "10_vs_10", "20_vs_20", "10_vs_11", "20_vs_23")
GIB = 2**30
KIB = 2**10


def tasks() -> list[str]:
    """env:map of all maps of SMAC and all published sizes of SMACv2."""
    generated = [f"sc2v2:{race}_{size}" for race in RACES for size in SIZES]
    return [f"sc2:{name}" for name in scenario_names()] + generated


def start(config: str, task: str, steps: int, limit: float | None) -> tuple[bool, str]:
    """Whether the training came to its end, and the row of the table."""
    env, name = task.split(":")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "run.py", f"--config={config}", f"--env-config={env}", "with"]
        command += [f"map={name}", f"t_max={steps}", f"results_dir={folder}", "progress_bar=False"]
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=None if limit is None else lambda: limit_to(limit),
        )
        assert process.stderr is not None
        words = process.stderr.read().strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        ok = os.waitstatus_to_exitcode(status) == 0
        found = last_metrics(Path(folder)) if ok else {}
    updates = int(found.get("updates", 0))
    cells = [task, "ok" if ok and updates else "FAILED", f"{updates}", f"{seconds:.0f}"]
    cells.append(f"{usage.ru_maxrss * KIB / GIB:.2f}")
    return ok and updates > 0, "| " + " | ".join(cells) + " |" + ("" if ok else f" {words[-1:]}")


def limit_to(gib: float) -> None:
    size = int(gib * GIB)
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def last_metrics(folder: Path) -> dict[str, float]:
    """The last values of everything that the only run below the folder logged."""
    (file,) = folder.rglob("metrics.jsonl")
    merged: dict[str, float] = {}
    for line in file.read_text().splitlines():
        merged |= json.loads(line)
    return merged


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", default="qmix")
    parser.add_argument("--task", nargs="+", default=tasks(), metavar="ENV:MAP")
    parser.add_argument("--steps", type=int, default=3000, help="t_max of each")
    parser.add_argument("--limit", type=float, help="GiB of address space for each")
    options = parser.parse_args()
    print("| task | start | updates | seconds | peak GiB |")
    failed = 0
    for task in options.task:
        ok, row = start(options.config, task, options.steps, options.limit)
        failed += not ok
        print(row, flush=True)
    print(f"{len(options.task) - failed} of {len(options.task)} start")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

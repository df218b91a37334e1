"""Our engine beside SMAClite and SMAX: environment steps a second, in one run.

    python benchmarks/peers.py --smaclite-python <python> --jaxmarl-python <python> --json out.json

Random legal actions; observations, state, mask, reward and resets included. Every simulator plays
in a process of its own Python on one core, one at a time, and the rounds of all of them are
interleaved; figures are medians over the rounds, in steps per second of processor time (steps per
second on a clock stand in the JSON file beside them). Rules differ between the simulators, so this
compares the cost of a step for a learner, not equal physics.

- SMAClite (uoe-agents/smaclite) holds one battle; E = 1 alone. Battles end at SMAC's step limits.
- SMAX (JaxMARL) plays against its scripted enemy under vmap, and resets within its own limit of 100
  steps. "SMAX loop" compiles action choice and all steps of a round into one loop: its best case,
  for learners that are compiled too. "SMAX" hands each step's results out and takes its actions
  in, like the others: for learners outside jax. Compiling is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from simulators import OPEN, send

OURS = "marl"
HERE = Path(__file__).resolve().parent
MAPS = ("3s_vs_5z", "2s3z", "10m_vs_11m", "27m_vs_30m", "MMM2", "2c_vs_64zg")
NUM_ENVS = (1, 8, 64, 1024)
ROUNDS = 5
SECONDS = 2.0  # of play in each round
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
}

BY_JAXMARL = ("SMAX", "SMAX loop")
HOW = {
    "SMAClite": "pip install git+https://github.com/uoe-agents/smaclite 'Rtree>=1.3' into a "
    "Python of its own; --smaclite-python",
    "SMAClite C++": "SMAClite's, and cmake, Cython and "
    "git+https://github.com/micadam/SMAClite-Python-RVO2",
} | dict.fromkeys(BY_JAXMARL, "pip install jaxmarl into a Python of its own; --jaxmarl-python")


class Worker:
    """One simulator in a process of its own."""

    def __init__(self, name: str, python: str, core: int, log: IO[str]) -> None:
        paths = {"PYTHONPATH": str(HERE.parent)} if name == OURS else {}
        command = [python, str(HERE / "simulators.py"), name, str(core)]
        self.name = name
        self.lost = ""  # why the process ended, "" while it runs
        self.process = subprocess.Popen(
            command,
            env=os.environ | ONE_THREAD | paths,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.offers = self._receive()

    def ask(self, **message: object) -> dict[str, float]:
        """One round: steps per second of processor time and on the clock; {} if it died."""
        assert self.process.stdin is not None
        try:
            send(self.process.stdin, message)
        except BrokenPipeError:
            self.lost = f"ended with {self.process.wait()}"
            return {}
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:  # mostly for want of memory
            self.lost = f"ended with {self.process.wait()}"
            return {}
        return json.loads(line)

    def close(self) -> None:
        """End the process and wait for it."""
        if not self.lost:
            self.process.communicate()


def measure(workers: list[Worker], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each map and number of environments: name -> median steps a second.

    A simulator whose process ended is left out from there on; without ours there are no more rows.
    """
    ours = workers[0]
    limits = ours.offers["limits"]
    for name, num_envs in itertools.product(options.maps, options.num_envs):
        able = [w for w in workers if name in w.offers["limits"] and not w.lost]
        able = [w for w in able if num_envs == 1 or w.offers["batches"]]
        if ours not in able:
            continue
        asked = {"map": name, "num_envs": num_envs, "limit": limits[name]}
        asked["seconds"] = options.seconds
        rounds = [{w: w.ask(**asked) for w in able if not w.lost} for _ in range(options.rounds)]
        if ours.lost:
            return
        row: dict[str, Any] = {"map": name, "num_envs": num_envs}
        for clock in ("cpu", "wall"):
            row[clock] = {
                w.name: statistics.median(found[w][clock] for found in rounds)
                for w in able
                if not w.lost
            }
        print(f"{name} E={num_envs}: {row['cpu']}", file=sys.stderr)
        yield row


def table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Markdown: steps a second of each simulator, and in brackets our speed as a multiple of it."""
    lines = ["| map | E | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for row in rows:
        speeds = row["cpu"]
        cells = [f"{speeds[OURS]:,.0f}"]
        for name in names[1:]:
            times = speeds[OURS] / speeds[name] if name in speeds else 0.0
            cells.append(f"{speeds[name]:,.0f} ({times:,.1f}x)" if times else "")
        lines.append(f"| {row['map']} | {row['num_envs']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def compare(options: argparse.Namespace) -> None:
    """Run all installed simulators, print the table, write the JSON."""
    pythons = dict.fromkeys(OPEN, sys.executable)
    pythons["SMAClite"] = pythons["SMAClite C++"] = options.smaclite_python
    pythons |= dict.fromkeys(BY_JAXMARL, options.jaxmarl_python)
    with options.log.open("w") as log:
        workers = [Worker(name, python, options.core, log) for name, python in pythons.items()]
        missing = {w.name: w.offers["missing"] for w in workers if "missing" in w.offers}
        for name, reason in missing.items():
            print(f"{name}: not installed ({reason}): {HOW.get(name, 'pip install -e .')}")
        if OURS in missing:
            raise SystemExit(1)
        present = [w for w in workers if w.name not in missing]
        limits = present[0].offers["limits"]
        unknown = [name for name in options.maps if name not in limits]
        if unknown:
            raise SystemExit(
                f"--maps: {', '.join(unknown)}: unknown; there are {', '.join(limits)}"
            )
        found = {
            "machine": present[0].offers["machine"],
            "versions": {w.name: w.offers["versions"] for w in present},
            "missing": missing,
            "rounds": options.rounds,
            "seconds": options.seconds,
        }
        rows = []
        for row in measure(present, options):
            rows.append(row)
            if options.json:
                options.json.write_text(json.dumps(found | {"rows": rows}, indent=1))
        for worker in workers:
            worker.close()
    report(found, rows, present)


def report(found: dict[str, Any], rows: list[dict[str, Any]], present: list[Worker]) -> None:
    """Print lost simulators, machine, versions and the table."""
    for worker in present:
        if worker.lost:
            print(f"{worker.name}: {worker.lost}")
    print(", ".join(f"{name} {value}" for name, value in found["machine"].items()))
    versions = found["versions"].values()
    print("; ".join(" ".join(map(" ".join, held.items())) for held in versions))
    print(f"\nmedians of {found['rounds']} rounds of {found['seconds']:g} s, one core for all\n")
    print(table(rows, [w.name for w in present]))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smaclite-python", default=sys.executable, help="a Python with smaclite")
    parser.add_argument("--jaxmarl-python", default=sys.executable, help="a Python with jaxmarl")
    parser.add_argument("--maps", nargs="+", default=MAPS)
    parser.add_argument("--num-envs", nargs="+", type=int, default=NUM_ENVS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each round")
    parser.add_argument("--core", type=int, default=0, help="core that all run on")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument(
        "--log", type=Path, default=Path(os.devnull), help="file for the peers' output"
    )
    options = parser.parse_args()
    for python in (options.smaclite_python, options.jaxmarl_python):
        if shutil.which(python) is None:
            parser.error(f"{python} is not a program")
    return options


if __name__ == "__main__":
    compare(parse())

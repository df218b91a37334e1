"""A replay of real battles: its memory, and the time to keep and to draw, in several checkouts.

    python benchmarks/replay.py --map 27m_vs_30m --episodes 5000             # a full one
    python benchmarks/replay.py --map 3m 3s_vs_5z --tree . ../before         # beside an older tree

Fills the replay of QMIX with battles, draws batches of 32 episodes and of 32
single steps, writes the replay as a checkpoint does, and reads it in a new process. Each map and
checkout has processes of its own. Printed: seconds of the CPU, to keep a step and to draw a batch
(medians); memory in GiB, what the process grew by since before its first episode. "rows" is what a
replay of rows of the full length reserves, and what it writes to for the same episodes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FILE = Path(__file__).resolve()
BATCH_SIZE = 32
NUM_ENVS = 32
FIRST_TARGET = 6  # the first action that is an attack (or healing): SMAC's
DRAWS = 200
GIB = 2**30
HEADINGS = ("map", "tree", "episodes", "steps", "keep", "draw", "draw 1")
SIZES = ("rows reserved", "rows", "held", "peak", "on disk", "peak of save", "held after load")


def resident(name: str = "VmRSS") -> int:
    """Bytes of memory of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def parts(map_name: str, episodes: int) -> tuple[Any, Any]:
    """Environments, and the empty replay, of the checkout in the working folder."""
    import torch

    torch.set_num_threads(1)
    from marl.batch import layout_of
    from marl.buffers.episodes import EpisodeBuffer
    from marl.cli.resolve import make_env_config

    generated = map_name.split("_")[0] in ("terran", "protoss", "zerg")
    config = make_env_config("sc2v2" if generated else "sc2", {"map": map_name})
    env = config.build(NUM_ENVS, 1)
    return env, EpisodeBuffer(layout_of(env.spec), env.spec.episode_limit, episodes)


def chosen(avail: Any, rng: Any, play: str) -> Any:
    """Legal actions [E,A] of a mask [E,A,U]: random ones, or as `play` says."""
    import torch

    scores = torch.rand(avail.shape, generator=rng)
    if play == "attack":  # the first enemy (or ally to heal) in range, if any
        scores[..., FIRST_TARGET:] = torch.arange(avail.shape[-1] - FIRST_TARGET, 0, -1)
    elif play == "move":
        scores[..., FIRST_TARGET:] = 0.0
    return (scores * avail).argmax(-1)


def fill(env: Any, buffer: Any, episodes: int, play: str) -> float:
    """Keep battles; seconds of the CPU a step."""
    import numpy as np
    import torch

    from marl.runners.episodes import EpisodeRunner
    from marl.runners.stopwatch import Stopwatch

    def act(observation: Any, carry: Any, progress: Any, rng: Any, greedy: bool) -> Any:
        actions = chosen(observation.avail, rng, play)
        return SimpleNamespace(actions=actions, carry=carry, extras={})

    runner = EpisodeRunner(env, buffer.layout, torch.device("cpu"), Stopwatch())
    # No classes of the package: their places differ from checkout to checkout.
    actor = SimpleNamespace(initial_carry=lambda batch: {}, act=act, columns=())
    rng = torch.Generator().manual_seed(0)
    behaviour = SimpleNamespace(actor=actor, progress=None, rng=rng, greedy=False, clock="")
    seconds, first = 0.0, 0
    while len(buffer) < episodes:
        batch = runner.play(behaviour, np.arange(first, first + NUM_ENVS, dtype=np.uint64)).batch
        first += NUM_ENVS
        start = time.thread_time()
        for row in range(min(batch.size, episodes - len(buffer))):
            buffer.add(batch.rows(row, row + 1))
        seconds += time.thread_time() - start
    return seconds / buffer.steps


def median_time(function: Callable[[], object]) -> float:
    times = []
    for _ in range(DRAWS):
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    return statistics.median(times)


def measure(map_name: str, episodes: int, play: str, file: Path) -> dict[str, float]:
    """Fill, draw and save in this process."""
    import torch

    from marl.buffers.samplers import Slices, WholeEpisodes

    env, buffer = parts(map_name, episodes)
    spec, columns = env.spec, list(buffer.layout.values())
    sizes = {"slot": 0, "step": 0, "episode": 0}
    for column in columns:
        rows = torch.empty(column.shape, dtype=column.dtype)
        sizes[column.level] += rows.numel() * rows.element_size()
    before = resident()
    found: dict[str, float] = {"keep": fill(env, buffer, episodes, play)}
    steps, slots = buffer.steps, buffer.steps + len(buffer)
    limit = spec.episode_limit
    full = sizes["slot"] * (limit + 1) + sizes["step"] * limit + sizes["episode"]
    found |= {
        "episodes": len(buffer),
        "steps": steps,
        "rows reserved": full * episodes,
        "rows": sizes["slot"] * slots + sizes["step"] * steps + sizes["episode"] * len(buffer),
        "held": resident() - before,
        "peak": resident("VmHWM") - before,
    }
    rng = torch.Generator().manual_seed(1)
    for name, sampler in (("draw", WholeEpisodes(BATCH_SIZE)), ("draw 1", Slices(BATCH_SIZE))):
        sampler.sample(buffer, rng)
        found[name] = median_time(lambda sampler=sampler: sampler.sample(buffer, rng))
    forget_peak()
    torch.save(buffer.state_dict(), file)
    found |= {"peak of save": resident("VmHWM") - before, "on disk": file.stat().st_size}
    return found


def measure_load(map_name: str, episodes: int, _: str, file: Path) -> dict[str, float]:
    """Read what `measure` wrote, as a run that goes on does."""
    import torch

    _, buffer = parts(map_name, episodes)
    before = resident("RssAnon")  # without what is mapped from the file, which can be let go
    buffer.load_state_dict(torch.load(file, map_location="cpu", weights_only=True, mmap=True))
    return {"held after load": resident("RssAnon") - before}


def in_process(
    tree: Path, part: str, options: argparse.Namespace, map_name: str, file: Path
) -> Any:
    """What a process of its own in that checkout measures."""
    command = [sys.executable, "-W", "ignore", str(FILE), "--part", part, "--file", str(file)]
    command += ["--map", map_name, "--episodes", str(options.episodes), "--play", options.play]
    run = subprocess.run(command, cwd=tree, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--map", nargs="+", default=["3m", "3s_vs_5z", "27m_vs_30m"])
    parser.add_argument("--tree", nargs="+", type=Path, default=[FILE.parents[1]])
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--play", choices=("random", "attack", "move"), default="random")
    parser.add_argument("--part", choices=("fill", "load"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        sys.path.insert(0, os.getcwd())  # the checkout's own package
        part = measure if options.part == "fill" else measure_load
        print(json.dumps(part(options.map[0], options.episodes, options.play, options.file)))
        return
    print("| " + " | ".join((*HEADINGS, *SIZES)) + " |")
    for map_name in options.map:
        for tree in options.tree:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "replay.pt"
                found = in_process(tree, "fill", options, map_name, file)
                found |= in_process(tree, "load", options, map_name, file)
            micro = [f"{1e6 * found[name]:,.1f} us" for name in ("keep", "draw", "draw 1")]
            sizes = [f"{found[name] / GIB:.2f}" for name in SIZES]
            counts = [f"{found[name]:,}" for name in ("episodes", "steps")]
            cells = [map_name, tree.resolve().name, *counts, *micro, *sizes]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

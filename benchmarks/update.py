"""One learner update on batches of a real replay, in several checkouts in turn.

    python benchmarks/update.py --replay <run>/models/<step> --tree . ../other [--threads 1 2] \
        [--pymarl ../pymarl]

Each checkout has a process that draws the same episodes from the replay. They are asked one after
the other, so that a busy machine slows all of them alike. Printed: medians of milliseconds (wall
and CPU) and of the ratios to the last tree. Works with checkouts from c82fc2d on, and with one of
oxwhirl/pymarl, whose QMIX gets the same weights; the first losses of all are printed too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BATCH_SIZE = 32
IN_A_ROW = 4  # updates for each question: in a training they follow each other too
WARM_UPS = 40  # of each batch; more than the codebook learns on every update

PYMARL_NAME = "PyMARL"
PYMARL: dict[str, Any] = {  # its options for QMIX
    "mixer": "qmix",
    "mixing_embed_dim": 32,
    "hypernet_layers": 2,
    "hypernet_embed": 64,
    "rnn_hidden_dim": 64,
    "agent": "rnn",
    "agent_output_type": "q",
    "action_selector": "epsilon_greedy",
    "epsilon_start": 1.0,
    "epsilon_finish": 0.05,
    "epsilon_anneal_time": 50_000,
    "obs_last_action": True,
    "obs_agent_id": True,
    "lr": 0.0005,
    "optim_alpha": 0.99,
    "optim_eps": 0.00001,
    "gamma": 0.99,
    "double_q": True,
    "grad_norm_clip": 10,
    "target_update_interval": 200,
    "learner_log_interval": 0,
}


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


def unpacked(replay: Path, folder: Path) -> Path:
    """Where the replay lies as every checkout reads it: whole columns, in `folder` if need be."""
    sys.path.insert(0, str(ROOT))
    import torch

    from marl.batch import Layout
    from marl.buffers.episodes import EpisodeBuffer
    from marl.buffers.saved import SavedEpisodes

    state = torch.load(replay / "replay.pt", weights_only=True, mmap=True)
    if "segments" not in state:  # of a checkpoint from before replays were packed
        return replay
    lengths = state["lengths"]
    layout = Layout(SavedEpisodes.of(state).columns)
    buffer = EpisodeBuffer(layout, int(lengths.max()), len(lengths))
    buffer.load_state_dict(state)
    rows = [buffer.episodes(torch.tensor([row])) for row in range(len(lengths))]
    columns = {
        name: torch.cat([row[name] if column.level == "episode" else row[name][0] for row in rows])
        for name, column in layout.items()
    }
    torch.save({"lengths": lengths, **columns}, folder / "replay.pt")
    return folder


def answer(update: Callable[[int], float], draws: int, warm_ups: int = WARM_UPS) -> None:
    """Call update(number) IN_A_ROW times for each line of standard input; print their mean."""
    first = update(0)
    for number in range(1, warm_ups * draws):
        update(number)
    print(f"ready {first:.6f}", flush=True)
    for number, _ in enumerate(sys.stdin, warm_ups * draws):
        wall, cpu = time.perf_counter(), time.process_time()
        for turn in range(IN_A_ROW):
            update(number * IN_A_ROW + turn)
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps([one / IN_A_ROW for one in seconds]), flush=True)


def serve(recipe: str, map_name: str, replay: Path, draws: int, threads: int) -> None:
    """Update on the next batch for each line of standard input; answer with the seconds taken."""
    sys.path.insert(0, os.getcwd())
    import torch

    torch.set_num_threads(1)
    from marl.algos.lagma import LagmaConfig
    from marl.algos.qmix import QmixConfig
    from marl.batch import EpisodeBatch
    from marl.envs.smac import Sc2Config

    try:
        from marl.protocols.loop import Progress
    except ImportError:  # a checkout from before protocols was a package
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

    def update(number: int) -> float:
        progress = Progress(t_env=10**6, episode=10**4 + number, update=number)
        return float(agent.learner.update(drawn[number % draws], progress)["loss"])

    answer(update, draws)


def serve_pymarl(map_name: str, replay: Path, draws: int, checkout: Path) -> None:
    """As `serve`, with PyMARL's QLearner and the weights that ours would begin with."""
    sys.path[:0] = [str(checkout / "src"), str(ROOT)]
    import torch
    from controllers.basic_controller import BasicMAC
    from learners.q_learner import QLearner

    from marl.algos.qmix import QmixConfig
    from marl.envs.smac import Sc2Config

    torch.set_num_threads(1)
    spec = Sc2Config(map=map_name).build(1, 1).spec
    torch.manual_seed(0)
    ours: Any = QmixConfig().build(spec, torch.device("cpu")).learner
    names = {"n_agents": spec.n_agents, "n_actions": spec.n_actions, "state_shape": spec.state_dim}
    options = argparse.Namespace(**PYMARL, **names)
    scheme = {"obs": {"vshape": spec.obs_dim}, "actions_onehot": {"vshape": (spec.n_actions,)}}
    controller = BasicMAC(scheme, None, options)
    found: list[tuple[str, float]] = []
    logger = argparse.Namespace(log_stat=lambda name, value, _: found.append((name, value)))
    logger.console_logger = logging.getLogger("pymarl")
    learner = QLearner(controller, scheme, logger, options)
    weights = ours.controller.net.state_dict()
    of_agent = {"fc1": "encoder.{}", "rnn": "memory.{}_l0", "fc2": "head.{}"}
    agent = {
        name: weights[of_agent[part].format(kind)]
        for name in controller.agent.state_dict()
        for part, _, kind in [name.partition(".")]
    }
    controller.agent.load_state_dict(agent)
    learner.target_mac.agent.load_state_dict(agent)
    of_mixer = {"hyper_w_1": "weights_1", "hyper_w_final": "weights_2", "hyper_b_1": "bias_1"}
    of_mixer["V"] = "value"
    mixer = {
        f"{theirs}{name.removeprefix(own)}": tensor
        for theirs, own in of_mixer.items()
        for name, tensor in ours.mixer.state_dict().items()
        if name.startswith(own + ".")
    }
    learner.mixer.load_state_dict(mixer)
    learner.target_mixer.load_state_dict(mixer)
    drawn = [pymarl_batch(columns) for columns in batches(replay, spec.episode_limit, draws)]

    def update(number: int) -> float:
        learner.train(drawn[number % draws], 10**6 + number, 10**4 + number)
        return float(dict(found)["loss"])

    answer(update, draws, warm_ups=1)


class PymarlBatch(dict[str, Any]):
    """Columns [B,T+1,...], with the attributes that PyMARL's learner asks for."""

    device = "cpu"
    batch_size = BATCH_SIZE
    max_seq_length = 0


def pymarl_batch(columns: dict[str, Any]) -> PymarlBatch:
    """Our columns as PyMARL names and shapes them."""
    import torch
    from torch.nn.functional import one_hot, pad

    def longer(column: Any) -> Any:
        return pad(column, (0, 0) * (column.dim() - 2) + (0, 1))

    filled = columns["filled"]
    batch = PymarlBatch(
        obs=columns["obs"],
        state=columns["state"],
        avail_actions=columns["avail"].int(),
        actions=longer(columns["actions"])[..., None],
        reward=longer(columns["reward"]),
        terminated=longer(columns["terminated"].byte()),
        filled=torch.cat([filled[:, :1], filled], dim=1).long(),
    )
    n_actions = columns["avail"].shape[-1]
    batch["actions_onehot"] = one_hot(batch["actions"][..., 0], n_actions).float()
    batch.max_seq_length = columns["obs"].shape[1]
    return batch


def start(
    options: argparse.Namespace, recipe: str, tree: str, threads: int
) -> subprocess.Popen[str]:
    """A process that serves updates of a checkout."""
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", recipe]
    command += ["--replay", str(options.replay.resolve()), "--map", options.map]
    command += ["--threads", str(threads), "--draws", str(options.draws)]
    if tree == PYMARL_NAME:
        command += ["--pymarl", str(options.pymarl.resolve())]
    return subprocess.Popen(
        command,
        cwd=ROOT if tree == PYMARL_NAME else tree,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": ""},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def compare(options: argparse.Namespace, recipe: str) -> None:
    """Print the medians of all trees and thread counts."""
    cases = [(str(tree), threads) for threads in options.threads for tree in options.tree]
    cases = [case for case in cases if case[1] == 1 or case[0] == str(options.tree[0])]
    if options.pymarl and recipe == "qmix":
        cases.append((PYMARL_NAME, 1))
    processes = [start(options, recipe, tree, threads) for tree, threads in cases]
    pipes = [(process.stdin, process.stdout) for process in processes]
    first_losses: list[float] = []
    for _, answers in pipes:
        assert answers is not None
        word, _, number = answers.readline().partition(" ")
        if word != "ready":
            raise SystemExit("a checkout could not be measured; its error stands above")
        first_losses.append(float(number))
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
    base = taken[cases.index((str(options.tree[-1]), 1))]
    for (tree, threads), loss, times in zip(cases, first_losses, taken, strict=True):
        wall, cpu = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(one[0] / two[0] for one, two in zip(times, base, strict=True))
        print(
            f"{recipe:6s} {tree!s:20s} {threads} thread(s)  wall {wall:6.1f} ms  cpu {cpu:6.1f} ms"
            f"  ratio {ratio:.3f}  first loss {loss:.6f}"
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
    parser.add_argument("--pymarl", type=Path, help="a checkout of oxwhirl/pymarl")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve and options.pymarl:
        serve_pymarl(options.map, options.replay, options.draws, options.pymarl)
    elif options.serve:
        serve(options.serve, options.map, options.replay, options.draws, options.threads[0])
    else:
        with tempfile.TemporaryDirectory() as folder:
            options.replay = unpacked(options.replay, Path(folder))
            for recipe in options.recipe:
                compare(options, recipe)


if __name__ == "__main__":
    main()

"""One update of TD3 and of iQRL beside those of CleanRL and of iQRL's authors, in turn, in one run.

    python benchmarks/continuous.py --cleanrl <checkout of vwxyzjn/cleanrl>
    python benchmarks/continuous.py --iqrl <checkout of aidanscannell/iqrl> [--with <packages>]

Random numbers of an environment's sizes, one thread. CleanRL's update is its script's own loop
body, which draws from a replay of arrays; iQRL's gets the same batch each time, as ours does then.
The latter needs tensordict and vector_quantize_pytorch: `--with` is a folder where pip put them.
Printed: milliseconds of an update in each round, and the median of the ratios.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from marl.batch import EpisodeBatch  # noqa: E402
from marl.protocols.experience import BATCH  # noqa: E402
from marl.protocols.loop import Progress  # noqa: E402
from marl.single_agent.actor_critic.iqrl import IqrlConfig  # noqa: E402
from marl.single_agent.actor_critic.td3 import Td3Config  # noqa: E402
from marl.spec import Continuous, EnvSpec  # noqa: E402

ROWS = 256  # of a batch
HELD = 100_000  # steps in the replays
CPU = torch.device("cpu")

Updates = Callable[[int], None]  # makes so many


def spec_of(obs_dim: int, action_dim: int) -> EnvSpec:
    bounds = Continuous((-1.0,) * action_dim, (1.0,) * action_dim)
    return EnvSpec("benchmark", 1, bounds, obs_dim, obs_dim, episode_limit=1000)


def random_rows(agent: Any, rows: int, steps: int) -> EpisodeBatch:
    batch = EpisodeBatch.zeros(agent.layout, rows, steps)
    batch.obs.normal_()
    batch.actions.uniform_(-1.0, 1.0)
    batch.reward.normal_()
    batch.filled.fill_(True)
    return batch


def td3(spec: EnvSpec) -> Updates:
    agent = Td3Config().build(spec, CPU)
    agent.buffer.add(random_rows(agent, HELD, 1))
    rng, made = torch.Generator(), [0]

    def update(count: int) -> None:
        for _ in range(count):
            samples = agent.sampler.sample(agent.buffer, rng)
            agent.learner.update(samples, Progress(update=made[0]))
            made[0] += 1

    return update


def iqrl(spec: EnvSpec) -> Updates:
    agent = IqrlConfig().build(spec, CPU)
    samples, made = {BATCH: random_rows(agent, ROWS, 5)}, [0]

    def update(count: int) -> None:
        for _ in range(count):
            agent.learner.update(samples, Progress(update=made[0]))
            made[0] += 1

    return update


def _space(size: int) -> Any:
    ends = np.full(size, 1.0, np.float32)
    return types.SimpleNamespace(shape=(size,), low=-ends, high=ends)


class _Arrays:
    """A replay of arrays, drawn from as CleanRL's is."""

    def __init__(self, spec: EnvSpec) -> None:
        def normal(width: int) -> np.ndarray:
            return np.random.randn(HELD, width).astype(np.float32)

        self.columns = {
            "observations": normal(spec.obs_dim),
            "next_observations": normal(spec.obs_dim),
            "actions": normal(spec.action_width).clip(-1, 1),
            "rewards": normal(1),
            "dones": np.zeros((HELD, 1), np.float32),
        }

    def sample(self, rows: int) -> Any:
        picks = np.random.randint(0, HELD, rows)
        return types.SimpleNamespace(
            **{name: torch.tensor(values[picks]) for name, values in self.columns.items()}
        )


def cleanrl_td3(checkout: Path, spec: EnvSpec) -> Updates:
    """The update of its script: the body of the `if` in the loop that waits for learning_starts."""
    tree = ast.parse((checkout / "cleanrl" / "td3_continuous_action.py").read_text("utf-8"))
    names: dict[str, Any] = {"np": np, "torch": torch, "nn": nn, "F": nn.functional}
    nets = [
        part
        for part in tree.body
        if isinstance(part, ast.ClassDef) and part.name in ("QNetwork", "Actor")
    ]
    exec(compile(ast.Module(nets, []), "cleanrl", "exec"), names)
    script = next(part for part in tree.body if isinstance(part, ast.If))
    loop = next(part for part in script.body if isinstance(part, ast.For))
    learns = [
        part
        for part in loop.body
        if isinstance(part, ast.If) and "learning_starts" in ast.unparse(part.test)
    ][-1]
    body = [part for part in learns.body if "writer" not in ast.unparse(part)]
    code = compile(ast.Module(body, []), "cleanrl", "exec")
    names["envs"] = types.SimpleNamespace(
        single_observation_space=_space(spec.obs_dim),
        single_action_space=_space(spec.action_width),
    )
    for name, kind in (
        ("actor", "Actor"),
        ("target_actor", "Actor"),
        ("qf1", "QNetwork"),
        ("qf2", "QNetwork"),
        ("qf1_target", "QNetwork"),
        ("qf2_target", "QNetwork"),
    ):
        names[name] = names[kind](names["envs"])
    both = [*names["qf1"].parameters(), *names["qf2"].parameters()]
    names["q_optimizer"] = torch.optim.Adam(both, lr=3e-4)
    names["actor_optimizer"] = torch.optim.Adam(names["actor"].parameters(), lr=3e-4)
    names |= {"rb": _Arrays(spec), "device": CPU}
    names["args"] = types.SimpleNamespace(
        batch_size=ROWS, policy_noise=0.2, noise_clip=0.5, gamma=0.99, policy_frequency=2, tau=0.005
    )

    def update(count: int) -> None:
        for step in range(count):
            names["global_step"] = step
            exec(code, names)

    return update


def _module(name: str, **members: Any) -> types.ModuleType:
    """A module of that name that has just these members."""
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


def authors_iqrl(checkout: Path, spec: EnvSpec) -> Updates:
    """Its agent, without what it logs to and stores in (wandb, torchrl)."""
    sys.path.insert(0, str(checkout))
    _module("wandb", run=None)
    _module("torchrl")
    _module("torchrl.data", BoundedTensorSpec=object, CompositeSpec=object, ReplayBuffer=object)
    _module("torchrl.data.replay_buffers", LazyMemmapStorage=object)
    _module("torchrl.data.replay_buffers.samplers", SliceSampler=object)
    utils = _module("utils", __path__=[str(checkout / "utils")])
    buffers = importlib.import_module("utils.buffers")
    for name in ("ReplayBuffer", "ReplayBufferSamples", "to_nstep"):
        setattr(utils, name, getattr(buffers, name))
    utils.helper = importlib.import_module("utils.helper")  # type: ignore[attr-defined]
    tensordict = importlib.import_module("tensordict").TensorDict
    theirs = importlib.import_module("iqrl")
    ends = torch.ones(spec.action_width)
    agent = theirs.iQRL(
        theirs.iQRLConfig(device="cpu", verbose=False),
        {"state": types.SimpleNamespace(shape=(spec.obs_dim,))},
        types.SimpleNamespace(shape=(spec.action_width,), low=-ends, high=ends),
    )
    steps = 5
    obs, lead = torch.randn(steps + 1, ROWS, spec.obs_dim), (steps, ROWS)
    batch = buffers.ReplayBufferSamples(
        observations=tensordict({"state": obs[:-1]}, lead),
        next_observations=tensordict({"state": obs[1:]}, lead),
        actions=torch.rand(*lead, spec.action_width) * 2 - 1,
        dones=torch.zeros(lead, dtype=torch.bool),
        terminateds=torch.zeros(lead, dtype=torch.int),
        rewards=torch.randn(lead),
        next_state_gammas=torch.ones(lead),
        z=None,
        next_z=None,
    )
    replay = types.SimpleNamespace(sample=lambda: batch)
    return lambda count: agent.update(replay, count)


def compare(name: str, theirs: Updates, ours: Updates, count: int, rounds: int) -> None:
    for update in (theirs, ours):
        update(max(4, count // 4))
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(rounds):
        for side, update in (("theirs", theirs), ("ours", ours)):
            begun = time.perf_counter()
            update(count)
            times[side].append((time.perf_counter() - begun) / count * 1e3)
    for side, found in times.items():
        print(f"{name:5} {side:6} ms an update:", " ".join(f"{one:8.2f}" for one in found))
    ratio = statistics.median(b / a for a, b in zip(*times.values(), strict=True))
    print(f"{name:5} ours / theirs: {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cleanrl", type=Path)
    parser.add_argument("--iqrl", type=Path)
    parser.add_argument("--with", dest="packages", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.packages:
        sys.path.append(str(options.packages))
    if options.cleanrl:
        for sizes in ((11, 3), (17, 6)):  # Hopper, Walker2d and HalfCheetah
            spec = spec_of(*sizes)
            compare("td3", cleanrl_td3(options.cleanrl, spec), td3(spec), 100, options.rounds)
    if options.iqrl:
        spec = spec_of(24, 6)  # walker
        compare("iqrl", authors_iqrl(options.iqrl, spec), iqrl(spec), 8, options.rounds)


if __name__ == "__main__":
    main()

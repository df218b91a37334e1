"""Mutated traces and run folders: no signal, no traceback, no code run, bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl import api
from marl.config.files import ROOT
from marl.engine.smacv2.generation import CapabilityConfig
from marl.engine.smacv2.traits import PerAgentUniform
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.replay.battles import script_traces
from marl.scripted.players import HeuristicConfig, RandomConfig
from tests.untrusted.attack import COMMANDS
from tests.untrusted.mutants import MARK, mutated_trace

MOST_MIB = 512
MOST_OF = {"plots": 600}  # two configurations are drawn with 530 by matplotlib, whoever's they are
AT_ONCE = 25  # run folders that a process opens; a user's opens one
QUICK = {
    "seed": 1,
    "num_envs": 2,
    "t_max": 300,
    "test_interval": 150,
    "test_episodes": 2,
    "log_interval": 50,
    "save_interval": 150,
    "tensorboard": False,
    "progress_bar": False,
}
LAGMA = {
    "sampler.batch_size": 2,
    "bonus.start": 0,
    "bonus.warmup": 0,
    "bonus.codebook.size": 8,
    "bonus.update_interval": 2,
}
RUNS: dict[str, tuple[str, str, dict[str, object]]] = {
    "lagma_two_step": ("lagma", "two_step", LAGMA),
    "lagma_3m": ("lagma", "sc2", {"map": "3m", "save_replay": True, **LAGMA}),
    "ppo_cartpole": ("ppo", "gymnasium", {"rollout.steps": 20, "learner.anneal": None}),
    "ddpg_point_goal": ("ddpg", "point_goal", {"sampler.start": 100, "sampler.batch_size": 8}),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces to mutate."""
    folder = tmp_path_factory.mktemp("traces")
    hard = CapabilityConfig(
        attack=PerAgentUniform(lower_bound=(0.3,)), health=PerAgentUniform(upper_bound=(0.4,))
    )
    for name, config, player in (
        ("v1", Sc2Config(map="3m"), RandomConfig()),
        ("script", Sc2Config(map="3m"), HeuristicConfig()),
        (
            "v2",
            Smacv2Config(map="terran_5_vs_5", conic_fov=True, capability_config=hard),
            RandomConfig(),
        ),
    ):
        env = config.build(1, 1)
        (made,) = script_traces(
            env, player, np.array([3], dtype=np.uint64), config, {"player": "x"}
        )
        env.close()
        made.save(folder / f"{name}.trace")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs to mutate."""
    folder = tmp_path_factory.mktemp("runs")
    for name, (config, env, settings) in RUNS.items():
        results = tmp_path_factory.mktemp("results")
        plan = api.plan(config, env, results_dir=str(results), **{**QUICK, **settings})
        api.train(plan).folder.rename(folder / name)
    return folder


def attack_traces(base: Path, place: Path, first: int, count: int) -> dict[str, Any]:
    """What came of so many mutated traces. base: those that they are made of."""
    whole = [path.read_bytes() for path in sorted(base.glob("*.trace"))]
    (place / "mutants").mkdir()
    for seed in range(first, first + count):
        (place / "mutants" / f"{seed}.trace").write_bytes(mutated_trace(seed, whole))
    return attack(place, "traces", "mutants")


def attack_run(kind: str, run: Path, place: Path, first: int, count: int) -> dict[str, Any]:
    """What came of so many mutants of a run's folder."""
    return attack(place, kind, str(run), str(first), str(count))


def attack(place: Path, *arguments: str) -> dict[str, Any]:
    """What came of mutants, opened in a process of their own in `place`."""
    words = [sys.executable, "-m", "tests.untrusted.attack", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    environment.pop("MARL_TRUST", None)
    ended = subprocess.run(words, cwd=place, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


def assert_harmless(found: dict[str, Any], place: Path, most: int = MOST_MIB) -> None:
    assert found["wrong"] == []
    assert not (place / MARK).exists()
    assert found["peak_mib"] <= most, found["greedy"]
    assert found["codes"]["0"] > 0  # some are sound


def test_mutated_traces_are_refused_or_sound(traces, tmp_path):
    assert_harmless(attack_traces(traces, tmp_path, 0, 80), tmp_path)


@pytest.mark.parametrize("kind", COMMANDS)
def test_mutated_run_folders_are_refused_or_sound(runs, tmp_path, kind):
    found = attack_run(kind, runs / "lagma_3m", tmp_path, 0, 12)
    assert_harmless(found, tmp_path, MOST_OF.get(kind, MOST_MIB))


@pytest.mark.slow
def test_two_thousand_mutated_traces_are_refused_or_sound(traces, tmp_path):
    assert_harmless(attack_traces(traces, tmp_path, 1000, 2000), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("name", RUNS)
def test_five_hundred_mutated_run_folders_are_refused_or_sound(runs, tmp_path, kind, name):
    of_each = 500 // len(RUNS)
    begin = 1000 + of_each * list(RUNS).index(name)
    for first in range(begin, begin + of_each, AT_ONCE):
        found = attack_run(kind, runs / name, tmp_path, first, AT_ONCE)
        assert_harmless(found, tmp_path, MOST_OF.get(kind, MOST_MIB))

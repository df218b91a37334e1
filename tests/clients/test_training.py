"""backend=game with the official client and our own server: training survives what is killed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.envs.game.options import GameConfig
from marl.envs.smac import Sc2Config
from marl.envs.smac_game import plan_v1
from marl.run.trainer import Trainer
from tests.clients.clientkit import clients_python, left_over, smac_source
from tests.envs.game.gamekit import HuntedConfig, HuntedEnv, gone, sessions

EVERY = 500  # environment steps between two kills
STEPS = 20_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_qmix_trains_on_3m_with_a_worker_or_its_game_killed_every_500_steps(
    tmp_path: Path, sc2path: Path, monkeypatch: pytest.MonkeyPatch
):
    game = GameConfig(python=clients_python(), source=smac_source("v1"))
    monkeypatch.setenv("SC2PATH", str(sc2path))
    words = [f"t_max={STEPS}", "test_interval=10_000", "test_episodes=8", "log_interval=1_000"]
    words += ["num_envs=4", "seed=1", "tensorboard=False", "progress_bar=False"]
    plan = make_plan(split(["train", "--config=qmix", "--env-config=sc2", "with", *words]))
    config = Sc2Config(backend="game", map="3m", game=game)
    hunted = HuntedConfig(plan_v1(config), EVERY, game)
    plan = replace(plan, env=hunted, run=replace(plan.run, results_dir=str(tmp_path)))
    trainer = Trainer(plan)
    env = trainer.env
    assert isinstance(env, HuntedEnv)
    log = trainer.open_log()
    began = time.monotonic()
    try:
        summary = trainer.train(log)
    finally:
        log.close()
        env.close()
    seconds = time.monotonic() - began
    incidents = env.incidents()
    print(f"{summary.t_env} steps, {seconds:.0f} s, {env.kills} kills, {incidents}")
    assert summary.t_env >= STEPS
    assert trainer.counters.update > 0
    assert env.kills >= STEPS // EVERY
    # Every kill broke one battle, at most the ones in which it was already over excepted.
    assert incidents["env_restarts"] >= env.kills
    assert 0.8 * env.kills <= incidents["env_episodes_dropped"] <= incidents["env_restarts"]
    buffer = trainer.agent.buffer
    stored = buffer.episodes(torch.arange(len(buffer)))
    assert len(buffer) < buffer.capacity  # all of them are still there
    assert int(stored.lengths.sum()) == summary.t_env
    last = stored.lengths - 1
    ended = stored.terminated[range(len(buffer)), last, 0]
    assert ended.all()  # a broken one is cut off, not ended
    lines = [
        json.loads(line) for line in (trainer.folder / "metrics.jsonl").read_text().splitlines()
    ]
    logged = [line["env_restarts"] for line in lines if "env_restarts" in line]
    assert logged[-1] >= 0.9 * incidents["env_restarts"]
    assert sessions(env) == []
    assert all(gone(session) for session in env.seen)
    assert left_over(sc2path) == []

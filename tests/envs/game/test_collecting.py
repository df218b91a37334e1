"""What broke is never learnt from: the runner, evaluation and training on hunted games."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marl.algos.lagma import LagmaConfig
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.envs.game.env import GameEnv
from marl.envs.game.options import GameConfig
from marl.errors import EnvError
from marl.protocols.acting import Behaviour
from marl.protocols.experience import BATCH
from marl.run.plan import Plan
from marl.run.train import train
from marl.run.trainer import Trainer
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import play, play_script
from marl.runners.stopwatch import Stopwatch
from marl.scripted.players import RandomPlayer
from tests.envs.game.gamekit import (
    HuntedConfig,
    HuntedEnv,
    fake_env,
    fake_plan,
    gone,
    seeds_of,
    sessions,
)

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
CPU = torch.device("cpu")
STEPS = 5  # of every battle of the fake game


def hunted(num_envs: int, every: int) -> HuntedEnv:
    return HuntedConfig(fake_plan(), every).build(num_envs, 1)


def collecting(env: GameEnv):
    torch.manual_seed(0)
    agent = LagmaConfig().build(env.spec, CPU)  # its batches say who won
    return EpisodeRunner(env, agent.layout, CPU, Stopwatch()), agent


def test_a_rollout_holds_what_came_through_and_nothing_else():
    env = hunted(3, every=10**9)
    runner, agent = collecting(env)
    behaviour = Behaviour(agent.actor, rng=torch.Generator().manual_seed(0))
    env.every, env.steps = 7, 0  # in the third step, which is the second of environment 0
    rollout = runner.play(behaviour, seeds_of(1, 2, 3), first=40)
    assert env.kills >= 1
    kept = np.flatnonzero(rollout.intact)
    assert rollout.intact.shape == (3,)
    assert 0 < len(kept) < 3
    assert rollout.batch.episode.tolist() == (40 + kept).tolist()
    assert rollout.lengths.tolist() == [STEPS] * len(kept)
    assert rollout.batch.terminated[:, -1, 0].all()
    assert rollout.batch["won"].all()
    assert rollout.steps == STEPS * len(kept)
    env.close()


def test_where_nothing_came_through_the_episodes_are_played_again(tmp_path: Path):
    env = fake_env(1, trouble="raises", once=str(tmp_path / "once"))
    runner, agent = collecting(env)
    rollout = runner.play(Behaviour(agent.actor, greedy=True), seeds_of(1))
    assert env.incidents()["env_episodes_dropped"] == 1
    assert rollout.lengths.tolist() == [STEPS]
    assert rollout.intact.tolist() == [True]
    env.close()


def test_an_evaluation_has_all_its_episodes_though_some_broke():
    env = hunted(2, every=12)
    runner, agent = collecting(env)
    rollouts = play(runner, agent.actor, seeds_of(1, 2, 3, 4))
    scripted = play_script(env, RandomPlayer(env), seeds_of(5, 6, 7))
    assert env.incidents()["env_episodes_dropped"] >= 2
    for parts, count in ((rollouts, 4), (scripted, 3)):
        assert sum(len(part.lengths) for part in parts) == count
        assert all((part.outcomes["battle_won"] == 1).all() for part in parts)
    env.close()


def training_plan(folder: Path, config: HuntedConfig) -> Plan:
    """LAGMA on hunted games; its batches say who won."""
    words = ["num_envs=3", "t_max=300", "test_interval=150", "test_episodes=3", "log_interval=50"]
    words += ["sampler.batch_size=4", "tensorboard=False", "progress_bar=False", "seed=3"]
    plan = make_plan(split(["train", "--config=lagma", "--env-config=two_step", "with", *words]))
    return replace(plan, env=config, run=replace(plan.run, results_dir=str(folder)))


def test_training_goes_on_while_workers_and_games_are_killed(tmp_path: Path):
    game = GameConfig(back_off_seconds=0.01)
    plan = training_plan(tmp_path, HuntedConfig(fake_plan(), 40, game))
    trainer = Trainer(plan)
    env = trainer.env
    assert isinstance(env, HuntedEnv)
    summary = train(trainer)
    assert summary.t_env >= 300
    assert env.kills >= 7
    buffer = trainer.agent.buffer
    batch = trainer.agent.sampler.sample(buffer, torch.Generator().manual_seed(0))[BATCH]
    stored = buffer.episodes(torch.arange(len(buffer)))
    assert stored.lengths.tolist() == [STEPS] * len(buffer)  # so no broken one is among them
    assert stored["won"].all()
    assert len(buffer) * STEPS == trainer.counters.t_env
    assert batch.size == 4
    lines = [
        json.loads(line) for line in (trainer.folder / "metrics.jsonl").read_text().splitlines()
    ]
    restarts = [line["env_restarts"] for line in lines if "env_restarts" in line]
    assert restarts == sorted(restarts)
    assert restarts[-1] >= 5
    assert sessions(env) == []
    assert all(gone(session) for session in env.seen)


def test_a_game_that_gives_up_costs_no_training(tmp_path: Path):
    plan = training_plan(tmp_path, HuntedConfig(fake_plan(), 10**9, GameConfig(attempts=2)))
    trainer = Trainer(plan)
    env = trainer.env
    assert isinstance(env, HuntedEnv)
    trainer._collect()
    reached = trainer.counters.t_env
    env.every, env.steps, env.kills = 1, 0, 0  # from now on no battle gets past its first step
    log = trainer.open_log()
    with pytest.raises(EnvError, match="failed 2 times in a row"):
        trainer.train(log)
    log.close()
    env.close()
    assert reached == trainer.counters.t_env > 0
    assert (trainer.folder / "models" / str(reached)).is_dir()

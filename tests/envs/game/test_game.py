"""backend=game on a fake client: broken episodes, replaced workers, the end of all processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marl.envs.game.env import GameEnv
from marl.envs.game.options import GameConfig
from marl.errors import EnvError
from marl.protocols.environments import Breakable, VecEnv
from tests.envs.game.gamekit import (
    HERE,
    HuntedEnv,
    fake_env,
    fake_plan,
    gone,
    processes,
    seeds_of,
    sessions,
)

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
PAY = 2  # the action that pays


def play(env: VecEnv, *values: int) -> list[float]:
    """One episode for each seed, all agents at the action that pays; the returns."""
    env.reset(seeds_of(*values))
    total = np.zeros(env.num_envs)
    running = np.arange(env.num_envs) < len(values)
    while running.any():
        step = env.step(np.full((env.num_envs, env.spec.n_agents), PAY))
        total += step.reward
        running &= ~(step.terminated | step.truncated)
    return total[: len(values)].tolist()


def test_what_the_client_shows_is_what_the_environment_shows():
    env = fake_env(2)
    env.reset(seeds_of(7, 8))
    observation = env.observe()
    assert env.spec.name == "fake-game/sleep"
    assert observation.obs[:, :, 1].tolist() == [[0, 1], [0, 1]]  # the agent's number
    assert observation.state[:, 1].tolist() == [7, 8]  # the seed that the game was given
    assert observation.avail[0].tolist() == [[True, True, True], [False, True, True]]
    env.step(np.full((2, 2), PAY))
    assert env.observe().obs[:, 0, 0].tolist() == [1, 1]
    env.close()


def test_the_clients_draws_follow_from_the_seed_whoever_plays():
    env = fake_env(2)
    env.reset(seeds_of(5, 6))
    first = env.observe().obs[:, 0, 2].copy()
    env.reset(seeds_of(6, 5))
    assert env.observe().obs[::-1, 0, 2].tolist() == first.tolist()
    assert first[0] != first[1]
    env.close()


def test_an_action_outside_the_mask_is_refused():
    env = fake_env(1)
    env.reset(seeds_of(1))
    with pytest.raises(EnvError, match=r"agent 1: action 0 is not available; available: \[1, 2\]"):
        env.step(np.zeros((1, 2), dtype=np.int64))
    assert env.step(np.full((1, 2), PAY)).reward[0] == 2
    env.close()


@pytest.mark.parametrize("victim", ["worker", "game"])
def test_a_killed_process_breaks_its_own_episode_and_no_other(victim: str):
    env = HuntedEnv(fake_plan(), GameConfig(back_off_seconds=0.01), 2, every=10**9)
    assert isinstance(env, Breakable)
    env.reset(seeds_of(1, 2))
    broken_session = sessions(env)[0]
    env.kills = 0 if victim == "worker" else 1
    env.kill(0)
    step = env.step(np.full((2, 2), PAY))
    assert step.truncated.tolist() == [True, False]
    assert step.reward.tolist() == [0, 2]
    assert env.broken().tolist() == [True, False]
    assert gone(broken_session)  # the game of a dead worker too, and the worker of a dead game
    for _ in range(4):
        step = env.step(np.full((2, 2), PAY))
    assert step.terminated.tolist() == [False, True]
    assert env.outcomes()["battle_won"].tolist() == [0, 1]
    assert env.incidents() == {"env_restarts": 1, "env_recycled": 0, "env_episodes_dropped": 1}
    assert play(env, 3, 4) == [10, 10]  # five steps of two agents: all is well again
    assert not env.broken().any()
    env.close()


@pytest.mark.timeout(120)  # noticed long before `call_seconds` would notice it
@pytest.mark.parametrize(
    ("trouble", "options", "game"),
    [
        ("game dies", {}, {}),
        ("game dies", {"silent": True}, {}),  # (0, True, {}): the client's lost battle
        ("raises", {}, {}),
        ("hangs", {}, {"call_seconds": 0.3}),
        ("stops", {}, {"silence_seconds": 2.1}),  # SIGSTOP: no answer, and no heartbeat
        ("grows", {}, {"memory_mb": 130}),
    ],
)
def test_trouble_breaks_the_episode_and_is_over_in_the_next(
    tmp_path: Path, trouble: str, options: dict, game: dict
):
    limits = GameConfig(**{"back_off_seconds": 0.0, "call_seconds": 600.0, **game})
    env = fake_env(1, limits, trouble=trouble, once=str(tmp_path / "once"), **options)
    assert play(env, 1) == [2]  # the first step paid, the second broke
    assert env.broken().tolist() == [True]
    assert env.outcomes()["battle_won"].tolist() == [0]
    assert play(env, 1) == [10]
    assert env.incidents()["env_restarts"] == 1
    env.close()


def test_a_game_that_never_starts_ends_in_an_error_that_says_why():
    env = fake_env(1, GameConfig(attempts=3, back_off_seconds=0.2), trouble="never")
    began = time.monotonic()
    with pytest.raises(EnvError, match=r"failed 3 times in a row: ValueError: this game never"):
        env.reset(seeds_of(1))
    assert time.monotonic() - began > 0.2  # nothing before the second attempt, then 0.2 s
    env.close()


def test_a_client_that_is_missing_is_refused_at_once_with_what_to_do():
    with pytest.raises(EnvError, match=r"does not know \['hat'\]; see tests/envs/game"):
        fake_env(1, hat="red")
    plan = fake_plan()
    plan.make["module"] = "no_such_client"  # type: ignore[index]
    with pytest.raises(EnvError, match=r"no_such_client can't be imported.*see tests/envs/game"):
        GameEnv(plan, GameConfig(), 1)


def test_old_workers_are_renewed_between_battles_and_that_is_no_restart():
    env = fake_env(2, GameConfig(recycle_episodes=2))
    for _ in range(5):
        assert play(env, 1, 2) == [10, 10]
    assert env.incidents() == {"env_restarts": 0, "env_recycled": 4, "env_episodes_dropped": 0}
    env.close()


def test_large_workers_are_renewed_between_battles():
    env = fake_env(1, GameConfig(memory_mb=1))
    env._supervisor._memory_checked = time.monotonic() + 60  # not within the battles
    play(env, 1)
    play(env, 1)
    assert env.incidents()["env_recycled"] == 2  # it was too large before the first battle too
    env.close()


def test_closing_leaves_no_process_and_no_file():
    env = fake_env(2)
    play(env, 1, 2)
    before = sessions(env)
    folders = [w.process.folder for w in env._supervisor.workers if w.process]
    assert all(len(processes(session)) == 2 for session in before)  # the worker and its game
    env.close()
    assert all(gone(session) for session in before)
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_training(how: signal.Signals, tmp_path: Path):
    script = (
        "import time, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.envs.game.gamekit import fake_env, seeds_of, sessions\n"
        "env = fake_env(2); env.reset(seeds_of(1, 2))\n"
        "print(*sessions(env), flush=True)\n"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(HERE.parents[2])]
    variables = {**os.environ, "TMPDIR": str(tmp_path)}  # where its workers' folders are left
    training = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
    assert training.stdout is not None
    found = [int(word) for word in training.stdout.readline().split()]
    assert len(found) == 2
    assert all(len(processes(session)) == 2 for session in found)
    training.send_signal(how)
    training.wait()
    assert all(gone(session) for session in found)


def test_other_processes_of_ours_are_left_alone():
    other = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    env = HuntedEnv(fake_plan(), GameConfig(back_off_seconds=0.01), 1, every=3)
    play(env, 1)
    play(env, 2)
    env.close()
    assert other.poll() is None
    os.kill(other.pid, signal.SIGKILL)
    other.wait()


@pytest.mark.parametrize("saves", [True, False])
def test_a_game_that_is_closed_leaves_its_replay_where_that_was_asked_for(tmp_path, saves):
    file = tmp_path / "replay"
    plan = fake_plan(once=str(file))
    make = {**plan.make, "saves_replay": saves}
    env = GameEnv(replace(plan, make=make), GameConfig(back_off_seconds=0.01), 1)
    play(env, 1)
    assert not file.exists()
    env.close()
    assert file.exists() == saves

"""Ctrl-C within a round, and what a training would need before it begins."""

from __future__ import annotations

import json
import signal

import pytest

from marl.envs.matrix import TwoStepConfig
from marl.errors import ConfigError, EnvError
from marl.run import checkpoint, opening
from marl.run.ending import ENDED, FAILED, FINISHED, INTERRUPTED, STOPPED, Ending, ending_of
from marl.run.train import train as run_training
from marl.run.trainer import Trainer
from tests.run.test_train import OFF_POLICY, assert_same, plan_for, resume_plan, train


def interrupting(function, call: int):
    """The function, with a Ctrl-C in its `call`-th call."""
    calls = iter(range(1, 10**9))

    def wrapped(*arguments):
        if next(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return function(*arguments)

    return wrapped


CASES = [
    ("qmix", "two_step", {"num_envs": 8}),
    ("dqn", "gymnasium", {"sampler.start": 50, "buffer.steps": 1000}),
    ("ppo", "gymnasium", {"rollout.steps": 20}),
    ("td3", "gymnasium", {"env_id": "Pendulum-v1", **OFF_POLICY}),
]


@pytest.mark.parametrize(("config", "env", "settings"), CASES)
@pytest.mark.parametrize("where", ["collection", "updates", "evaluation"])
def test_a_run_that_is_stopped_within_a_round_goes_on_exactly(
    tmp_path, config, env, settings, where
):
    straight = train(plan_for(tmp_path / "a", config, env, t_max=800, **settings))
    trainer = Trainer(plan_for(tmp_path / "b", config, env, t_max=800, **settings))
    if where == "collection":
        trainer.env.step = interrupting(trainer.env.step, 47)
    elif where == "updates":
        trainer.agent.learner.update = interrupting(trainer.agent.learner.update, 6)
    else:
        tested = trainer.tests.player.env
        trainer.tests.run = interrupting(trainer.tests.run, 2)
        assert tested.num_envs > 0
    stopped = run_training(trainer)
    assert stopped.stopped == INTERRUPTED
    assert stopped.t_env < straight.t_env
    assert checkpoint.find(stopped.folder).name == str(stopped.t_env)
    resumed = train(resume_plan(stopped.folder))
    parts = [checkpoint.load(checkpoint.find(run.folder)) for run in (straight, resumed)]
    assert_same(*parts)
    logged = []
    for run in (straight, resumed):
        lines = map(json.loads, (run.folder / "metrics.jsonl").open())
        logged.append({line["t_env"]: line["loss"] for line in lines if "loss" in line})
    extra = logged[1].keys() - logged[0].keys()
    assert extra <= {stopped.t_env}  # the part of an interval that was there at the stop
    assert {t_env: logged[1][t_env] for t_env in logged[0]} == logged[0]


def test_how_a_training_ended_is_noted_in_its_folder(tmp_path):
    plan = plan_for(tmp_path, "qmix", "two_step", num_envs=8, t_max=64)
    trainer = Trainer(plan)
    trainer.agent.learner.update = interrupting(trainer.agent.learner.update, 7)
    folder = run_training(trainer).folder
    assert ending_of(folder) == Ending(INTERRUPTED)

    def failing(*arguments):
        assert ending_of(folder) is None  # it trains again
        raise EnvError("the game\nis gone \x1b[2J")

    again = Trainer(resume_plan(folder))
    again.agent.learner.update = failing
    with pytest.raises(EnvError):
        run_training(again)
    assert ending_of(folder) == Ending(FAILED, "the game is gone \\x1b[2J")
    train(resume_plan(folder))
    assert ending_of(folder) == Ending(FINISHED)
    (folder / ENDED).write_text('{"how": "well", "line": ""}')
    assert ending_of(folder) is None


def test_a_time_limit_is_the_reason_of_the_end(tmp_path):
    plan = plan_for(tmp_path, "qmix", "two_step", num_envs=8, t_max=10**6, max_seconds=0.01)
    assert ending_of(train(plan).folder) == Ending(STOPPED, "max_seconds=0.01 is over")


def test_the_updates_that_a_stop_left_are_done_first(tmp_path):
    trainer = Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=8, t_max=64))
    trainer.agent.learner.update = interrupting(trainer.agent.learner.update, 7)
    stopped = run_training(trainer)
    # Batches are 4 episodes: 5 updates are owed for the first 8 of them, then 8 for each round.
    assert trainer.counters.update == 7
    assert list(trainer.owed) == [10, 11, 12, 13, 14, 15]
    again = Trainer(resume_plan(stopped.folder))
    assert not again.finished
    again.agent.learner.update = interrupting(again.agent.learner.update, 2)
    run_training(again)  # stopped once more, at the same number of steps
    last = Trainer(resume_plan(stopped.folder))
    run_training(last)
    assert last.finished
    assert last.counters.update == 64 // 2 - 3


def test_a_collection_beyond_memory_is_refused_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "free_memory", lambda: 10**5)
    with pytest.raises(ConfigError, match=r"num_envs: a collection of 4,096 environments takes"):
        Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=4096))
    assert not list(tmp_path.iterdir())
    Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=10))
    monkeypatch.setattr(opening, "free_memory", lambda: None)
    Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=4096))


def test_environments_beyond_memory_are_refused(tmp_path, monkeypatch):
    def build(env, num_envs, threads):
        raise MemoryError

    monkeypatch.setattr(TwoStepConfig, "build", build)
    with pytest.raises(ConfigError, match=r"num_envs: no memory for 4,000 environments"):
        Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=4000))


def test_a_long_round_is_announced(tmp_path, monkeypatch):
    few = Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=10))
    assert len(few.introduction()) == 1
    monkeypatch.setattr(opening, "LONG_ROUND", 8000)
    many = Trainer(plan_for(tmp_path, "qmix", "two_step", num_envs=4000))
    assert many.introduction()[1].startswith(
        "note: a round of 4,000 environments is up to 8,000 steps, on 1 of "
    )

"""The loop: exact resume, updates independent of E, checkpoints on the way out."""

from __future__ import annotations

import hashlib
import json
import signal
import statistics
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from marl.algos.values import ValueRecipeConfig
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import CheckpointError, ConfigError
from marl.log.summary import Summary
from marl.registry import LEARNERS
from marl.run import checkpoint
from marl.run.device import pick_device
from marl.run.plan import Plan
from marl.run.train import resume
from marl.run.train import train as run_training
from marl.run.trainer import Trainer

SETTINGS = {
    "num_envs": 4,
    "test_interval": 300,
    "test_episodes": 4,
    "log_interval": 100,
    "save_interval": 100_000,
    "progress_bar": False,
    "tensorboard": False,
    "seed": 3,
}
VALUES = {"sampler.batch_size": 4, "epsilon.anneal": 500, "learner.target_update_interval": 10}
LAGMA = {"bonus.start": 200, "bonus.update_interval": 8, "bonus.codebook.size": 16}
FSQ = {"bonus.start": 200, "bonus.update_interval": 8, "bonus.codebook.kind": "fsq"}
OFF_POLICY = {
    "sampler.start": 100,
    "sampler.batch_size": 32,
    "noise.random_steps": 100,
    "updates.per_step": 0.1,
}
CONTINUOUS = {"env_id": "Pendulum-v1", **OFF_POLICY}
LATENT = {
    "env_id": "Pendulum-v1",
    "noise.random_steps": 100,
    "sampler.start": 100,
    "sampler.batch_size": 32,
    "updates.per_step": 0.1,
    "encoder.groups": 4,
    "encoder.dynamics_dims": "[16]",
    "agent.hidden_dims": "[16]",
    "critic.hidden_dims": "[16]",
}
HINDSIGHT = {
    "rollout.kind": "episodes",
    "buffer.kind": "episodes",
    "buffer.episodes": 500,
    "sampler.kind": "hindsight",
}
PRIORITISED = {"sampler.kind": "prioritised", "sampler.start": 50, "buffer.steps": 1500}
ALL_FLAGS = {
    "agent.dueling": True,
    "learner.n_step": 3,
    "learner.loss": "huber",
    "sampler.length": 3,
    "constraint.kind": "bcq",
}
ONLINE = {  # what is meant for learning offline, on what it collects itself
    "rollout.kind": "episodes",
    "buffer.kind": "episodes",
    "updates.kind": "replay",
    "updates.per_episode": 0.0,
    "updates.per_step": 0.1,
}
MUSIC = {
    "sampler.start": 100,
    "sampler.batch_size": 32,
    "buffer.episodes": 500,
    "updates.per_step": 0.1,
    "bonus.agent_state": "[0,2]",
    "bonus.surrounding_state": "[2,4]",
    "bonus.batch_size": 4,
}
BY_SCORES = {"bonus.weight": 0.0, "sampler.kind": "informative", "learner.reward_weight": 1.0}
WITH_SKILLS = {
    "skills": 2,
    "sampler.start": 100,
    "sampler.batch_size": 32,
    "updates.per_step": 0.1,
    "bonus.kind": "information_and_skills",
    "bonus.mutual_information.batch_size": 4,
    "learner.kind": "clipped_entropy",
    "goals": "tests",
}
STEPS = {"rollout.kind": "steps", "buffer.kind": "transitions", "buffer.steps": 1000}

# Offline recipes, from what they collect by themselves.
COLLECTED = {**STEPS, "updates.kind": "replay", "updates.per_episode": 0, "updates.per_step": 0.1}
SMALL_MODEL = {"vae.hidden_dims": "[16]", "sampler.batch_size": 32}


def plan_for(folder: Path, config: str, env: str, **settings) -> Plan:
    """A parsed plan, whose run folder comes below `folder`."""
    of_values = VALUES if issubclass(LEARNERS[config], ValueRecipeConfig) else {}
    words = [f"{key}={value}" for key, value in (SETTINGS | of_values | settings).items()]
    argv = ["train", f"--config={config}", f"--env-config={env}", "with", *words]
    return make_plan(split([*argv, f"results_dir={folder}"]))


def resume_plan(folder: Path, **settings) -> Plan:
    words = [f"{key}={value}" for key, value in settings.items()]
    return make_plan(split(["train", "with", f"resume={folder}", *words]))


def train(plan: Plan) -> Summary:
    return run_training(Trainer(plan))


def tensors(state, path=""):
    """Every number of a nested state by its path."""
    if isinstance(state, dict):
        for key, value in state.items():
            yield from tensors(value, f"{path}.{key}")
    elif isinstance(state, list | tuple):
        for index, value in enumerate(state):
            yield from tensors(value, f"{path}.{index}")
    else:
        yield path, state


def assert_same(one, two):
    first, second = dict(tensors(one)), dict(tensors(two))
    assert first.keys() == second.keys()
    for path, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[path]), path
        else:
            assert value == second[path], path


@pytest.mark.parametrize(
    ("config", "env", "settings"),
    [
        ("lagma", "sc2", {"map": "3m", **LAGMA}),
        ("lagma", "sc2", {"map": "3m", **FSQ}),
        ("qmix", "sc2", {"map": "2s3z"}),
        ("dqn", "gymnasium", {"sampler.start": 50, "buffer.steps": 1000}),
        ("dqn", "gymnasium", {"sampler.start": 50, **STEPS}),
        ("dqn", "gymnasium", {**PRIORITISED, **STEPS, "buffer.steps": 300}),
        ("dqn", "gymnasium", {**PRIORITISED, **ALL_FLAGS}),
        ("qmix", "two_step", {"sampler.kind": "prioritised", "sampler.of": "episodes"}),
        ("bcq_discrete", "gymnasium", ONLINE),
        ("bc", "gymnasium", ONLINE),
        ("ppo", "gymnasium", {"rollout.steps": 20}),
        ("mappo", "sc2", {"map": "3m", "learner.epochs": 2}),
        ("ippo", "sc2", {"map": "3m", "learner.epochs": 2}),
        ("td3", "gymnasium", CONTINUOUS),
        ("td3_bc", "gymnasium", {**CONTINUOUS, **COLLECTED}),
        ("bc", "gymnasium", {"env_id": "Pendulum-v1", **COLLECTED}),
        ("bcq", "gymnasium", {"env_id": "Pendulum-v1", **COLLECTED, **SMALL_MODEL}),
        (
            "bear",
            "gymnasium",
            {"env_id": "Pendulum-v1", **COLLECTED, **SMALL_MODEL, "learner.warm_up": 50},
        ),
        ("ddpg", "point_goal", {**OFF_POLICY, **HINDSIGHT}),
        ("dqn", "bit_flip", {"sampler.start": 50, **HINDSIGHT}),
        ("sac", "gymnasium", CONTINUOUS),
        ("iqrl", "gymnasium", LATENT),
        ("maddpg", "sc2", {"map": "3m", "sampler.batch_size": 4}),
        ("facmac", "two_step", {"updates.per_episode": 0.25, "sampler.batch_size": 4}),
        ("music", "point_push", MUSIC),
        ("music", "point_push", {**MUSIC, **BY_SCORES}),
        ("music_sac", "point_push", WITH_SKILLS),
        ("iql", "two_step", {"updates.per_episode": 0.25}),
        ("vdn", "two_step", {"updates.per_episode": 0.25}),
    ],
)
def test_n_and_n_more_steps_are_2n_steps_bit_for_bit(tmp_path, config, env, settings):
    straight = train(plan_for(tmp_path / "a", config, env, t_max=1600, **settings))
    half = train(plan_for(tmp_path / "b", config, env, t_max=800, **settings))
    assert half.t_env < straight.t_env
    resumed = train(resume_plan(half.folder, t_max=1600))
    assert resumed.t_env == straight.t_env
    parts = [checkpoint.load(checkpoint.find(run.folder)) for run in (straight, resumed)]
    for part in parts:  # the stop at N adds an evaluation, and stops are counted from the start
        del part["train"]["evaluations"]
    assert parts[0]["train"]["counters"]["update"] > 10
    assert_same(*parts)


def test_no_recipe_is_left_out_of_the_exact_resume():
    (cases,) = (
        mark.args[1] for mark in test_n_and_n_more_steps_are_2n_steps_bit_for_bit.pytestmark
    )
    assert {config for config, _, _ in cases} == LEARNERS.keys()


def test_metrics_go_on_without_gap_or_repeat(tmp_path):
    half = train(plan_for(tmp_path, "qmix", "two_step", t_max=400))
    train(resume_plan(half.folder, t_max=800))
    lines = [json.loads(line) for line in (half.folder / "metrics.jsonl").open()]
    steps = [line["t_env"] for line in lines if "loss" in line]
    assert steps == sorted(set(steps))
    assert min(steps) < 400 < max(steps)


def test_the_last_interval_of_a_training_is_logged(tmp_path):
    """A run shorter than log_interval showed no loss, and a longer one an old epsilon."""
    settings = {"log_interval": 300, "epsilon.anneal": 800}
    summary = train(plan_for(tmp_path, "qmix", "two_step", t_max=400, **settings))
    lines = [json.loads(line) for line in (summary.folder / "metrics.jsonl").open()]
    trained = [line for line in lines if "loss" in line]
    assert [line["t_env"] for line in trained] == [8, 312, summary.t_env]
    # Of the collection that began 8 steps before the end: 1 - 0.95 * 392 / 800.
    assert trained[-1]["epsilon"] == pytest.approx(0.5345)
    assert trained[-1]["updates"] > trained[-2]["updates"]
    # To go on is as if there had been no stop: the next line is of the whole interval.
    train(resume_plan(summary.folder, t_max=800))
    straight = train(plan_for(tmp_path / "b", "qmix", "two_step", t_max=800, **settings))
    both = [
        {line["t_env"]: line["loss"] for line in map(json.loads, path.open()) if "loss" in line}
        for path in (summary.folder / "metrics.jsonl", straight.folder / "metrics.jsonl")
    ]
    assert both[0].pop(400)
    assert both[0] == both[1]


def test_an_interval_that_is_logged_is_not_logged_again(tmp_path):
    summary = train(plan_for(tmp_path, "qmix", "two_step", t_max=400, log_interval=1))
    lines = [json.loads(line) for line in (summary.folder / "metrics.jsonl").open()]
    steps = [line["t_env"] for line in lines if "episode" in line]
    assert steps == sorted(set(steps))


def test_the_introduction_counts_the_codebook_too(tmp_path):
    plain = Trainer(plan_for(tmp_path, "qmix", "two_step"))
    size = sum(one.numel() for one in plain.agent.learner.parameters)
    assert f" {size:,} parameters on cpu;" in plain.introduction()[0]
    paid = Trainer(plan_for(tmp_path, "lagma", "two_step"))
    codes = sum(one.numel() for one in paid.agent.learner.bonus.codebook.quantizer.parameters())
    assert codes > 64 * 8
    assert (
        f" {size + codes:,} parameters ({codes:,} of the bonus) on cpu;" in paid.introduction()[0]
    )


@pytest.mark.parametrize("per_episode", [1.0, 0.5])
def test_updates_per_environment_step_do_not_depend_on_the_number_of_environments(
    tmp_path, per_episode
):
    episodes = {}
    for num_envs in (1, 8):
        plan = plan_for(
            tmp_path,
            "qmix",
            "two_step",
            num_envs=num_envs,
            t_max=640,
            **{"updates.per_episode": per_episode},
        )
        trainer = Trainer(plan)
        seen = []
        learner = trainer.agent.learner
        update = learner.update
        learner.update = lambda samples, progress, update=update, seen=seen: (
            seen.append(progress.episode),
            update(samples, progress),
        )[1]
        for _ in range(320 // num_envs):
            trainer._collect()
            trainer._learn()
        episodes[num_envs] = seen
    # A batch is 4 episodes, so the first update that may be owed is for episode 3.
    assert episodes[1] == episodes[8]
    assert episodes[1] == [
        e for e in range(3, 320) if int(per_episode * (e - 2)) > int(per_episode * (e - 3))
    ]


def test_time_limit_of_the_run_stops_with_a_checkpoint(tmp_path):
    summary = train(plan_for(tmp_path, "qmix", "two_step", t_max=10**6, max_seconds=1.0))
    assert "max_seconds" in summary.stopped
    assert checkpoint.find(summary.folder).name == str(summary.t_env)
    assert summary.evaluations[-1]["t_env"] == summary.t_env
    assert {"env", "acting", "learning", "evaluation"} <= summary.seconds.keys()


def test_checkpoint_of_other_sizes_is_refused_in_one_line(tmp_path):
    summary = train(plan_for(tmp_path, "qmix", "two_step", t_max=100))
    parts = checkpoint.load(checkpoint.find(summary.folder))
    other = Trainer(plan_for(tmp_path, "vdn", "two_step", t_max=100))
    with pytest.raises(CheckpointError, match="do not fit this configuration"):
        other.load(parts)


def test_going_on_from_an_older_checkpoint_sets_the_newer_ones_aside(tmp_path):
    run = train(plan_for(tmp_path, "qmix", "two_step", t_max=400, save_interval=100))
    steps = list(checkpoint.list_steps(run.folder / "models"))
    older, newest = steps[0], steps[-1]
    trainer = Trainer(resume_plan(run.folder, t_max=500, load_step=older))
    notes = resume(trainer, run.folder)
    assert trainer.counters.t_env == older
    assert "abandoned-at" in notes[0]
    assert "replay of this checkpoint was not kept" in notes[1]
    assert len(trainer.agent.buffer) == 0
    assert list(checkpoint.list_steps(run.folder / "models")) == [older]
    aside = run.folder / f"abandoned-at-{older}"
    assert (aside / str(newest) / "manifest.json").exists()
    assert (aside / "metrics.jsonl").exists()
    assert resume(trainer, run.folder)[:-1] == []  # nothing is beyond it any more


def test_return_std_is_that_of_all_episodes_since_the_last_log(tmp_path):
    trainer = Trainer(plan_for(tmp_path, "qmix", "matrix", num_envs=1, t_max=100))
    returns = []
    collect = trainer.runner.collect

    def watch(*arguments):
        rollout = collect(*arguments)
        returns.extend(rollout.returns.tolist())
        return rollout

    trainer.runner.collect = watch
    for _ in range(20):
        trainer._collect()
    logged = {}
    trainer._log(SimpleNamespace(write=lambda metrics, t_env: logged.update(metrics)), 1.0)
    assert logged["return_std"] == pytest.approx(statistics.pstdev(returns), rel=1e-6)
    assert logged["return_std"] > 0


def test_interrupted_run_saves_and_does_not_test_any_more(tmp_path):
    trainer = Trainer(plan_for(tmp_path, "qmix", "two_step", t_max=10**6))
    messages = []
    log = SimpleNamespace(
        write=lambda metrics, t_env: None,
        progress=lambda t_env, metrics: (
            signal.raise_signal(signal.SIGTERM) if t_env > 200 and not messages else None
        ),
        message=messages.append,
    )
    summary = trainer.train(log)
    assert summary.stopped == "interrupted"
    assert checkpoint.find(summary.folder).name == str(summary.t_env)
    assert summary.evaluations[-1]["t_env"] < summary.t_env


def test_absent_cuda_is_one_line():
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(ConfigError, match="device: cuda is not available here"):
        pick_device("cuda")


def test_a_learning_rate_that_ends_before_the_run_is_refused_and_leaves_no_folder(tmp_path):
    settings = {"learner.anneal": 500, "rollout.steps": 20, "t_max": 600}
    with pytest.raises(ConfigError, match=r"learner\.anneal: .*set learner\.anneal=600"):
        Trainer(plan_for(tmp_path, "ppo", "gymnasium", **settings))
    assert not list(tmp_path.iterdir())


def test_a_learning_rate_that_outlasts_the_run_is_said(tmp_path, capsys):
    settings = {"learner.anneal": 1000, "rollout.steps": 20, "t_max": 160}
    train(plan_for(tmp_path, "ppo", "gymnasium", **settings))
    assert "note: at t_max=160 the learning rate has fallen to 84 %" in capsys.readouterr().out


def test_a_replay_beyond_memory_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"buffer\.episodes: no memory"):
        Trainer(plan_for(tmp_path, "qmix", "two_step", **{"buffer.episodes": 10**13}))


def test_a_recipe_that_does_not_fit_leaves_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="does not report wins"):
        Trainer(plan_for(tmp_path, "lagma", "two_step", **{"bonus.goal_only": True}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"sampler.batch_size": 64, "sampler.start": 200},
            "waits for 64 episodes and 200 steps, and there are 80 steps in 40 rows",
        ),
        ({"updates.per_episode": 0.001}, "what was collected brings less than one"),
    ],
)
def test_a_training_without_an_update_says_why(tmp_path, capsys, settings, said):
    train(plan_for(tmp_path, "qmix", "two_step", t_max=80, **settings))
    (line,) = (s for s in capsys.readouterr().out.splitlines() if "no update was done" in s)
    assert said in line


def test_a_dataset_too_small_for_an_update_is_refused_and_leaves_no_folder(tmp_path):
    online = train(plan_for(tmp_path / "a", "qmix", "two_step", t_max=80))
    settings = {**OFFLINE, "buffer.path": online.folder, "sampler.batch_size": 64}
    with pytest.raises(
        ConfigError, match=r"replay\.pt: the first update waits for 64 episodes, and"
    ):
        Trainer(plan_for(tmp_path / "b", "qmix", "two_step", t_max=60, **settings))
    assert not (tmp_path / "b").exists()


def test_resuming_a_finished_run_repeats_nothing(tmp_path, capsys):
    summary = train(plan_for(tmp_path, "qmix", "two_step", t_max=400))
    before = (summary.folder / "metrics.jsonl").read_text()
    capsys.readouterr()
    again = train(resume_plan(summary.folder))
    assert (summary.folder / "metrics.jsonl").read_text() == before
    assert again.evaluations == summary.evaluations
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "already at t_max=400; set t_max=800 to go on, say"


def test_a_replay_too_small_for_the_episodes_is_refused(tmp_path):
    """33 steps hold 16 episodes of two steps, and a batch is 32 episodes."""
    settings = {"buffer.steps": 33, "sampler.batch_size": 32}
    with pytest.raises(ConfigError, match=r"buffer\.steps: 33 may never hold"):
        Trainer(plan_for(tmp_path, "qmix", "two_step", **settings))


OFFLINE = {
    "rollout.kind": "offline",
    "updates.kind": "offline",
    "updates.per_round": 30,
    "buffer.kind": "dataset",
}


def test_a_runs_replay_is_learnt_from_offline_and_the_clock_counts_updates(tmp_path):
    online = train(plan_for(tmp_path / "a", "qmix", "two_step", t_max=200))
    kept = checkpoint.find(online.folder)
    offline = {**OFFLINE, "buffer.path": kept}
    straight = train(plan_for(tmp_path / "b", "qmix", "two_step", t_max=120, **offline))
    half = train(plan_for(tmp_path / "c", "qmix", "two_step", t_max=60, **offline))
    resumed = train(resume_plan(half.folder, t_max=120))
    assert (half.t_env, straight.t_env) == (60, 120)
    parts = [checkpoint.load(checkpoint.find(run.folder)) for run in (straight, resumed)]
    for part in parts:  # the stop at N adds an evaluation
        assert part["train"]["counters"]["update"] == 120
        assert part["train"]["counters"]["episode"] == 0
        del part["train"]["evaluations"]
    assert_same(*parts)


def test_a_learner_that_no_checkpoint_can_hold_is_refused_before_it_learns(tmp_path):
    trainer = Trainer(plan_for(tmp_path, "qmix", "two_step", t_max=100))
    state = trainer.agent.learner.state_dict
    trainer.agent.learner.state_dict = lambda: state() | {"bonus": {"table": np.zeros(2)}}
    with pytest.raises(CheckpointError, match=r"learner\.bonus\.table is a numpy\.ndarray"):
        run_training(trainer)
    assert trainer.counters.t_env == 0


def test_an_offline_run_says_what_it_learns_from_and_goes_on_with_nothing_else(tmp_path):
    kept = [
        checkpoint.find(train(plan_for(tmp_path, "qmix", "two_step", t_max=t_max)).folder)
        for t_max in (200, 240)
    ]
    run = train(
        plan_for(tmp_path, "qmix", "two_step", t_max=30, **OFFLINE, **{"buffer.path": kept[0]})
    )
    record = json.loads((run.folder / "dataset.json").read_text())
    digest = hashlib.sha256((kept[0] / "replay.pt").read_bytes()).hexdigest()
    assert record == {"path": str(kept[0] / "replay.pt"), "sha256": digest}
    assert checkpoint.load(checkpoint.find(run.folder))["train"]["dataset"] == record
    config = (run.folder / "config.yaml").read_text()
    with pytest.raises(
        CheckpointError, match=r"buffer\.path: .* is not the file that this run lea"
    ):
        train(resume_plan(run.folder, t_max=60, **{"buffer.path": kept[1]}))
    assert (run.folder / "config.yaml").read_text() == config
    moved = kept[0].rename(tmp_path / "moved")
    train(resume_plan(run.folder, t_max=60, **{"buffer.path": moved}))
    assert json.loads((run.folder / "dataset.json").read_text())["path"] == f"{moved}/replay.pt"
    assert train(resume_plan(run.folder, t_max=90)).t_env == 90  # it knows the new place


@pytest.mark.parametrize(
    ("config", "env", "settings", "lost"),
    [
        ("ppo", "gymnasium", {"rollout.steps": 20}, False),
        ("qmix", "two_step", {}, True),
    ],
)
def test_a_replay_that_was_not_kept_is_said_where_there_was_one(
    tmp_path, config, env, settings, lost
):
    plan = plan_for(tmp_path, config, env, t_max=80, save_replay_buffer=False, **settings)
    run = train(plan)
    notes = resume(Trainer(resume_plan(run.folder)), run.folder)
    assert any("was not kept" in note for note in notes) is lost

"""Recipes of offline learning as their files have them: from a run's replay, resumed exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from run.test_train import assert_same, plan_for, resume_plan, train

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import ConfigError
from marl.run import checkpoint
from marl.run.checkpoint import find
from marl.single_agent.offline.td3_bc import Td3BcConfig

SMALL = {
    "agent.hidden_dims": "[16]",
    "critic.hidden_dims": "[16]",
    "sampler.batch_size": 16,
    "sampler.start": 16,
    "updates.per_round": 10,
    "num_envs": 2,
    "test_interval": 20,
}
MODEL = {"vae.hidden_dims": "[16]"}
OFFLINE = {"rollout.kind": "offline", "updates.kind": "offline", "buffer.kind": "dataset"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The folder of a run that kept its replay."""
    settings = {"noise.random_steps": 100, "sampler.start": 100, "updates.per_step": 0.1}
    folder = tmp_path_factory.mktemp("data")
    return train(plan_for(folder, "td3", "point_goal", t_max=300, **settings)).folder


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ("bear", {**MODEL, "learner.warm_up": 10}),
        ("bear", {**MODEL, "learner.divergence.kind": "kl", "learner.warm_up": 0}),
        ("bcq", MODEL),
        ("td3_bc", {}),
        ("bc", {}),
        ("bc", {"policy": "gaussian"}),
        ("td3", {**OFFLINE}),
        ("sac", {**OFFLINE}),
    ],
)
def test_a_run_from_anothers_replay_goes_on_bit_for_bit(tmp_path, data, config, settings):
    settings = {**SMALL, **settings, "buffer.path": data}
    if config == "bc":
        del settings["critic.hidden_dims"]
    runs = [
        train(plan_for(tmp_path / str(t_max), config, "point_goal", t_max=t_max, **settings))
        for t_max in (40, 20)
    ]
    resumed = train(resume_plan(runs[1].folder, t_max=40))
    parts = [checkpoint.load(find(run.folder)) for run in (runs[0], resumed)]
    for part in parts:  # the stop at N adds an evaluation
        assert part["train"]["counters"]["update"] == 40
        del part["train"]["evaluations"]
    assert_same(*parts)
    assert (runs[0].folder / "dataset.json").exists()


@pytest.mark.parametrize("config", ["bear", "bcq", "td3_bc", "bc"])
def test_a_run_without_data_is_told_what_to_name(config):
    words = ["train", f"--config={config}", "--env-config=point_goal"]
    with pytest.raises(ConfigError, match=r"buffer\.path: name the folder of a run that kept"):
        make_plan(split(words))


def test_td3_bc_is_td3_with_its_alpha():
    config = Td3BcConfig()
    assert config.learner.cloning == 2.5
    assert type(config.learner) is type(Td3BcConfig.__mro__[1]().learner)


def test_bears_metrics_are_there_to_draw(data, tmp_path):
    settings = {**SMALL, **MODEL, "buffer.path": data, "learner.warm_up": 10, "log_interval": 10}
    run = train(plan_for(tmp_path, "bear", "point_goal", t_max=20, **settings))
    text = (run.folder / "metrics.jsonl").read_text()
    for name in ("mmd", "dual", "entropy", "vae_squares", "actor_loss", "loss"):
        assert f'"{name}"' in text, name


def test_a_checkpoints_greedy_actor_takes_the_same_actions(data, tmp_path):
    settings = {**SMALL, **MODEL, "buffer.path": data}
    run = train(plan_for(tmp_path, "bear", "point_goal", t_max=20, **settings))
    state = checkpoint.load(find(run.folder))["learner"]["improvement"]["policy"]
    assert state["candidate_noise"].shape == (10, 1, 1, 2)
    assert torch.isfinite(state["candidate_noise"]).all()

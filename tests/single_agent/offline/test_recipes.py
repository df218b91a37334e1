"""Recipes of offline learning as their files have them: from a run's replay, resumed exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from builders import VECTORS

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import ConfigError
from marl.learners.actor_critic.deterministic import DeterministicConfig
from marl.log.summary import Summary
from marl.run import checkpoint
from marl.run.checkpoint import find
from marl.run.plan import Plan
from marl.run.train import train as run_training
from marl.run.trainer import Trainer
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
QUIET = {
    "test_episodes": 2,
    "log_interval": 10,
    "save_interval": 100_000,
    "progress_bar": False,
    "tensorboard": False,
    "seed": 3,
}
OFFLINE = {"rollout.kind": "offline", "updates.kind": "offline", "buffer.kind": "dataset"}


def plan_for(folder: Path, config: str, **settings) -> Plan:
    """A parsed plan, whose run folder comes below `folder`."""
    words = [f"{key}={value}" for key, value in (QUIET | settings).items()]
    argv = ["train", f"--config={config}", "--env-config=point_goal", "with", *words]
    return make_plan(split([*argv, f"results_dir={folder}"]))


def train(plan: Plan) -> Summary:
    return run_training(Trainer(plan))


def assert_same(one, two, path=""):
    """Two nested states, number by number."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), path
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), path
        for key, value in one.items():
            assert_same(value, two[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), path
        for index, pair in enumerate(zip(one, two, strict=True)):
            assert_same(*pair, f"{path}.{index}")
    else:
        assert one == two, path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The folder of a run that kept its replay."""
    settings = {"noise.random_steps": 100, "sampler.start": 100, "updates.per_step": 0.1}
    folder = tmp_path_factory.mktemp("data")
    return train(plan_for(folder, "td3", t_max=300, **settings)).folder


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ("bear", {**MODEL, "learner.warm_up": 10}),
        ("bear", {**MODEL, "learner.divergence.kind": "kl", "learner.warm_up": 0}),
        ("bcq", MODEL),
        ("td3_bc", {}),
        ("bc", {}),
        ("bc", {"policy": "squashed"}),
        ("td3", {**OFFLINE}),
        ("sac", {**OFFLINE}),
    ],
)
def test_a_run_from_anothers_replay_goes_on_bit_for_bit(tmp_path, data, config, settings):
    settings = {**SMALL, **settings, "buffer.path": data}
    if config == "bc":
        del settings["critic.hidden_dims"]
    runs = [
        train(plan_for(tmp_path / str(t_max), config, t_max=t_max, **settings))
        for t_max in (40, 20)
    ]
    again = ["train", "with", f"resume={runs[1].folder}", "t_max=40"]
    resumed = train(make_plan(split(again)))
    parts = [checkpoint.load(find(run.folder)) for run in (runs[0], resumed)]
    for part in parts:  # the stop at N adds an evaluation
        assert part["train"]["counters"]["update"] == 40
        del part["train"]["evaluations"]
    assert_same(*parts)
    assert (runs[0].folder / "dataset.json").exists()


@pytest.mark.parametrize("config", ["bear", "bcq", "td3_bc", "bc"])
def test_a_run_without_data_is_told_what_to_name(config):
    words = ["train", f"--config={config}", "--env-config=point_goal"]
    with pytest.raises(
        ConfigError, match=r"buffer\.path: name the folder of a dataset, or of a run that kept"
    ):
        make_plan(split(words))


def test_td3_bc_has_the_papers_alpha_and_refuses_none():
    assert Td3BcConfig().learner.cloning == 2.5
    with pytest.raises(ConfigError, match="0 is TD3 without cloning; choose --config=td3"):
        Td3BcConfig(learner=DeterministicConfig()).check(VECTORS)


def test_bears_metrics_are_there_to_draw(data, tmp_path):
    settings = {**SMALL, **MODEL, "buffer.path": data, "learner.warm_up": 10}
    run = train(plan_for(tmp_path, "bear", t_max=20, **settings))
    text = (run.folder / "metrics.jsonl").read_text()
    for name in ("mmd", "dual", "entropy", "vae_squares", "actor_loss", "loss"):
        assert f'"{name}"' in text, name

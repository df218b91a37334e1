"""New runs that begin with another's weights: all of them, or the bonus's estimate alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from marl import api
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import CheckpointError, ConfigError
from marl.run import checkpoint
from marl.run.train import train as run_training
from marl.run.trainer import Trainer

TINY = {
    "t_max": 200,
    "seed": 1,
    "num_envs": 2,
    "test_interval": 1000,
    "test_episodes": 1,
    "log_interval": 1000,
    "progress_bar": False,
    "tensorboard": False,
    "updates": {"per_step": 0.05},
    "sampler": {"start": 100, "batch_size": 32},
}


def trainer(folder: Path, config: str = "music_point_push", **settings) -> Trainer:
    """A run of few steps on the puck."""
    return Trainer(api.plan(config, "point_push", results_dir=str(folder), **TINY | settings))


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    """The folder of a short run of music."""
    return run_training(trainer(tmp_path_factory.mktemp("first"))).folder


def learner_state(folder: Path) -> dict:
    return checkpoint.load(checkpoint.find(folder))["learner"]


def test_a_run_begins_with_another_ones_weights_and_optimisers_of_its_own(first, tmp_path, capsys):
    began = trainer(tmp_path, seed=2, start_from=str(first))
    before, now = learner_state(first), began.agent.learner.state_dict()
    for part, name in (("improvement", "policy"), ("improvement", "target_policy")):
        for key, value in before[part][name].items():
            assert torch.equal(now[part][name][key], value), key
    for part in ("critics", "target_critics"):
        for key, value in before[part].items():
            assert torch.equal(now[part][key], value), key
    assert torch.equal(now["encoder"]["total"], before["encoder"]["total"])
    for key, value in before["bonus"]["network"].items():
        assert torch.equal(now["bonus"]["network"][key], value), key
    assert now["critic_optimizer"]["state"] == {}
    assert now["improvement"]["optimizer"]["state"] == {}
    assert not torch.equal(now["rng"], before["rng"])
    run_training(began)
    assert "policy, critics, encoder and bonus begin with the weights of" in capsys.readouterr().out


def test_finetuning_takes_no_bonus_and_the_environments_reward(first, tmp_path):
    began = trainer(tmp_path, "music_f", start_from=str(first), **SMALL_NETS)
    assert began.agent.bonus is not None
    assert "encoder begin with" in began.taken[0]
    assert "bonus" not in began.taken[0].split(" begin")[0]
    assert began.plan.recipe.learner.reward_weight == 1.0
    began.close()


SMALL_NETS = {"agent": {"hidden_dims": [64, 64]}, "critic": {"hidden_dims": [64, 64]}}
PARTS = {"agent_state": [0, 2], "surrounding_state": [2, 4], "hidden_dim": 64, "batch_size": 16}


def test_a_pretrained_estimate_is_taken_and_stays_as_it_is(first, tmp_path):
    began = trainer(tmp_path, "music_r", bonus={**PARTS, "pretrained": str(first)}, t_max=400)
    assert not began.agent.bonus_parameters
    summary = run_training(began)
    before, after = (learner_state(run)["bonus"]["network"] for run in (first, summary.folder))
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_a_run_that_goes_on_asks_for_nothing_of_the_first(first, tmp_path):
    gone = tmp_path / "copy"
    shutil.copytree(first, gone)
    summary = run_training(trainer(tmp_path, "music_r", bonus={**PARTS, "pretrained": str(gone)}))
    shutil.rmtree(gone)
    plan = make_plan(split(["train", "with", f"resume={summary.folder}", "t_max=400"]))
    assert run_training(Trainer(plan)).t_env >= 400


@pytest.mark.parametrize(
    ("config", "settings", "error", "line"),
    [
        ("music_f", {"start_from": "{first}"}, CheckpointError, "other sizes or kinds"),
        ("music_f", {"start_from": "/nowhere"}, CheckpointError, "start_from: /nowhere does not"),
        ("sac", {"start_from": "{first}"}, CheckpointError, "other sizes or kinds"),
        ("music_r", {"bonus": {**PARTS, "pretrained": "{plain}"}}, CheckpointError, "no estimate"),
        (
            "music_r",
            {"bonus": {**PARTS, "hidden_dim": 32, "pretrained": "{first}"}},
            CheckpointError,
            r"bonus\.pretrained: .* other sizes",
        ),
        ("ppo", {"start_from": "{first}"}, ConfigError, "start_from: PpoLearner takes no"),
    ],
    ids=["layers", "nowhere", "recipe", "no_estimate", "estimate", "learner"],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(
    first, plain, tmp_path, config, settings, error, line
):
    def filled(value):
        if isinstance(value, dict):
            return {key: filled(inside) for key, inside in value.items()}
        return value.format(first=first, plain=plain) if isinstance(value, str) else value

    own = ("updates", "sampler")  # that ppo does not have
    options = {key: value for key, value in TINY.items() if config != "ppo" or key not in own}
    options |= {key: filled(value) for key, value in settings.items()}
    with pytest.raises(error, match=line) as refusal:
        Trainer(api.plan(config, "point_push", results_dir=str(tmp_path), **options))
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.rglob("config.yaml"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """The folder of a short run without a bonus."""
    folder = tmp_path_factory.mktemp("plain")
    return run_training(trainer(folder, "music", bonus={"kind": "none"}, **SMALL_NETS)).folder

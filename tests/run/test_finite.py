"""A training stops at the first number that is not finite, and loses nothing but that."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from builders import SMALL, random_batch

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.config.files import ROOT
from marl.envs.matrix import TableGame, TwoStepConfig
from marl.errors import NotFiniteError
from marl.log.jsonl import read_metrics
from marl.protocols.collecting import Rollout
from marl.run import checkpoint
from marl.run.finite import FiniteWatch
from marl.run.train import resume, train
from marl.run.trainer import Trainer

AT = 500  # t_env of the first number that is not finite
LOG_INTERVAL = 100
SETTINGS = [
    "t_max=2000",
    "num_envs=4",
    "test_interval=400",
    "test_episodes=4",
    f"log_interval={LOG_INTERVAL}",
    "save_interval=200",
    "seed=3",
    "sampler.batch_size=4",
    "bonus.start=0",
    "bonus.warmup=0",
    "bonus.codebook.size=4",
    "bonus.codebook.update_interval=1",
    "progress_bar=False",
    "tensorboard=False",
]


class Poison:
    """Puts a value in place of a number of a training, from AT steps on."""

    def __init__(self, trainer: Trainer, value: float) -> None:
        self.trainer, self.value = trainer, value

    @property
    def due(self) -> bool:
        return self.trainer.counters.t_env >= AT

    def loss(self) -> None:
        learner = self.trainer.agent.learner
        update = learner.update

        def poisoned(samples, progress):
            metrics = update(samples, progress)
            return metrics | ({"loss": torch.tensor(self.value)} if self.due else {})

        learner.update = poisoned

    def codebook(self) -> None:
        vq = self.trainer.agent.learner.bonus.codebook
        step = vq.step

        def poisoned(*arguments):
            if self.due:
                vq.quantizer.codebook.data[0, 0] = self.value
            return step(*arguments)

        vq.step = poisoned

    def weights(self) -> None:
        learner = self.trainer.agent.learner
        update = learner.update

        def poisoned(samples, progress):
            metrics = update(samples, progress)
            if self.due:
                learner.parameters[0].data[0] = self.value
            return metrics

        learner.update = poisoned

    def reward(self) -> None:
        env = self.trainer.env
        step = env.step

        def poisoned(actions):
            result = step(actions)
            return result._replace(reward=result.reward + self.added())

        env.step = poisoned

    def obs(self) -> None:
        self._shown("obs")

    def state(self) -> None:
        self._shown("state")

    def _shown(self, name: str) -> None:
        env = self.trainer.env
        observe = env.observe
        env.observe = lambda: (shown := observe())._replace(
            **{name: getattr(shown, name) + self.added()}
        )

    def added(self) -> np.float32:
        return np.float32(self.value if self.due else 0.0)


def trainer_of(*words: str) -> Trainer:
    return Trainer(make_plan(split(words)))


WHERE = {
    "loss": r"loss=nan in update \d+, that of episode \d+, after 5\d\d steps",
    "codebook": r"(recon|vq|coverage|commit)_loss=nan.* in update \d+, that of episode",
    "weights": r"loss=nan, grad_norm=nan.* in update \d+",
    "reward": r"reward is nan at step 0 of episode \d+ \(training\), collected after 5\d\d steps",
    "obs": r"obs is nan at step 0 of episode \d+ \(training\), collected",
    "state": r"state is nan at step 0 of episode \d+ \(training\), collected",
}


@pytest.mark.parametrize("what", WHERE)
def test_a_training_stops_at_the_first_nan_and_goes_on_from_its_last_good_checkpoint(
    tmp_path: Path, what: str
):
    words = ["--config=lagma", "--env-config=two_step", "with", *SETTINGS]
    trainer = trainer_of(*words, f"results_dir={tmp_path}")
    getattr(Poison(trainer, float("nan")), what)()
    with pytest.raises(NotFiniteError, match=WHERE[what]) as stopped:
        train(trainer)
    assert trainer.counters.t_env < AT + LOG_INTERVAL
    folder = trainer.folder
    newest = checkpoint.find(folder)
    assert 400 <= int(newest.name) <= AT
    assert f"the last good checkpoint is {newest}: with resume={folder}" in str(stopped.value)
    (kept,) = folder.glob("not-finite-at-*/batch.pt")
    columns = torch.load(kept, weights_only=True)["batch"]
    assert what not in columns or columns[what].isnan().any()
    assert "NaN" not in (folder / "metrics.jsonl").read_text()
    state = checkpoint.load(newest)["learner"]
    assert all(weights.isfinite().all() for weights in state["controller"].values())
    again = trainer_of("with", f"resume={folder}", "t_max=800")
    assert resume(again, folder) == []
    assert again.counters.t_env == int(newest.name)
    assert train(trainer_of("with", f"resume={folder}", "t_max=800")).t_env >= 800
    lines = [point["t_env"] for point in read_metrics(folder / "metrics.jsonl")]
    assert lines == sorted(lines)
    assert lines[-1] >= 800


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_an_infinity_stops_it_too(tmp_path: Path, value: float):
    words = ["--config=lagma", "--env-config=two_step", "with", *SETTINGS]
    trainer = trainer_of(*words, f"results_dir={tmp_path}")
    Poison(trainer, value).reward()
    with pytest.raises(NotFiniteError, match=f"reward is {value} at step 0 of episode"):
        train(trainer)


@pytest.mark.parametrize(
    ("config", "env", "settings"),
    [
        ("ppo", "gymnasium", ["rollout.steps=20"]),
        ("td3", "gymnasium", ["env_id=Pendulum-v1", "sampler.start=100", "sampler.batch_size=16"]),
        ("mappo", "two_step", []),
    ],
)
def test_every_kind_of_learner_is_watched(tmp_path: Path, config: str, env: str, settings):
    common = [word for word in SETTINGS if not word.startswith(("bonus", "sampler"))]
    words = [f"--config={config}", f"--env-config={env}", "with", *common, *settings]
    trainer = trainer_of(*words, f"results_dir={tmp_path}")
    Poison(trainer, float("nan")).weights()
    with pytest.raises(NotFiniteError, match=r"=nan|are not finite|log_prob is nan"):
        train(trainer)
    assert trainer.counters.t_env < AT + LOG_INTERVAL


def test_weights_are_looked_at_before_they_are_saved(tmp_path: Path):
    words = ["--config=iql", "--env-config=two_step", "with", "t_max=100", "seed=1"]
    trainer = trainer_of(*words, f"results_dir={tmp_path}")
    trainer.agent.learner.parameters[0].data.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="1 of the networks' tensors are not finite after 0"):
        trainer.save()
    assert not checkpoint.list_steps(trainer.folder / "models")


@dataclass(frozen=True)
class NanPayingConfig:
    """The two-step game, whose tests pay NaN."""

    kind: ClassVar[str] = "nan_paying"

    def build(self, num_envs: int, threads: int) -> TableGame:
        env = TwoStepConfig().build(num_envs, threads)
        step = env.step
        env.step = lambda actions: step(actions)._replace(
            reward=np.full(num_envs, np.nan, np.float32)
        )
        return env


def test_a_nan_in_a_test_stops_it_before_anything_is_logged(tmp_path: Path):
    words = ["--config=iql", "--env-config=two_step", "with", "t_max=100", "seed=1"]
    trainer = trainer_of(*words, f"results_dir={tmp_path}", "tensorboard=False")
    trainer.tests.player.env = NanPayingConfig().build(8, 1)
    with pytest.raises(NotFiniteError, match=r"reward is nan .*\(a test\).*no checkpoint had been"):
        train(trainer)
    assert read_metrics(trainer.folder / "metrics.jsonl") == []


def test_a_sum_that_overflows_is_no_number_that_is_not_finite(tmp_path: Path):
    batch = random_batch(SMALL, 4)
    batch.reward.fill_(3e38)
    size = batch.size
    nothing = np.zeros(size)
    rollout = Rollout(nothing, nothing, {}, nothing > 0, nothing == 0, batch, nothing == 0)
    FiniteWatch(tmp_path).rollout(rollout, 7)
    batch.reward[2, 1] = float("inf")
    with pytest.raises(NotFiniteError, match="reward is inf at step 1 of episode 2"):
        FiniteWatch(tmp_path).rollout(rollout, 7)


PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from marl.envs.matrix import TwoStepConfig
from marl.envs.registry import register_env

@dataclass(frozen=True)
class Config(TwoStepConfig):
    kind: ClassVar[str] = "nan_env"

    def build(self, num_envs, threads):
        env = super().build(num_envs, threads)
        step, self_steps = env.step, []
        def poisoned(actions):
            self_steps.append(1)
            result = step(actions)
            bad = len(self_steps) * num_envs >= 700
            return result._replace(reward=result.reward * np.float32(np.nan if bad else 1))
        env.step = poisoned
        return env

register_env("nan_env", Config)
"""


def test_run_py_says_it_in_one_line_and_ends_with_1(tmp_path: Path):
    (tmp_path / "nan_parts.py").write_text(PLUGIN)
    words = ["--config=qmix", "--env-config=nan_env", "with", "plugins=nan_parts", "results_dir=r"]
    own = [word for word in SETTINGS if not word.startswith("bonus")]
    ended = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words, *own],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: reward is nan at step ")
    assert "with resume=" in line

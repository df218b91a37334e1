"""Parts from outside the package: found, registered, recorded with the run, or one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from marl import api
from marl.cli.plugins import load_plugins
from marl.envs.registry import ENVS
from marl.errors import ConfigError
from marl.intrinsic.config import BONUSES
from marl.nets.mixers import MIXERS
from marl.registry import LEARNERS

PLUGIN = '''
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from marl.algos.values import ValueRecipeConfig
from marl.envs.matrix import TwoStepConfig
from marl.envs.registry import register_env
from marl.intrinsic.config import BONUSES, BonusConfig
from marl.nets.mixers import MIXERS, MixerConfig
from marl.registry import register_recipe


class Mean(nn.Module):
    def forward(self, values, state):
        return values.mean(-1, keepdim=True)


@MIXERS.add
@dataclass(frozen=True)
class MeanConfig(MixerConfig):
    """The mean of the agents' values."""

    kind: ClassVar[str] = "mean"

    def build(self, spec):
        return Mean()


class Constant:
    columns = ()

    def __init__(self, amount):
        self.amount = amount

    def __call__(self, batch, bootstrap, progress):
        return bootstrap.new_full((), self.amount), {"intrinsic_mean": bootstrap.new_ones(())}

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@BONUSES.add
@dataclass(frozen=True)
class ConstantConfig(BonusConfig):
    """The same for every step."""

    kind: ClassVar[str] = "constant"
    amount: float = 0.5

    def build(self, spec, gamma, device):
        return Constant(self.amount)


@dataclass(frozen=True)
class OwnRecipe(ValueRecipeConfig):
    """A mean of values, paid a constant."""

    mixer: MixerConfig = MeanConfig()


@dataclass(frozen=True)
class OwnEnv(TwoStepConfig):
    """The two-step game by another name."""

    kind: ClassVar[str] = "own_env"


register_recipe("own_recipe", OwnRecipe)
register_env("own_env", OwnEnv)
'''
QUICK = {
    "t_max": 64,
    "num_envs": 4,
    "test_interval": 64,
    "test_episodes": 2,
    "seed": 1,
    "tensorboard": False,
    "progress_bar": False,
    "sampler.batch_size": 4,
}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module in the working directory; afterwards all is as before."""
    (tmp_path / "own_parts.py").write_text(PLUGIN)
    (tmp_path / "own.yaml").write_text(
        "recipe: own_recipe\nbonus: {kind: constant, amount: 0.25}\n"
    )
    (tmp_path / "own_env.yaml").write_text("env: own_env\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    members = {kinds: list(kinds.members) for kinds in (MIXERS, BONUSES)}
    yield "own_parts"
    for kinds, before in members.items():
        kinds.members[:] = before
    LEARNERS.pop("own_recipe", None)
    ENVS.pop("own_env", None)
    sys.modules.pop("own_parts", None)


def test_a_mixer_and_a_bonus_of_ones_own_are_kinds_like_any_other(plugin, tmp_path):
    settings = {**QUICK, "plugins": plugin, "mixer.kind": "mean", "bonus.kind": "constant"}
    summary = api.train(api.plan("qmix", "two_step", results_dir=str(tmp_path / "r"), **settings))
    assert summary.t_env >= 64
    assert '"intrinsic_mean": 1.0' in (summary.folder / "metrics.jsonl").read_text()


def test_a_recipe_and_an_environment_of_ones_own_train_evaluate_and_resume(plugin, tmp_path):
    plan = api.plan(
        "own.yaml",
        "own_env.yaml",
        results_dir=str(tmp_path / "r"),
        **{**QUICK, "plugins": [plugin]},
    )
    assert plan.recipe.bonus.amount == 0.25
    summary = api.train(plan)
    assert "plugins: [own_parts]" in (summary.folder / "config.yaml").read_text()
    assert api.evaluate(summary.folder, episodes=2)["test_ep_length_mean"] == 2.0
    assert api.resume(summary.folder, t_max=128).t_env >= 128


def test_loading_twice_changes_nothing(plugin):
    assert load_plugins(plugin) == [plugin]
    before = list(MIXERS.members)
    assert load_plugins([plugin]) == [plugin]
    assert MIXERS.members == before


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ("no_such_module", "plugins: 'no_such_module' cannot be imported"),
        (3, "plugins: expects the name of a module or a list, got 3"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_one_line(names, line):
    with pytest.raises(ConfigError, match=line):
        load_plugins(names)


def test_a_plugin_that_fails_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "broken_parts.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ConfigError, match="'broken_parts' failed: ZeroDivisionError"):
        load_plugins("broken_parts")


def test_a_taken_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "taken_parts.py").write_text(PLUGIN.replace('"mean"', '"qmix"'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ConfigError, match=r"mixer\.kind: 'qmix' is taken"):
        load_plugins("taken_parts")

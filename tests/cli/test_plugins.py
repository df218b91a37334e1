"""Parts from outside the package: found, registered, recorded with the run, or one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from marl import api
from marl.cli import plugins
from marl.cli.arguments import split
from marl.cli.plugins import Plugins
from marl.cli.resolve import make_plan
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


def test_a_recipe_and_an_environment_without_files_of_settings_run_by_name(plugin, tmp_path):
    words = ["plugins=own_parts", "bonus.amount=0.25", "bonus.kind=constant", "seed=1"]
    plan = make_plan(split(["--config=own_recipe", "--env-config=own_env", "with", *words]))
    assert (plan.recipe_name, plan.env_name) == ("own_recipe", "own_env")
    assert plan.recipe.bonus.amount == 0.25
    settings = {**QUICK, "plugins": plugin, "results_dir": str(tmp_path / "r")}
    summary = api.train(api.plan("own_recipe", "own_env", **settings))
    assert summary.folder.parent.name == "own_recipe+sampler.batch_size=4"
    assert api.resume(summary.folder, t_max=128).t_env >= 128


def test_plugins_of_all_files_and_the_command_line_add_up_and_are_loaded_once(
    plugin, tmp_path, monkeypatch
):
    for name in ("one_parts", "two_parts"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "own_env.yaml").write_text("env: own_env\nplugins: own_parts\n")
    with (tmp_path / "own.yaml").open("a") as file:
        file.write("plugins: [one_parts, own_parts]\n")
    loaded = []
    load = plugins.load
    monkeypatch.setattr(
        plugins, "load", lambda name, *rest: [loaded.append(name), load(name, *rest)]
    )
    settings = [f"{key}={value}" for key, value in QUICK.items()]
    settings += ["plugins=two_parts", f"results_dir={tmp_path}/r"]
    plan = make_plan(split(["--config=own.yaml", "--env-config=own_env.yaml", "with", *settings]))
    assert plan.run.plugins == ("two_parts", "own_parts", "one_parts")
    assert sorted(loaded) == sorted(plan.run.plugins)
    folder = api.train(plan).folder
    loaded.clear()
    words = ["evaluate", "--env-config=own_env.yaml", "with", f"checkpoint={folder}"]
    assert make_plan(split(words)).run.plugins == plan.run.plugins
    assert sorted(loaded) == sorted(plan.run.plugins)


def test_loading_twice_changes_nothing(plugin):
    found = Plugins()
    found.add(plugin)
    before = list(MIXERS.members)
    found.add([plugin])
    Plugins().add(plugin)
    assert found.names == [plugin]
    assert MIXERS.members == before


def test_a_cell_that_is_run_again_replaces_its_parts(plugin):
    """As in a notebook, where every class is one of the module __main__."""
    notebook: dict[str, object] = {"__name__": "__main__"}
    exec(PLUGIN, notebook)
    before = [(kinds, len(kinds.members), kinds.members[-1]) for kinds in (MIXERS, BONUSES)]
    exec(PLUGIN, notebook)
    for kinds, count, first in before:
        assert len(kinds.members) == count
        assert kinds.members[-1] is not first
    assert LEARNERS["own_recipe"] is notebook["OwnRecipe"]
    assert ENVS["own_env"] is notebook["OwnEnv"]
    with pytest.raises(ConfigError, match=r"mixer\.kind: 'mean' is taken by __main__"):
        Plugins().add(plugin)  # the same names from elsewhere


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Install the distribution `orchard`, whose entry point `fruit` names the module."""
    info = folder / "orchard-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: orchard\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[marl.plugins]\nfruit = {module}\n")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


def test_an_installed_packages_entry_point_is_loaded_without_being_named(
    plugin, tmp_path, monkeypatch
):
    install(tmp_path, monkeypatch, "own_parts")
    plan = make_plan(split(["--config=own_recipe", "--env-config=own_env"]))
    assert plan.recipe.mixer.kind == "mean"
    assert plan.run.plugins == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, r"'apple_parts' cannot be imported .*; reinstall or uninstall orchard 1\.5"),
        ("import no_such_module", "'apple_parts' imports 'no_such_module', which is not installed"),
        ("1 / 0", "'apple_parts' failed: ZeroDivisionError"),
    ],
)
def test_an_entry_point_that_fails_is_named_with_its_distribution(
    tmp_path, monkeypatch, text, line
):
    install(tmp_path, monkeypatch, "apple_parts")
    if text is not None:
        (tmp_path / "apple_parts.py").write_text(text)
    start = r"the entry point 'fruit' of orchard 1\.5 in marl\.plugins: "
    with pytest.raises(ConfigError, match=start + line):
        Plugins()


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ("no_such_module", "plugins: 'no_such_module' cannot be imported"),
        (3, "plugins: expects the name of a module or a list, got 3"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_one_line(names, line):
    with pytest.raises(ConfigError, match=line):
        Plugins().add(names)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1 / 0", "'broken_parts' failed: ZeroDivisionError"),
        ("import gone.away", "'broken_parts' imports 'gone', which is not installed here"),
    ],
)
def test_a_plugin_that_fails_is_one_line(tmp_path, monkeypatch, text, line):
    (tmp_path / "broken_parts.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ConfigError, match=f"plugins: {line}"):
        Plugins().add("broken_parts")


def test_a_taken_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "taken_parts.py").write_text(PLUGIN.replace('"mean"', '"qmix"'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ConfigError, match=r"mixer\.kind: 'qmix' is taken"):
        Plugins().add("taken_parts")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config=sarsa", "--env-config=matrix"], "no configs/algs/sarsa.yaml; there are: "),
        (["--config=qmix", "--env-config=orchard"], "no configs/envs/orchard.yaml; there are: "),
        (["--config=far.yaml", "--env-config=matrix"], "recipe: 'zzz' is unknown; there are: "),
        (
            ["--config=qmix", "--env-config=matrix", "with", "mixer.kind=zzz"],
            "mixer.kind: 'zzz' is",
        ),
    ],
)
def test_a_name_like_no_other_may_be_a_plugins(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far.yaml").write_text("recipe: zzz\n")
    with pytest.raises(ConfigError) as refusal:
        make_plan(split(words))
    assert said in str(refusal.value)
    assert "; one from outside the package needs its module: plugins=NAME" in str(refusal.value)

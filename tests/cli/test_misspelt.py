"""What is misspelt is refused early, with the message that the dataclasses have for it."""

from __future__ import annotations

import pytest

from marl.cli import misspelt
from marl.cli.arguments import split
from marl.cli.drafts import fresh
from marl.cli.misspelt import fields_of_package, refuse_misspelt
from marl.cli.plugins import Plugins
from marl.cli.resolve import make_plan
from marl.config.schema import dotted_keys
from marl.envs.registry import ENVS
from marl.errors import ConfigError
from marl.registry import recipes
from marl.run.plan import RunConfig

GAME = ["--config=lagma", "--env-config=sc2", "with"]


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(misspelt, "REGISTRIES", ())


def early(*words: str) -> None:
    arguments = split([*GAME, *words])
    plugins = Plugins()
    refuse_misspelt(fresh(arguments, plugins), arguments.updates, plugins.names)


@pytest.mark.parametrize(
    "words",
    [
        ["t_maxx=2"],
        ["lerner.optimizer.lr=2"],
        ["bonus.statr=3"],
        ["t_maxx=2", "sampler.batch_siz=4", "seed=1"],
    ],
)
def test_the_message_is_that_of_the_dataclasses(monkeypatch, words):
    with pytest.raises(ConfigError) as soon:
        early(*words)
    monkeypatch.setattr("marl.cli.resolve.refuse_misspelt", lambda *arguments: None)
    with pytest.raises(ConfigError) as late:
        make_plan(split([*GAME, *words]))
    assert str(soon.value) == str(late.value)


@pytest.mark.parametrize(
    "word",
    [
        "t_max=2",
        "bonus.codebook.size=16",
        "mixer.kind=vdn",
        "zzzz=1",  # like nothing
        "batch_size_run=8",  # PyMARL's
        "mac=basic_mac",
        "options.anything=3",  # of a section with keys of any name
        "double_q=False",  # a key elsewhere
    ],
)
def test_what_is_right_or_not_clear_is_left_to_the_dataclasses(word):
    early(word)


def test_no_key_of_the_package_is_taken_for_a_misspelt_one():
    words, _ = fields_of_package()
    classes = [RunConfig, *ENVS.values(), *recipes().values()]
    keys = {part for one in classes for key in dotted_keys(one) for part in key.split(".")}
    assert keys <= words

"""benchmarks/winrates.py and benchmarks/sensitivity.py: their results files and intervals."""

from __future__ import annotations

import importlib
import json
from dataclasses import fields

import pytest

from marl.config.files import ROOT
from marl.engine.facts.choices import Choices


@pytest.fixture
def winrates(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("winrates")


@pytest.fixture
def sensitivity(winrates):
    return importlib.import_module("sensitivity")


def test_finished_rows_are_not_played_again_and_those_of_other_rules_are(winrates, tmp_path):
    words = ["--players", "random", "--maps", "3m", "--battles", "8"]
    output = tmp_path / "rows"
    assert winrates.main([*words, "--output", str(output)]) == 0
    path = output.with_suffix(".json")
    (row,) = json.loads(path.read_text())
    assert (row["map"], row["battles"], row["n_agents"], row["n_enemies"]) == ("3m", 8, 3, 3)
    assert "| 3m | random | 0.000 (0.000-0.324) |" in output.with_suffix(".md").read_text()
    path.write_text(json.dumps([row | {"length_mean": -1.0}]))
    winrates.main([*words, "--output", str(output)])
    assert json.loads(path.read_text())[0]["length_mean"] == -1.0
    path.write_text(json.dumps([row | {"length_mean": -1.0, "rules": "older"}]))
    winrates.main([*words, "--output", str(output)])
    (again,) = json.loads(path.read_text())
    assert again | {"seconds": 0} == row | {"seconds": 0}


def test_the_digest_of_the_rules_sees_the_folders_in_the_engine(winrates, tmp_path, monkeypatch):
    monkeypatch.setattr(winrates, "ROOT", tmp_path)
    source = tmp_path / "marl/engine/combat/weapons.py"
    source.parent.mkdir(parents=True)
    source.write_text("DAMAGE = 6\n")
    before = winrates.rules_digest()
    source.write_text("DAMAGE = 7\n")
    assert winrates.rules_digest() != before


def test_the_interval_of_a_difference_is_newcombes(sensitivity):
    """His first example: 56 of 70 against 48 of 80 is 0.2 (0.0524, 0.3339)."""
    names = dict.fromkeys(("choice", "value", "map", "player", "rules", "digest"), "")
    numbers = {"seed": 0, "return_mean": 0.0, "return_std": 0.0}
    one = sensitivity.Result(**names, **numbers, battles=80, won=48 / 80)
    two = sensitivity.Result(**names, **numbers, battles=70, won=56 / 70)
    assert sensitivity.difference(one, two) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_every_choice_has_another_value_and_maps_that_exist(sensitivity, winrates):
    names = [item.name for item in fields(Choices)]
    assert set(sensitivity.MAPS_OF) <= set(names)
    for name in names:
        assert str(getattr(Choices(), name)) not in sensitivity.other_values(name)
        assert sensitivity.other_values(name)
    assert {m for maps in sensitivity.MAPS_OF.values() for m in maps} <= set(winrates.all_maps())

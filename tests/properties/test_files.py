"""A fact file with anything wrong in it is refused in one line, or still makes sense."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.battlefield import few

from marl.engine.battle import make_rules
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import MAPS, load_scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.smac.options import Options
from marl.errors import EnvError

JUNK = (None, True, 0, -1, 1.5, float("nan"), float("inf"), "", "Ghost", [], {}, [1], [1, 2])
JUNK += ([[1, 2], [3, 4]], {"a": 1}, {1: 2})
MAP = "2s3z"
UNITS = ("Stalker", "Zealot")
FILES = (MAP, "units", "terrains")


def places(content: object, keys: tuple = ()) -> list[tuple]:
    """The keys to every value in nested mappings and lists, the whole itself included."""
    inside: list[tuple] = []
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        inside = [place for key, value in items for place in places(value, (*keys, key))]
    return [keys, *inside]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, dict]:
    """The fact files of MAP, with no more than it needs so that junk is likely to hit that."""
    folder = tmp_path_factory.mktemp("maps")
    contents = {}
    for file in FILES:
        content = yaml.safe_load((MAPS / f"{file}.yaml").read_text())
        if file == "units":
            content["units"] = {name: content["units"][name] for name in UNITS}
        if file == "terrains":
            content["terrains"] = {"strip": content["terrains"]["strip"]}
        contents[folder / f"{file}.yaml"] = content
        (folder / f"{file}.yaml").write_text(yaml.safe_dump(content))
    return contents


def refusal(folder: Path) -> str:
    """What is said about the files of a folder; empty where nothing is wrong."""
    try:
        scenario = load_scenario(MAP, folder)
        types = load_unit_types(scenario.unit_names, folder / "units.yaml")
        make_rules(scenario, types, Options(), Choices())
    except EnvError as error:
        return str(error)
    return ""


@settings(few, max_examples=60)
@given(st.sampled_from(FILES), st.sampled_from(JUNK), st.data())
def test_junk_anywhere_in_a_file_is_named_in_one_line_or_harmless(
    files: dict[Path, dict], file: str, junk: object, data: st.DataObject
):
    path = next(path for path in files if path.stem == file)
    right = files[path]
    keys = data.draw(st.sampled_from(places(right)))
    whole = {"": copy.deepcopy(right)}
    entry, last = whole, ""
    for key in keys:
        entry, last = entry[last], key
    entry[last] = junk
    try:
        path.write_text(yaml.safe_dump(whole[""]))
        said = refusal(path.parent)
    finally:
        path.write_text(yaml.safe_dump(right))
    assert "\n" not in said
    assert not said or str(path.parent) in said

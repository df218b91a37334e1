from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from marl.engine.facts.units import UNITS_FILE, Sweep, load_unit_types
from marl.errors import EnvError


def changed(tmp_path: Path, unit: str, field: str, value: object) -> Path:
    """The units file with one field (dotted within the unit) set, or removed where None."""
    content = yaml.safe_load(UNITS_FILE.read_text())
    entry = content["units"][unit]
    *outer, last = field.split(".")
    for name in outer:
        entry = entry[name]
    if value is None:
        del entry[last]
    else:
        entry[last] = value
    path = tmp_path / "units.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_times_are_loops_and_speeds_per_loop():
    types = load_unit_types(["Zealot", "Stalker"])
    assert types.period.tolist() == pytest.approx([1.2 * 16, 1.44 * 16])
    assert types.speed.tolist() == pytest.approx([2.25 / 16, 2.9531 / 16])
    assert types.shield_delay.tolist() == [160, 160]
    assert types.shield_rate.tolist() == [0.125, 0.125]
    assert types.missile_speed.tolist() == pytest.approx([0.0, 18.75 / 16])
    assert types.damage_point.tolist() == [0, 3]  # 0.167 s = 2.67 loops, so the third
    assert types.turn_cos[0] == pytest.approx(math.cos(math.radians(999.8437 / 16)))


def test_types_come_in_the_order_asked_for_in_arrays_and_records():
    types = load_unit_types(["Zealot", "Marine"])
    assert types.health.tolist() == types.table["health"].tolist() == [100, 45]
    assert types.scan_range.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("health", -1, "units.Marine.health: must not be negative"),
        ("health", 0, "units.Marine.health: must be above 0"),
        ("health", "much", "units.Marine.health: must be a number"),
        ("health", float("nan"), "units.Marine.health: must be finite"),
        ("health", None, "units.Marine.health: is missing"),
        ("healht", 45, "units.Marine.healht: unknown key; did you mean 'health'?"),
        ("weapon.damage", -6, "units.Marine.weapon.damage: must not be negative"),
        ("weapon.hits", 3, "units.Marine.weapon.hits: must be at most 2"),
        ("weapon.hit_delay", 0.28, "Marine.weapon.hit_delay: belongs to a weapon of two hits"),
        (
            "weapon.fires_moving",
            True,
            "Marine.weapon.damage_point: must be 0 with fires_moving",
        ),
        ("weapon.delay_min", 1, "units.Marine.weapon.delay_min: must not exceed delay_max"),
        ("weapon.bonus", {"Heavy": 4}, "units.Marine.weapon.bonus: 'Heavy' is not one of"),
        ("attributes", ["Light", "Tiny"], "units.Marine.attributes: 'Tiny' is not one of"),
    ],
)
def test_a_bad_fact_names_file_unit_and_field(tmp_path, field, value, message):
    path = changed(tmp_path, "Marine", field, value)
    with pytest.raises(EnvError) as caught:
        load_unit_types(["Stalker"], path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_missile_of_two_hits_is_refused(tmp_path):
    path = changed(tmp_path, "Stalker", "weapon.hits", 2)
    with pytest.raises(EnvError, match="hits: a weapon with missile_speed hits once"):
        load_unit_types(["Marine"], path)


def test_a_beam_that_hits_later_than_a_unit_can_remember_is_refused(tmp_path):
    path = changed(tmp_path, "Colossus", "weapon.sweep", {item.name: 0.5 for item in fields(Sweep)})
    with pytest.raises(EnvError, match=r"Colossus\.weapon\.sweep\.delay: must be at most 0\.4375"):
        load_unit_types(["Marine"], path)


@pytest.mark.parametrize("field", ["step", "point_period"])
def test_a_beam_that_would_never_reach_its_next_point_is_refused(tmp_path, field):
    path = changed(tmp_path, "Colossus", f"weapon.sweep.{field}", 0)
    with pytest.raises(EnvError, match=rf"Colossus\.weapon\.sweep\.{field}: must be above 0"):
        load_unit_types(["Marine"], path)


def test_an_unknown_unit_type_is_refused_with_the_nearest_name():
    with pytest.raises(EnvError, match="did you mean 'Stalker'"):
        load_unit_types(["Stalkr"])


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(EnvError, match="cannot be read"):
        load_unit_types(["Marine"], tmp_path / "none.yaml")
    broken = tmp_path / "units.yaml"
    broken.write_text("units: [")
    with pytest.raises(EnvError, match="is not YAML"):
        load_unit_types(["Marine"], broken)

"""Scenario files: SMAC's sizes, and refusals of wrong files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from marl.engine.combat.spawn import fixed_units, lattice
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import (
    MAPS,
    Scenario,
    is_walkable,
    load_scenario,
    load_terrain,
    scenario_names,
)
from marl.engine.facts.units import load_unit_types
from marl.engine.field import make_field
from marl.engine.smac.layout import make_layout
from marl.engine.smac.options import Options
from marl.engine.smac.reward import max_reward
from marl.errors import EnvError

# agents, enemies, limit, obs, state, actions, max_reward: the sizes that oxwhirl/smac @d6aab33
# returns with its default options.
SIZES = {
    "3m": (3, 3, 60, 30, 48, 9, 365),
    "8m": (8, 8, 120, 80, 168, 14, 640),
    "25m": (25, 25, 150, 250, 950, 31, 1575),
    "5m_vs_6m": (5, 6, 70, 55, 98, 12, 530),
    "8m_vs_9m": (8, 9, 120, 85, 179, 15, 695),
    "10m_vs_11m": (10, 11, 150, 105, 243, 17, 805),
    "27m_vs_30m": (27, 30, 180, 285, 1170, 36, 1850),
    "2s3z": (5, 5, 120, 80, 120, 11, 1020),
    "3s5z": (8, 8, 150, 128, 216, 14, 1510),
    "3s5z_vs_3s6z": (8, 9, 170, 136, 230, 15, 1670),
    "3s_vs_3z": (3, 3, 150, 36, 54, 9, 680),
    "3s_vs_4z": (3, 4, 200, 42, 61, 10, 840),
    "3s_vs_5z": (3, 5, 250, 48, 68, 11, 1000),
    "2m_vs_1z": (2, 1, 150, 16, 26, 7, 360),
}
# obs with obs_last_action, state without state_last_action
OTHER_SIZES = {
    "3m": (48, 21),
    "8m": (178, 56),
    "25m": (994, 175),
    "5m_vs_6m": (103, 38),
    "8m_vs_9m": (190, 59),
    "10m_vs_11m": (258, 73),
    "27m_vs_30m": (1221, 198),
    "2s3z": (124, 65),
    "3s5z": (226, 104),
    "3s5z_vs_3s6z": (241, 110),
    "3s_vs_3z": (54, 27),
    "3s_vs_4z": (62, 31),
    "3s_vs_5z": (70, 35),
    "2m_vs_1z": (23, 12),
}


def test_the_maps_are_the_fourteen_of_the_table():
    assert set(SIZES) <= set(scenario_names())


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_max_reward_are_those_of_smac(name: str):
    scenario = load_scenario(name)
    types = load_unit_types(scenario.unit_names)
    layout = make_layout(scenario, types, Options())
    assert (
        layout.n_agents,
        layout.n_enemies,
        scenario.episode_limit,
        layout.obs_dim,
        layout.state_dim,
        layout.n_actions,
        max_reward(scenario, types, Options()),
    ) == SIZES[name]
    other = make_layout(scenario, types, Options(obs_last_action=True, state_last_action=False))
    assert (other.obs_dim, other.state_dim) == OTHER_SIZES[name]


def test_terrain_rows_are_read_from_the_north():
    strip = load_terrain("strip").walkable
    assert strip.shape == (32, 32)
    assert [y for y in range(32) if strip[y].all()] == list(range(8, 24))
    octagon = load_terrain("octagon22").walkable
    assert octagon[6].tolist() == [0] * 9 + [2] + [1] * 12 + [2] + [0] * 9
    assert (octagon == 2).sum() == 16  # two half cells at each bend


def test_a_lattice_is_square_centred_and_spaced():
    assert lattice(1, 0.8) == [(0.0, 0.0)]
    assert lattice(3, 1.0) == [(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.0)]
    places = np.array(lattice(30, 0.8))
    assert np.abs(places).max() == pytest.approx(2.0)  # six places of 0.8 a side
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(30)
    assert distances.min() == pytest.approx(0.8)


def start_of(scenario: Scenario) -> np.ndarray:
    types = load_unit_types(scenario.unit_names)
    return fixed_units(
        scenario, types, make_field(types.table, scenario.walkable, Choices().record())
    )


@pytest.mark.parametrize("name", SIZES)
def test_units_start_apart_on_walkable_ground(name: str):
    scenario = load_scenario(name)
    types = load_unit_types(scenario.unit_names)
    start = start_of(scenario)
    x, y, kind = start["x"], start["y"], start["kind"]
    assert all(is_walkable(scenario.walkable, *point) for point in zip(x, y, strict=True))
    apart = types.separation[kind][:, None] + types.separation[kind][None]
    distance = np.hypot(x[:, None] - x, y[:, None] - y) + 9 * np.eye(x.size)
    assert (distance > apart).all()
    assert (start["health"] == types.health[kind]).all()


def test_agents_are_sorted_by_type_then_place_and_enemies_are_mirrored():
    scenario = load_scenario("2s3z")
    start = start_of(scenario)
    agents = list(zip(start["kind"], start["x"], start["y"], strict=True))[:5]
    assert [scenario.unit_names[kind] for kind, _, _ in agents] == ["Stalker"] * 2 + ["Zealot"] * 3
    assert agents == sorted(agents)
    allies = {(round(x - 9, 6), round(y - 16, 6), k) for k, x, y in agents}
    enemies = zip(start["kind"][5:], start["x"][5:], start["y"][5:], strict=True)
    assert {(round(23 - x, 6), round(16 - y, 6), k) for k, x, y in enemies} == allies
    assert start["side"].tolist() == [0] * 5 + [1] * 5


def test_an_unknown_map_names_the_nearest_and_what_there_is():
    with pytest.raises(EnvError, match=r"map '3s_vs_5zz' .* did you mean '3s_vs_5z'\?.*27m_vs_30m"):
        load_scenario("3s_vs_5zz")


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    for name in ("3m", "2s3z", "terrains", "units"):
        shutil.copy(MAPS / f"{name}.yaml", tmp_path)
    return tmp_path


MARIN = {"side": "ally", "unit": "Marin", "count": 3, "at": [9, 16]}
BROKEN = [
    ({"episode_limit": 0}, "episode_limit: must be a whole number from 1 to 1000000, not 0"),
    ({"episode_limits": 60}, "episode_limits: unknown key; did you mean 'episode_limit'"),
    ({"terrain": "stripe"}, "terrains.stripe: is missing"),
    ({"races": {"ally": "X", "enemy": "T"}}, r"races.ally: 'X' is not one of"),
    ({"groups": {}}, "groups: must be a list"),
    ({"groups": []}, "groups: has no group of side 'ally'"),
    ({"groups": [MARIN, MARIN | {"side": "enemy"}]}, r"3m\.yaml: groups\[0\]\.unit: 'Marin'"),
    ({"enemy_order": {"attack_move": [9]}}, r"enemy_order.attack_move: must be a point \[x, y\]"),
    ({"enemy_order": {"attack_move": [9, 40]}}, r"enemy_order: \(9, 40\) is not on walkable"),
    ({"type_columns": {"ally": ["Zealot"], "enemy": ["Zealot"]}}, "has no column for Marine"),
    ({"type_columns": {"ally": ["Marine"], "enemy": []}}, "as many columns for allies"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[m[:30] for _, m in BROKEN])
def test_a_field_that_does_not_fit_is_named_with_its_file(maps: Path, change: dict, message: str):
    path = maps / "3m.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(EnvError, match=message) as error:
        load_scenario("3m", maps)
    assert str(maps) in str(error.value)


ABSENT = object()
NAN = float("nan")
# The keys in 3m.yaml, the wrong value there, and the refusal.
WRONG_MAP = [
    (["source"], 7, "source: must be a string, not 7"),
    (["episode_limit"], "60", "episode_limit: must be a whole number from 1 to 1000000, not '60'"),
    (["races", "enemy"], ABSENT, "races.enemy: is missing"),
    (["groups"], ABSENT, "groups: is missing"),
    (["groups", 1], ABSENT, "groups: has no group of side 'enemy'"),
    (["groups", 0], "Marine", "groups[0]: must be a mapping with names as keys"),
    (["groups", 0, "colour"], "red", "groups[0].colour: unknown key"),
    (["groups", 0, "count"], ABSENT, "groups[0].count: is missing"),
    (["groups", 0, "count"], 10**30, "groups[0].count: must be a whole number from 1 to 1000000"),
    (["groups", 0, "count"], 0, "groups[0].count: must be a whole number from 1 to 1000000, not 0"),
    (
        ["groups", 0, "count"],
        -3,
        "groups[0].count: must be a whole number from 1 to 1000000, not -3",
    ),
    (["groups", 0, "count"], 2.5, "groups[0].count: must be a whole number"),
    (["groups", 0, "count"], True, "groups[0].count: must be a whole number"),
    (["groups", 1, "side"], "foe", "groups[1].side: 'foe' is not one of ['ally', 'enemy']"),
    (["groups", 0, "unit"], 48, "groups[0].unit: must be a string, not 48"),
    (["groups", 1, "at"], [9, 2], "groups[1].at: (9, 2) is not on walkable ground"),
    (["groups", 1, "at"], [40, 16], "groups[1].at: (40, 16) is not on walkable ground"),
    (["groups", 1, "at"], [-1, 16], "groups[1].at: (-1, 16) is not on walkable ground"),
    (["groups", 1, "at"], [NAN, 16], "groups[1].at: (nan, 16) is not on walkable ground"),
    (["groups", 1, "at"], ["9", 16], "groups[1].at: must be a point [x, y], not ['9', 16]"),
    (["groups", 1, "at"], 9, "groups[1].at: must be a list, not 9"),
    (["type_columns", "ally"], "Marine", "type_columns.ally: must be a list, not 'Marine'"),
    (["enemy_order"], "wander", "enemy_order: must be a mapping"),
    (["enemy_order"], {}, "enemy_order.attack_move_between: is missing"),
    (["enemy_order", "attack_move"], [9, 2], "enemy_order: (9, 2) is not on walkable ground"),
    (
        ["enemy_order"],
        {"attack_move_between": [[9, 16]]},
        "enemy_order.attack_move_between: must be two points",
    ),
    (
        ["enemy_order"],
        {"attack_move_between": [[9, 16], [9, 2]]},
        "enemy_order: (9, 2) is not on walkable ground",
    ),
]
STRIP = ["terrains", "strip"]
WRONG_TERRAIN = [
    (["terrains"], ABSENT, "terrains: is missing"),
    (["terrains"], [], "terrains: must be a mapping"),
    (STRIP, ABSENT, "terrains.strip: is missing; the file has"),
    ([*STRIP, "rows"], ABSENT, "terrains.strip.rows: is missing"),
    ([*STRIP, "rows"], [], "terrains.strip.rows: rows must all be of one length"),
    ([*STRIP, "rows", 3], "...", "terrains.strip.rows: rows must all be of one length"),
    ([*STRIP, "rows", 3], 32, "terrains.strip.rows: must be a string, not 32"),
    ([*STRIP, "rows", 3], "~" * 32, "terrains.strip.rows: has ['~']; cells are"),
    ([*STRIP, "heights"], ["88", "88"], "terrains.strip.heights: must be a grid of the same size"),
    ([*STRIP, "colour"], "red", "terrains.strip.colour: unknown key"),
]


def put(path: Path, keys: list, value: object) -> None:
    """Set the value at `keys` of a YAML file, or remove it where ABSENT."""
    content = yaml.safe_load(path.read_text())
    *outer, last = keys
    entry = content
    for key in outer:
        entry = entry[key]
    if value is ABSENT:
        del entry[last]
    else:
        entry[last] = value
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("file", "keys", "value", "message"),
    [("3m", *wrong) for wrong in WRONG_MAP] + [("terrains", *wrong) for wrong in WRONG_TERRAIN],
    ids=lambda value: value[:50] if isinstance(value, str) and " " in value else "",
)
def test_a_wrong_file_is_refused_with_one_line_of_file_field_and_reason(
    maps: Path, file: str, keys: list, value: object, message: str
):
    path = maps / f"{file}.yaml"
    put(path, keys, value)
    with pytest.raises(EnvError) as error:
        load_scenario("3m", maps)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_yaml_is_named(maps: Path):
    (maps / "3m.yaml").write_text("groups: [")
    with pytest.raises(EnvError, match=r"3m\.yaml: is not YAML"):
        load_scenario("3m", maps)


def test_a_group_too_large_for_its_ground_is_refused(maps: Path):
    path = maps / "3m.yaml"
    path.write_text(path.read_text().replace("count: 3", "count: 900"))
    scenario = load_scenario("3m", maps)
    with pytest.raises(EnvError, match="need 1012 cells of ground, and it has 512"):
        start_of(scenario)

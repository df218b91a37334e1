from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from arena import NAMES, OPEN, TYPES

from marl.engine.combat.spawn import fixed_units, place_units
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import load_scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.field import Field, make_field
from marl.engine.ground.geometry import is_free_of_walls
from marl.engine.walking.collision import separation_distance
from marl.engine.world import Units
from marl.errors import EnvError

FIELD = make_field(TYPES.table, OPEN, Choices().record())
RAVINE = make_field(TYPES.table, load_scenario("2c_vs_64zg").walkable, Choices().record())
Place = tuple[str, float, float]


def settle(places: list[Place], field: Field = FIELD) -> Units:
    return place_units(field, TYPES, [(NAMES.index(u), x, y) for u, x, y in places], len(places))


def assert_apart(units: Units, field: Field) -> None:
    for one, other in itertools.combinations(units.view(np.recarray), 2):
        gap = math.hypot(one.x - other.x, one.y - other.y)
        assert gap >= separation_distance(field, one, other) - 1e-9
    for unit in units.view(np.recarray):
        kind = field.table.view(np.recarray)[unit.kind]
        assert is_free_of_walls(field.walkable, unit.x, unit.y, kind.separation, kind.crosses)


def test_a_unit_alone_stands_where_it_was_asked_for():
    units = settle([("Marine", 16.3, 9.7)])
    assert (units["x"][0], units["y"][0]) == (16.3, 9.7)


def test_twenty_units_at_one_point_form_a_tight_round():
    names = ("Marine", "Marauder", "Stalker", "Zealot")
    units = settle([(names[k % 4], 16.0, 16.0) for k in range(20)])
    assert_apart(units, FIELD)
    gaps = np.hypot(units["x"] - 16, units["y"] - 16)
    covered = (TYPES.separation[units["kind"]] ** 2).sum()
    assert gaps.max() < math.sqrt(covered / 0.5)  # circles cover half of the round at least


def test_sixty_four_zerglings_at_a_point_of_the_ravine_stay_below_the_cliff():
    units = settle([("Zergling", 16.0, 9.0)] * 64, RAVINE)
    assert_apart(units, RAVINE)
    assert (units["y"] < 12).all()


def test_two_colossi_at_one_point_stand_beside_each_other_and_let_marines_below():
    units = settle([("Colossus", 16.0, 16.0)] * 2 + [("Marine", 16.0, 16.0)])
    gap = math.hypot(units["x"][0] - units["x"][1], units["y"][0] - units["y"][1])
    assert 1.5 <= gap < 1.5 + 0.25
    assert (units["x"][2], units["y"][2]) == (16, 16)


def test_units_asked_for_outside_of_the_map_stand_at_its_edge():
    units = settle([("Marine", 0.0, 32.0), ("Stalker", 32.0, 31.9)])
    assert_apart(units, FIELD)
    assert np.hypot(units["x"] - (0, 32), units["y"] - (32, 31.9)).max() < 1.3


def test_too_many_units_for_the_ground_are_refused():
    walkable = np.zeros((32, 32), dtype=np.uint8)
    walkable[15:17, 15:17] = 1
    with pytest.raises(EnvError, match="no room for a unit"):
        settle([("Zealot", 16.0, 16.0)] * 9, make_field(TYPES.table, walkable, Choices().record()))


@pytest.mark.parametrize("name", ["3m", "2s3z", "MMM2", "27m_vs_30m", "corridor", "2c_vs_64zg"])
def test_a_clustered_start_settles_around_the_points(name: str):
    scenario = load_scenario(name)
    types = load_unit_types(scenario.unit_names)
    starts = []
    for choices in (Choices(), Choices(spawn_cluster=True)):
        field = make_field(types.table, scenario.walkable, choices.record())
        starts.append(fixed_units(scenario, types, field))
        assert_apart(starts[-1], field)
    lattice, cluster = starts
    assert (np.sort(lattice["kind"]) == np.sort(cluster["kind"])).all()
    at = scenario.groups[0].at
    first = cluster[cluster["side"] == 0]
    gaps = np.hypot(first["x"] - at[0], first["y"] - at[1])
    assert gaps.min() == 0  # the unit created first stands on the point itself


@pytest.mark.slow  # a busy machine may miss it
def test_settling_twenty_against_twenty_three_takes_less_than_a_millisecond():
    draw = np.random.default_rng(2)
    places: list[Place] = [("Zergling", 16.0, 16.0)] * 20
    for x, y in draw.uniform(2, 30, size=(4, 2)).tolist():
        places += [("Zergling", x, y)] * 6
    settle(places[:43])
    times = []
    for _ in range(20):
        start = time.perf_counter()
        settle(places[:43])
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3

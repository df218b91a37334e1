from __future__ import annotations

import math

import numpy as np
import pytest
from arena import Arena

from marl.engine.walking.collision import APART, contact_distance, free_way, gather_near
from marl.engine.world import NO_UNIT


def contact(one: str, other: str, friends: bool) -> float:
    arena = Arena([(one, 10, 16)] + [(other, 20, 16)] * friends, [(other, 20, 16)] * (not friends))
    units = arena.units.view(np.recarray)
    return float(contact_distance(arena.field, units[0], units[1]))


@pytest.mark.parametrize(
    ("one", "other", "friends", "distance"),
    [
        ("Stalker", "Zealot", True, 0.5 + 0.375),  # inner radii
        ("Stalker", "Zealot", False, 0.625 + 0.375),  # separation radii
        ("Marine", "Medivac", False, APART),
        ("Colossus", "Zealot", False, APART),
        ("Colossus", "Colossus", True, 2 * 0.5625),
        ("Colossus", "Medivac", True, 0.5625 + 0.75),
        ("Marine", "SpineCrawler", False, 0.375 + 0.875),
        ("Colossus", "SpineCrawler", False, 0.75 + 0.875),
        ("Medivac", "SpineCrawler", False, APART),
    ],
)
def test_how_near_two_units_come(one: str, other: str, friends: bool, distance: float):
    assert contact(one, other, friends) == distance
    assert contact(other, one, friends) == distance


def test_a_way_ends_where_the_circles_touch():
    arena = Arena([("Marine", 10, 16), ("Marine", 12, 16.45)])
    count = gather_near(arena.field, arena.units, 0, 3.0)
    assert count == 1
    free, blocker = free_way(arena.units, count, 1.0, 0.0, 3.0)
    assert arena.near[blocker] == 1
    assert free == pytest.approx(2 - math.sqrt(0.75**2 - 0.45**2))  # 0.75 apart, 0.45 aside
    assert free_way(arena.units, count, -1.0, 0.0, 3.0) == (3.0, NO_UNIT)
    assert free_way(arena.units, count, 1.0, 0.0, 1.0) == (1.0, NO_UNIT)


def test_only_living_units_in_reach_that_can_be_touched_are_listed():
    arena = Arena(
        [("Marine", 10, 16), ("Marine", 12, 16), ("Medivac", 11, 16), ("Marine", 20, 16)],
        [("Marine", 11, 17)],
    )
    arena.health[4] = 0
    assert gather_near(arena.field, arena.units, 0, 2.0) == 1
    assert arena.near[0] == 1

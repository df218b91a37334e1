"""No side and no direction of the compass has an advantage.

Sides 1 and 2 stand for two armies of stock units: side 0 alone, the agents', never fights by
itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from arena import NAMES, TYPES, Arena
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from properties.battlefield import few

from marl.engine.combat import orders
from marl.engine.world import NO_UNIT, ORDER_ATTACK_MOVE, ORDER_MOVE

MIDDLE = 16.0
SIDES = (1, 2)
# What each does to a vector; with the shift to MIDDLE, to a place. No mirror images: friends that
# meet head-on both keep right.
TURNS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "quarter turn": lambda x, y: (-y, x),
    "half turn": lambda x, y: (-x, -y),
    "three quarters": lambda x, y: (y, -x),
}
VECTORS = (("x", "y"), ("facing_x", "facing_y"), ("velocity_x", "velocity_y"))
ALIKE = ("health", "shield", "energy", "cooldown", "swing", "target", "order", "sequence")


def two_armies(seed: int, kinds: list[str], shape: np.random.Generator) -> Arena:
    """Both sides of `kinds`, scattered over a place each, sent at each other's."""
    places = [(name, *shape.uniform((8, 8), (15, 24))) for name in kinds]
    others = [(name, *shape.uniform((17, 8), (24, 24))) for name in kinds]
    arena = Arena(places, others, seed=seed)
    arena.units["side"] = SIDES[0]
    arena.units["side"][len(kinds) :] = SIDES[1]
    angle = shape.uniform(0, 2 * np.pi, len(arena.units))
    arena.units["facing_x"], arena.units["facing_y"] = np.cos(angle), np.sin(angle)
    for i in range(len(arena.units)):
        order = ORDER_ATTACK_MOVE if shape.uniform() < 0.8 else ORDER_MOVE
        x, y = shape.uniform(10, 22, 2)
        orders.give(arena.field, arena.units, i, order, x, y, NO_UNIT)
    return arena


def turned(arena: Arena, turn: Callable) -> Arena:
    """The arena with everything in it turned about the middle of the map."""
    units = arena.units
    for x, y in VECTORS[1:]:
        units[x], units[y] = turn(units[x].copy(), units[y].copy())
    for x, y in (VECTORS[0], ("order_x", "order_y")):
        to_x, to_y = turn(units[x] - MIDDLE, units[y] - MIDDLE)
        units[x], units[y] = MIDDLE + to_x, MIDDLE + to_y
    return arena


armies = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5)
LOOPS = 48  # rounding errors grow in a brawl, and a close call may go either way later on


@few
@given(st.sampled_from(sorted(TURNS)), armies, st.integers(0, 2**32 - 1))
def test_a_battle_turned_on_open_ground_goes_the_same_way_turned(
    name: str, kinds: list[str], seed: int
):
    turn = TURNS[name]
    plain = two_armies(seed, kinds, np.random.default_rng(seed)).run(LOOPS)
    other = turned(two_armies(seed, kinds, np.random.default_rng(seed)), turn).run(LOOPS)
    turned(plain, turn)
    for field in ALIKE:
        assert plain.units[field] == pytest.approx(other.units[field], abs=1e-6), field
    for x, y in VECTORS:
        assert plain.units[x] == pytest.approx(other.units[x], abs=1e-6), x
        assert plain.units[y] == pytest.approx(other.units[y], abs=1e-6), y


@few
@given(armies, st.integers(0, 2**32 - 1))
def test_which_of_two_stock_sides_a_unit_is_on_matters_not(kinds: list[str], seed: int):
    """The same battle bit for bit when the sides change their numbers."""
    one = two_armies(seed, kinds, np.random.default_rng(seed))
    other = two_armies(seed, kinds, np.random.default_rng(seed))
    other.units["side"] = sum(SIDES) - other.units["side"]
    one.run(400)
    other.run(400)
    other.units["side"] = sum(SIDES) - other.units["side"]
    assert one.units.tobytes() == other.units.tobytes()


def winner(kinds: list[str], seed: int) -> int:
    """Who is left of two equal armies that face each other: 0 the west, 1 the east, -1 nobody."""
    spacing = 2 * max(TYPES.separation[NAMES.index(name)] for name in kinds) + 0.1
    rows = [(k - (len(kinds) - 1) / 2) * spacing for k in range(len(kinds))]
    west = [(name, 9.0, MIDDLE + row) for name, row in zip(kinds, rows, strict=True)]
    east = [(name, 23.0, MIDDLE - row) for name, row in zip(kinds, rows, strict=True)]
    arena = Arena(west, east, seed=seed)
    units, n = arena.units, len(kinds)
    units["side"] = SIDES[0]
    units["side"][n:] = SIDES[1]
    units["facing_y"] = 0.0
    units["facing_x"][:n], units["facing_x"][n:] = 1.0, -1.0
    for i in range(2 * n):
        orders.give(
            arena.field, units, i, ORDER_ATTACK_MOVE, 23.0 if i < n else 9.0, MIDDLE, NO_UNIT
        )
    for _ in range(60):
        alive: NDArray = arena.run(32).units["health"] > 0
        if not alive[:n].any() or not alive[n:].any():
            break
    return -1 if alive[:n].any() == alive[n:].any() else int(alive[n:].any())


@pytest.mark.parametrize(
    "kinds",
    [
        ["Marine"] * 3,
        ["Marine"] * 8,
        ["Zealot"] * 4,
        ["Stalker", "Zealot", "Zealot", "Stalker", "Zealot"],
        ["Zergling"] * 6 + ["Hydralisk"] * 2,
    ],
    ids=lambda kinds: f"{len(kinds)} {'-'.join(sorted(set(kinds)))}",
)
def test_of_two_equal_armies_either_wins_as_often(kinds: list[str]):
    """Over 400 seeds; a fair coin leaves four standard deviations once in 16,000."""
    wins = [winner(kinds, seed) for seed in range(400)]
    west, east = wins.count(0), wins.count(1)
    assert west + east > 300
    assert abs(west - east) <= 4 * np.sqrt(west + east)

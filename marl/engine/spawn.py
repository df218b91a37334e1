"""Where a wave's units stand when the battle begins.

The game creates the N units of a point at that one point and moves each to the nearest free place;
the lattice that results is not documented. Ours (docs/fidelity.md): a square lattice centred on the
point, its side ceil(sqrt N), neighbours just out of contact, the enemy's turned by half a circle.
"""

from __future__ import annotations

import math

from marl.engine.scenario import SIDES, Point, Scenario, is_walkable
from marl.engine.world import UnitTypes, World, empty_world
from marl.errors import EnvError

GAP = 0.05  # between neighbours of the lattice, grid units
FACING = (0.0, -1.0)  # the game's default: south, towards the viewer; turning takes 3 loops


def make_start(scenario: Scenario, types: UnitTypes) -> World:
    """One battle at clock 0, arrays [1,N]: units whole, idle, weapons ready, at their places.

    Agents sorted by (type, x, y), then the enemies in order of creation.
    Source of the orders: oxwhirl/smac @d6aab33, starcraft2.py init_units.
    """
    allies = sorted(_place(scenario, types, "ally"))
    units = allies + _place(scenario, types, "enemy")
    for _, x, y in units:
        if not is_walkable(scenario.walkable, x, y):
            raise EnvError(
                f"map {scenario.name}: a unit would start at ({x:.2f}, {y:.2f}), which is not "
                "walkable; move its group away from the wall or lower its count"
            )
    start = empty_world(1, len(units))
    start.kind[0], start.x[0], start.y[0] = zip(*units, strict=True)
    start.side[0, len(allies) :] = 1
    start.facing_x[0], start.facing_y[0] = FACING
    start.health[0] = types.health[start.kind[0]]
    start.shield[0] = types.shield[start.kind[0]]
    return start


def place_units(world: World, start: World, n_battles: int) -> None:
    """Put the first n_battles battles at `start`; the units of the others are dead."""
    world.units[:] = start.units
    world.clock[:] = start.clock
    world.health[n_battles:] = 0.0


def _place(scenario: Scenario, types: UnitTypes, side: str) -> list[tuple[int, float, float]]:
    """(type, x, y) of one side's units in order of creation; a point's units share a lattice."""
    kinds_at: dict[Point, list[int]] = {}
    created = []
    for group in scenario.groups:
        if group.side == side:
            kinds = kinds_at.setdefault(group.at, [])
            for _ in range(group.count):
                created.append((group.at, len(kinds)))
                kinds.append(scenario.unit_names.index(group.unit))
    turn = 1.0 if side == SIDES[0] else -1.0
    lattices = {
        at: lattice(len(kinds), 2 * max(types.separation[kinds]) + GAP)
        for at, kinds in kinds_at.items()
    }
    units = []
    for at, rank in created:
        dx, dy = lattices[at][rank]
        units.append((kinds_at[at][rank], at[0] + turn * dx, at[1] + turn * dy))
    return units


def lattice(count: int, spacing: float) -> list[Point]:
    """Offsets of `count` places around (0, 0), column by column; a short last column is centred."""
    side = math.ceil(math.sqrt(count))
    columns = math.ceil(count / side)
    places = []
    for rank in range(count):
        column, row = divmod(rank, side)
        rows = min(side, count - column * side)
        places.append(((column - (columns - 1) / 2) * spacing, (row - (rows - 1) / 2) * spacing))
    return places

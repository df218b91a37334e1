"""Where a wave's units stand when the battle begins.

The game creates the N units of a point at that one point and moves each to the nearest free place; the
lattice that results is not documented. Ours (docs/fidelity.md): a square lattice centred on the
point, its side ceil(sqrt N), neighbours just out of contact, the enemy's turned by half a circle.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from marl.engine.scenario import SIDES, Point, Scenario, is_walkable
from marl.engine.world import NO_UNIT, ORDER_NONE, Floats, Ints, UnitTypes, World
from marl.errors import EnvError

GAP = 0.05  # between neighbours of the lattice, grid units
FACING = -math.pi / 2  # the game's default: towards the viewer, south; turning takes 3 loops


class Wave(NamedTuple):
    """All units of a battle at its start: the agents in agent order, then the enemies."""

    kind: Ints  # [N] type index
    side: Ints  # [N] 0 ally, 1 enemy
    x: Floats  # [N]
    y: Floats


def make_wave(scenario: Scenario, types: UnitTypes) -> Wave:
    """The starting positions; agents sorted by (type, x, y), enemies in order of creation.

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
    return Wave(
        kind=np.array([kind for kind, _, _ in units], dtype=np.int64),
        side=np.array([int(i >= len(allies)) for i in range(len(units))], dtype=np.int64),
        x=np.array([x for _, x, _ in units]),
        y=np.array([y for _, _, y in units]),
    )


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
        places.append(
            ((column - (columns - 1) / 2) * spacing, (row - (rows - 1) / 2) * spacing)
        )
    return places


@nb.njit(cache=True)
def place_wave(world: World, e: int, wave: Wave, types: UnitTypes) -> None:
    """Put battle e's units at their start: whole, idle, weapons ready, at clock 0."""
    for i in range(wave.kind.size):
        kind = wave.kind[i]
        world.kind[e, i] = kind
        world.side[e, i] = wave.side[i]
        world.x[e, i] = wave.x[i]
        world.y[e, i] = wave.y[i]
        world.facing[e, i] = FACING
        world.health[e, i] = types.health[kind]
        world.shield[e, i] = types.shield[kind]
    world.cooldown[e, :] = 0.0
    world.shield_wait[e, :] = 0.0
    world.order[e, :] = ORDER_NONE
    world.order_x[e, :] = 0.0
    world.order_y[e, :] = 0.0
    world.order_target[e, :] = NO_UNIT
    world.target[e, :] = NO_UNIT
    world.swing[e, :] = -1.0
    world.burst[e, :] = -1.0
    world.burst_target[e, :] = NO_UNIT
    world.missile[e, :] = -1.0
    world.missile_target[e, :] = NO_UNIT
    world.missile_x[e, :] = 0.0
    world.missile_y[e, :] = 0.0
    world.attacker[e, :] = NO_UNIT
    world.clock[e, 0] = 0

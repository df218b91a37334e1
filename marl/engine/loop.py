"""The game loop: every unit acts once, in an order shuffled anew each time."""

from __future__ import annotations

from marl.engine.geometry import Cells
from marl.engine.jit import compiled, inlined
from marl.engine.movement import ARRIVED, stand, walk
from marl.engine.rng import State, shuffle
from marl.engine.targeting import opponent
from marl.engine.vitals import recover
from marl.engine.weapons import fight, fly, hit_again
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK_MOVE,
    ORDER_MOVE,
    ORDER_NONE,
    Table,
    Units,
    World,
)


@inlined
def advance(world: World, e: int, table: Table, walkable: Cells, loops: int) -> None:
    """Run `loops` game loops of battle e; nothing outside row e is read or written.

    walkable: [H,W], indexed [y,x], y from the south; see `marl.engine.geometry`.
    """
    world.clock[e, 0] += loops
    run_loops(world.units[e], table, walkable, world.rng[e], loops)


@compiled
def run_loops(units: Units, table: Table, walkable: Cells, state: State, loops: int) -> None:
    """The loops of one battle. state: [1], the battle's random numbers."""
    for _ in range(loops):
        shuffle(units, state)
        for turn in range(units.size):
            i = units[turn].sequence
            if units[i].missile >= 0.0:
                fly(units, table, i)
            if units[i].health > 0.0:
                act(units, table, walkable, state, i)


@compiled
def act(units: Units, table: Table, walkable: Cells, state: State, i: int) -> None:
    """One loop of living unit i."""
    unit = units[i]
    recover(units, table, i)
    if unit.burst >= 0.0:
        hit_again(units, table, i)
    target = opponent(units, table, i)
    if target != NO_UNIT:
        fight(units, table, walkable, state, i, target)
        return
    unit.swing = -1.0
    if unit.order == ORDER_MOVE or unit.order == ORDER_ATTACK_MOVE:
        if walk(units, table, walkable, i, unit.order_x, unit.order_y) == ARRIVED:
            unit.order = ORDER_NONE
    else:
        stand(units[i])

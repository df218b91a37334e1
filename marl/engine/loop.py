"""The game loop: every unit acts once, in an order shuffled anew each time."""

from __future__ import annotations

from marl.engine.jit import compiled
from marl.engine.movement import ARRIVED, rest, walk
from marl.engine.rng import State, shuffle
from marl.engine.targeting import opponent
from marl.engine.vitals import recover
from marl.engine.wave import Wave, go_on
from marl.engine.weapons import fight, fly, hit_again
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK_MOVE,
    ORDER_MOVE,
    ORDER_NONE,
    Field,
    Ints,
    Units,
)


@compiled
def run_loops(
    field: Field, wave: Wave, units: Units, state: State, clock: Ints, loops: int
) -> None:
    """Run `loops` game loops of one battle.

    state: [1], the battle's random numbers. clock: [1], loops since the battle began.
    """
    for _ in range(loops):
        go_on(field, wave, units, clock[0])
        clock[0] += 1
        shuffle(units, state)
        for turn in range(units.size):
            i = units[turn].sequence
            if units[i].missile >= 0.0:
                fly(field, units, i)
            if units[i].health > 0.0:
                act(field, units, state, i)


@compiled
def act(field: Field, units: Units, state: State, i: int) -> None:
    """One loop of living unit i."""
    unit = units[i]
    recover(field, units, i)
    if unit.burst >= 0.0:
        hit_again(field, units, i)
    target = opponent(field, units, i)
    if target != NO_UNIT:
        fight(field, units, state, i, target)
        return
    unit.swing = -1.0
    if unit.order == ORDER_MOVE or unit.order == ORDER_ATTACK_MOVE:
        if walk(field, units, i, unit.order_x, unit.order_y) == ARRIVED:
            unit.order = ORDER_NONE
    else:
        rest(field, units, i)

"""The game loop: every unit acts once, in an order shuffled anew each time."""

from __future__ import annotations

from marl.engine.combat.enemy_script import Wave, go_on
from marl.engine.combat.healing import go_on_healing
from marl.engine.combat.splash import explode_all
from marl.engine.combat.sweep import land_beams, sweep_on
from marl.engine.combat.targeting import note_foes, opponent
from marl.engine.combat.vitals import recover
from marl.engine.combat.weapons import fight, fly, hit_again
from marl.engine.compiled.jit import compiled
from marl.engine.field import Field
from marl.engine.rng import State, shuffle
from marl.engine.walking.movement import ARRIVED, rest, walk
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK_MOVE,
    ORDER_MOVE,
    ORDER_NONE,
    SUICIDE,
    SWEEP,
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
    note_foes(units)
    has_beams = has_delivery(field, units, SWEEP)
    has_explosives = has_delivery(field, units, SUICIDE)
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
        if has_beams:
            land_beams(field, units)
        if has_explosives:
            explode_all(field, units)


@compiled
def has_delivery(field: Field, units: Units, delivery: int) -> bool:
    """Whether any unit, dead or alive, has a weapon that hits in this way."""
    for i in range(units.size):
        kind = field.table[units[i].kind]
        if kind.targets != 0 and kind.delivery == delivery:
            return True
    return False


@compiled
def act(field: Field, units: Units, state: State, i: int) -> None:
    """One loop of living unit i."""
    unit = units[i]
    kind = field.table[unit.kind]
    recover(field, units, i)
    if unit.burst >= 0.0:
        if kind.delivery == SWEEP:
            sweep_on(field, units, i)
        else:
            hit_again(field, units, i)
    if kind.heal_rate > 0.0 and go_on_healing(field, units, i):
        return
    target = opponent(field, units, i)
    if target != NO_UNIT:
        fight(field, units, state, i, target)
        return
    unit.swing = -1.0
    # Beams run on when their target dies, and the unit stands so long.
    resumes = unit.order == ORDER_ATTACK_MOVE and unit.burst < 0.0
    if resumes or unit.order == ORDER_MOVE:
        if walk(field, units, i, unit.order_x, unit.order_y) == ARRIVED:
            unit.order = ORDER_NONE
    else:
        rest(field, units, i)

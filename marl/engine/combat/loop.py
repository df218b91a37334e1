"""The game loop: every unit acts once, in a new random order each time."""

from __future__ import annotations

from marl.compiled.jit import compiled
from marl.engine.combat.enemy_script import EnemyScript, continue_enemy_script
from marl.engine.combat.healing import act_as_healer
from marl.engine.combat.splash import explode_all
from marl.engine.combat.sweep import apply_beam_hits, continue_sweep
from marl.engine.combat.targeting import choose_target, mark_opponents
from marl.engine.combat.vitals import kill_marked, recover
from marl.engine.combat.weapons import fight, fly, hit_again
from marl.engine.field import Field
from marl.engine.rng import Rng, shuffle
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
    field: Field,
    enemy_script: EnemyScript,
    units: Units,
    rng: Rng,
    clock: Ints,
    loops: int,
    marked: Ints,
    kill_after: int,
) -> None:
    """Run `loops` game loops of one battle; marked units die after `kill_after` of them.

    rng: [1], the battle's generator. clock: [1], loops since the battle began. marked: [M], 1 for
    each of the first M units that is to die; none dies unless 0 <= kill_after < loops.
    A loop: the enemy's script, every unit in a new random order, delayed hits.
    """
    mark_opponents(units)
    has_beams = has_delivery(field, units, SWEEP)
    has_explosives = has_delivery(field, units, SUICIDE)
    for n in range(loops):
        if n == kill_after:
            kill_marked(field, units, marked)
        continue_enemy_script(field, enemy_script, units, clock[0])
        clock[0] += 1
        shuffle(units, rng)
        for turn in range(units.size):
            i = units[turn].sequence
            if units[i].missile >= 0.0:
                fly(field, units, i)
            if units[i].health > 0.0:
                act(field, units, rng, i)
        if has_beams:
            apply_beam_hits(field, units)
        if has_explosives:
            explode_all(field, units)


@compiled
def has_delivery(field: Field, units: Units, delivery: int) -> bool:
    """Whether any unit, dead or alive, has a weapon of this delivery (INSTANT ...)."""
    for i in range(units.size):
        kind = field.table[units[i].kind]
        if kind.targets != 0 and kind.delivery == delivery:
            return True
    return False


@compiled
def act(field: Field, units: Units, rng: Rng, i: int) -> None:
    """One loop of living unit i."""
    unit = units[i]
    kind = field.table[unit.kind]
    recover(field, units, i)
    if unit.burst >= 0.0:
        if kind.delivery == SWEEP:
            continue_sweep(field, units, i)
        else:
            hit_again(field, units, i)
    if kind.heal_rate > 0.0 and act_as_healer(field, units, i):
        return
    target = choose_target(field, units, i)
    if target != NO_UNIT:
        fight(field, units, rng, i, target)
        return
    unit.swing = -1.0
    # A sweep goes on when its target has died, and the unit stands until its end.
    resumes = unit.order == ORDER_ATTACK_MOVE and unit.burst < 0.0
    if resumes or unit.order == ORDER_MOVE:
        if walk(field, units, i, unit.order_x, unit.order_y) == ARRIVED:
            unit.order = ORDER_NONE
    else:
        rest(field, units, i)

"""Explosions: a baneling explodes when it dies, whatever killed it.

All explosions of a loop, those that others cause included, happen at its end, after every unit has
acted. So they do not depend on the order of acting, and a chain needs no recursion and no queue.
"""

from __future__ import annotations

from marl.compiled.jit import compiled
from marl.engine.combat.targeting import can_hit, squared_gap
from marl.engine.combat.vitals import attack_on, strike
from marl.engine.field import Field
from marl.engine.world import STRUCTURE, Units


@compiled
def explode_all(field: Field, units: Units) -> None:
    """Explode the units that have died, until an explosion kills no other one."""
    goes_on = True
    while goes_on:
        goes_on = False
        for i in range(units.size):
            if units[i].fuse != 0:
                units[i].fuse = 0
                explode(field, units, i)
                goes_on = True


@compiled
def explode(field: Field, units: Units, i: int) -> None:
    """Hit every opponent within unit i's splash radius that its weapon can hit."""
    unit = units[i]
    kind = field.table[unit.kind]
    counts_radius = field.choices[0].splash_counts_radius != 0
    for j in range(unit.opponents_begin, unit.opponents_end):
        other = units[j]
        other_kind = field.table[other.kind]
        is_victim = other.side != unit.side and other.health > 0.0
        if not is_victim or not can_hit(kind, other_kind):
            continue
        reach = kind.splash_radius + (other_kind.radius if counts_radius else 0.0)
        if squared_gap(unit, other) <= reach * reach:
            is_structure = (other_kind.attributes & STRUCTURE) != 0
            attack = kind.structure_damage if is_structure else attack_on(kind, other_kind)
            strike(field, units, i, j, attack)

"""Healers: which friend a medivac heals, and how.

Source of range, rate, cost and choice of patient: the game data (maps/units.yaml).
"""

from __future__ import annotations

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.targeting import squared_gap
from marl.engine.combat.vitals import PASSIVE_SIDE, is_alive
from marl.engine.combat.weapons import turn_towards
from marl.engine.field import Field
from marl.engine.walking.movement import ARRIVED, rest, walk
from marl.engine.world import (
    BIOLOGICAL,
    NO_UNIT,
    ORDER_ATTACK_MOVE,
    ORDER_HEAL,
    ORDER_MOVE,
    ORDER_NONE,
    STRUCTURE,
    Units,
)


@inlined
def is_patient(field: Field, units: Units, i: int, friend: int) -> bool:
    """Whether healer i can heal `friend`, at any distance: wounded, biological, not itself."""
    if not is_alive(units, friend) or friend == i or units[i].energy <= 0.0:
        return False
    other = units[friend]
    kind = field.table[other.kind]
    is_creature = (kind.attributes & BIOLOGICAL) != 0 and (kind.attributes & STRUCTURE) == 0
    return other.side == units[i].side and is_creature and other.health < kind.health


@compiled
def choose_patient(field: Field, units: Units, i: int) -> int:
    """The friend that healer i heals in this loop, or NO_UNIT."""
    unit = units[i]
    if unit.order == ORDER_HEAL:
        unit.target = unit.order_target
        if not is_patient(field, units, i, unit.target):
            unit.order = ORDER_NONE
            unit.target = NO_UNIT
    elif unit.order == ORDER_MOVE or not heals_by_itself(field, units, i):
        unit.target = NO_UNIT
    elif not is_patient_near(field, units, i, unit.target):
        unit.target = most_wounded(field, units, i)
    return unit.target


@inlined
def heals_by_itself(field: Field, units: Units, i: int) -> bool:
    """Whether healer i looks for patients when it has no other order."""
    return units[i].side != PASSIVE_SIDE or field.choices[0].ally_medivac_autocast != 0


@inlined
def is_patient_near(field: Field, units: Units, i: int, friend: int) -> bool:
    """Whether healer i can heal `friend` and it is in scan range, between edges."""
    if not is_patient(field, units, i, friend):
        return False
    unit, other = units[i], units[friend]
    kind = field.table[unit.kind]
    reach = kind.heal_scan + kind.radius + field.table[other.kind].radius
    return squared_gap(unit, other) <= reach * reach


@compiled
def most_wounded(field: Field, units: Units, i: int) -> int:
    """The patient in scan range with the lowest share of health, then the nearest; or NO_UNIT."""
    unit = units[i]
    best, least, gap = NO_UNIT, 1.0, 0.0
    if unit.energy < field.table[unit.kind].heal_min_energy:
        return best
    for j in range(units.size):
        if not is_patient_near(field, units, i, j) or is_healed_by_another(field, units, i, j):
            continue
        share = units[j].health / field.table[units[j].kind].health
        distance = squared_gap(unit, units[j])
        if share < least or (share == least and distance < gap):
            best, least, gap = j, share, distance
    return best


@compiled
def is_healed_by_another(field: Field, units: Units, i: int, friend: int) -> bool:
    """Whether another healer heals `friend`; always False with Choices.patient_shared."""
    if field.choices[0].patient_shared != 0:
        return False
    for j in range(units.size):
        other = units[j]
        heals = field.table[other.kind].heal_rate > 0.0 and other.health > 0.0
        if heals and j != i and other.side == units[i].side and other.target == friend:
            return True
    return False


@compiled
def heal(field: Field, units: Units, i: int, friend: int) -> None:
    """One loop of healer i and its patient: approach, face it, turn energy into its health."""
    unit, other = units[i], units[friend]
    kind, other_kind = field.table[unit.kind], field.table[other.kind]
    gap = squared_gap(unit, other)
    reach = kind.heal_range + kind.radius + other_kind.radius
    if gap > reach * reach:
        walk(field, units, i, other.x, other.y)
        return
    is_facing = turn_towards(unit, kind, other, gap) >= kind.heal_arc_cos
    rest(field, units, i)
    if is_facing:
        healed = min(kind.heal_rate, other_kind.health - other.health)
        if kind.heal_cost > 0.0:
            healed = min(healed, unit.energy / kind.heal_cost)
        other.health += healed
        unit.energy -= healed * kind.heal_cost
        if unit.energy <= 0.0:
            stop_healing(units, i)


@inlined
def stop_healing(units: Units, i: int) -> None:
    """End the healing of healer i, which has no energy left."""
    unit = units[i]
    unit.energy = 0.0
    unit.target = NO_UNIT
    if unit.order == ORDER_HEAL:
        unit.order = ORDER_NONE


@compiled
def follow_army(field: Field, units: Units, i: int) -> None:
    """One loop of an attack-moving healer without a patient: walk to the centre of its army.

    The army is its friends with weapons. Once they are all idle or dead, or always without
    Choices.enemy_medivac_follows, it walks to the point of its order.
    """
    unit = units[i]
    count, x, y = 0, 0.0, 0.0
    is_busy = False
    if field.choices[0].enemy_medivac_follows != 0:
        for j in range(units.size):
            other = units[j]
            is_friend = other.side == unit.side and other.health > 0.0
            if is_friend and field.table[other.kind].targets != 0:
                count += 1
                x += other.x
                y += other.y
                is_busy = is_busy or other.order != ORDER_NONE or other.target != NO_UNIT
    if is_busy:
        walk(field, units, i, x / count, y / count)
    elif walk(field, units, i, unit.order_x, unit.order_y) == ARRIVED:
        unit.order = ORDER_NONE


@compiled
def act_as_healer(field: Field, units: Units, i: int) -> bool:
    """One loop of living healer i; whether it healed or followed its army."""
    friend = choose_patient(field, units, i)
    if friend != NO_UNIT:
        heal(field, units, i, friend)
        return True
    if units[i].order == ORDER_ATTACK_MOVE:
        follow_army(field, units, i)
        return True
    return False

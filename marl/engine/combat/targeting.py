"""Target choice: agents fight the target of their order, stock units the nearest threat.

Sources: "Automatic Targeting" (Liquipedia) and pysc2's documentation; docs/fidelity.md lists our
choices where they say nothing. A chase beyond LEASH ends; only open arenas are larger than that.
"""

from __future__ import annotations

import math

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.vitals import PASSIVE_SIDE, is_alive
from marl.engine.field import Field
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK,
    ORDER_MOVE,
    ORDER_NONE,
    STRUCTURE,
    SUICIDE,
    Unit,
    Units,
    UnitType,
)

LEASH = 21.0  # a target farther than this, centre to centre, is given up
BLOCKED_LOOPS = 8  # loops without getting nearer to its target, after which a unit takes another
KEPT_LOOPS = 32  # loops for which it keeps that one
NO_THREAT_PENALTY = 1e9  # added to the squared distance of units that can't hit back


@inlined
def can_hit(kind: UnitType, other_kind: UnitType) -> bool:
    """Whether the weapon of `kind`, if it has one, reaches the plane of `other_kind`."""
    return (kind.targets & other_kind.plane) != 0


@inlined
def is_auto_target(kind: UnitType, other_kind: UnitType) -> bool:
    """Whether a unit of `kind` attacks the other kind without an order; banelings no buildings."""
    is_wasted = kind.delivery == SUICIDE and (other_kind.attributes & STRUCTURE) != 0
    return can_hit(kind, other_kind) and not is_wasted


@inlined
def is_threat(kind: UnitType, other_kind: UnitType) -> bool:
    """Whether the other kind can hit back at `kind`, or counts as if it could."""
    return can_hit(other_kind, kind) or other_kind.always_threatens != 0


@inlined
def choose_target(field: Field, units: Units, i: int) -> int:
    """Set and give the unit that unit i fights in this loop, or NO_UNIT."""
    unit = units[i]
    kind = field.table[unit.kind]
    if unit.order == ORDER_ATTACK:
        target = unit.order_target
        if is_alive(units, target) and can_hit(kind, field.table[units[target].kind]):
            unit.target = target
        else:
            unit.order = ORDER_NONE
            unit.target = NO_UNIT
    elif unit.order == ORDER_MOVE or unit.side == PASSIVE_SIDE or kind.targets == 0:
        unit.target = NO_UNIT
    else:
        acquire(field, units, i)
    return unit.target


@inlined
def acquire(field: Field, units: Units, i: int) -> None:
    """Set the target of a unit that fights without an attack order.

    It keeps a living target in weapon range, or one that it is shooting at. Otherwise it takes the
    nearest in scan range; if there is none it chases the old target, or turns on its attacker.
    """
    unit = units[i]
    target = unit.target
    if not is_alive(units, target):
        target = NO_UNIT
        unit.blocked = 0
    if field.choices[0].helpers_rerank != 0 and should_answer(field, units, i):
        target = unit.attacker
        unit.blocked = 0
    elif target != NO_UNIT and keeps_target(field, units, i, target):
        return
    else:
        target = look_for_target(field, units, i, target)
    unit.attacker = NO_UNIT
    unit.target = target


@inlined
def look_for_target(field: Field, units: Units, i: int, target: int) -> int:
    """The new target of unit i, or NO_UNIT. target: its living target so far, or NO_UNIT."""
    unit = units[i]
    found = nearest_in_scan(field, units, i)
    if found == NO_UNIT:
        found = target
        if target == NO_UNIT and field.choices[0].answer_beyond_scan != 0:
            found = attacker_to_answer(field, units, i)
        if found != NO_UNIT and squared_gap(unit, units[found]) > LEASH * LEASH:
            found = NO_UNIT
    if found != target:
        unit.blocked = 0
        unit.swing = -1.0  # a swing is at one target
    return found


@inlined
def attacker_to_answer(field: Field, units: Units, i: int) -> int:
    """The living unit that hit unit i or a friend that called for help, if unit i attacks it."""
    attacker = units[i].attacker
    if is_alive(units, attacker):
        kind, other_kind = field.table[units[i].kind], field.table[units[attacker].kind]
        if is_auto_target(kind, other_kind):
            return attacker
    return NO_UNIT


@compiled
def should_answer(field: Field, units: Units, i: int) -> bool:
    """Whether unit i is not shooting and has the attacker that it should answer in scan range."""
    unit = units[i]
    attacker = attacker_to_answer(field, units, i)
    if attacker == NO_UNIT or unit.swing >= 0.0 or unit.burst >= 0.0:
        return False
    reach = scan_reach(field, unit) + field.table[units[attacker].kind].radius
    return squared_gap(unit, units[attacker]) <= reach * reach


@inlined
def keeps_target(field: Field, units: Units, i: int, target: int) -> bool:
    """Whether unit i keeps its living target without looking for another one."""
    unit, other = units[i], units[target]
    if unit.swing >= 0.0 or unit.burst >= 0.0 or unit.blocked < 0:
        return True
    choices = field.choices[0]
    if choices.target_kept == 0:
        return False
    kind, other_kind = field.table[unit.kind], field.table[other.kind]
    reach = kind.weapon_range + kind.radius + other_kind.radius
    if squared_gap(unit, other) > reach * reach:
        return False
    return choices.threats_first == 0 or is_threat(kind, other_kind)


@inlined
def squared_gap(unit: Unit, other: Unit) -> float:
    """Squared distance between the centres."""
    gap_x, gap_y = other.x - unit.x, other.y - unit.y
    return gap_x * gap_x + gap_y * gap_y


@inlined
def scan_reach(field: Field, unit: Unit) -> float:
    """Distance up to which a unit looks for targets, from its centre to their edges."""
    kind = field.table[unit.kind]
    return max(kind.scan_range, kind.weapon_range + field.choices[0].acquire_margin) + kind.radius


@inlined
def nearest_in_scan(field: Field, units: Units, i: int) -> int:
    """The nearest enemy (by centres) within scan range, threats first; NO_UNIT if none."""
    unit = units[i]
    kind = field.table[unit.kind]
    own_reach = scan_reach(field, unit)
    ranks = field.choices[0].threats_first != 0
    best, least = NO_UNIT, 2.0 * NO_THREAT_PENALTY
    for j in range(unit.opponents_begin, unit.opponents_end):
        other = units[j]
        gap = squared_gap(unit, other)
        if gap < least and other.side != unit.side and other.health > 0.0:
            other_kind = field.table[other.kind]
            reach = own_reach + other_kind.radius
            if gap <= reach * reach and is_auto_target(kind, other_kind):
                if ranks and not is_threat(kind, other_kind):
                    gap += NO_THREAT_PENALTY
                if gap < least:
                    best, least = j, gap
    return best


@compiled
def mark_opponents(units: Units) -> None:
    """Set opponents_begin and opponents_end, between which are all opponents of a unit."""
    last = units.size - 1
    begin, end = units.size, 0  # of those on another side than the first one, than the last one
    for i in range(units.size):
        if begin > last and units[i].side != units[0].side:
            begin = i
        if units[i].side != units[last].side:
            end = i + 1
    for i in range(units.size):
        unit = units[i]
        unit.opponents_begin = begin if unit.side == units[0].side else 0
        unit.opponents_end = end if unit.side == units[last].side else units.size


@compiled
def nearest_opponent(units: Units, i: int) -> int:
    """The nearest living unit of the other side, at any distance; NO_UNIT if none."""
    unit = units[i]
    best, least = NO_UNIT, math.inf
    for j in range(units.size):
        other = units[j]
        if other.side != unit.side and other.health > 0.0:
            gap = squared_gap(unit, other)
            if gap < least:
                best, least = j, gap
    return best


@compiled
def nearest_exposed(field: Field, units: Units, i: int) -> int:
    """The nearest enemy in scan range with no unit in the way to it, except the present target."""
    unit = units[i]
    kind = field.table[unit.kind]
    own_reach = scan_reach(field, unit)
    best, least = NO_UNIT, NO_THREAT_PENALTY
    for j in range(unit.opponents_begin, unit.opponents_end):
        other = units[j]
        if other.side != unit.side and other.health > 0.0 and j != unit.target:
            gap = squared_gap(unit, other)
            other_kind = field.table[other.kind]
            reach = own_reach + other_kind.radius
            is_near = gap <= reach * reach and gap < least
            if is_near and is_auto_target(kind, other_kind) and is_exposed(field, units, i, j):
                best, least = j, gap
    return best


@compiled
def is_exposed(field: Field, units: Units, i: int, j: int) -> bool:
    """Whether no other living unit stands on the straight line from unit i to unit j."""
    unit = units[i]
    way_x, way_y = units[j].x - unit.x, units[j].y - unit.y
    length = way_x * way_x + way_y * way_y
    if length == 0.0:
        return True
    for k in range(units.size):
        other = units[k]
        if k in (i, j) or other.health <= 0.0:
            continue
        gap_x, gap_y = other.x - unit.x, other.y - unit.y
        share = (gap_x * way_x + gap_y * way_y) / length
        if 0.0 < share < 1.0:
            aside_x, aside_y = gap_x - share * way_x, gap_y - share * way_y
            width = field.table[unit.kind].inner_radius + field.table[other.kind].inner_radius
            if aside_x * aside_x + aside_y * aside_y < width * width:
                return False
    return True

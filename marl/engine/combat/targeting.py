"""Whom a unit fights: agents only whom they are told to, stock units the nearest threat.

Sources: "Automatic Targeting" (Liquipedia) and pysc2's documentation; where they
are silent, docs/fidelity.md says what we chose. Chase limits (leash 21) exceed every arena but the
open ones, where a chase beyond LEASH ends.
"""

from __future__ import annotations

import math

from marl.engine.combat.vitals import PASSIVE_SIDE, is_alive
from marl.engine.compiled.jit import compiled, inlined
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
BLOCKED_LOOPS = 8  # that brought a unit no nearer to its target: it looks for another one
KEPT_LOOPS = 32  # that it then keeps for so long
HARMLESS = 1e9  # added to the squared distance of what cannot hit back: threats come first


@inlined
def can_hit(kind: UnitType, other_kind: UnitType) -> bool:
    """Whether the weapon of `kind`, if it has one, reaches the plane of `other_kind`."""
    return (kind.targets & other_kind.plane) != 0


@inlined
def is_quarry(kind: UnitType, other_kind: UnitType) -> bool:
    """Whether a unit of `kind` goes for the other kind by itself: no baneling for a building."""
    is_wasted = kind.delivery == SUICIDE and (other_kind.attributes & STRUCTURE) != 0
    return can_hit(kind, other_kind) and not is_wasted


@inlined
def is_threat(kind: UnitType, other_kind: UnitType) -> bool:
    """Whether the other kind can hit back at `kind`, or counts as if it could."""
    return can_hit(other_kind, kind) or other_kind.always_threatens != 0


@inlined
def opponent(field: Field, units: Units, i: int) -> int:
    """The unit that unit i fights in this loop, or NO_UNIT."""
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
    """Set the target of a unit that fights by itself.

    A target is kept while it lives and is in weapon range, or while the shot at it is under way.
    Otherwise the nearest in scan range is taken, then the old one chased, then a hit answered.
    """
    unit = units[i]
    target = unit.target
    if not is_alive(units, target):
        target = NO_UNIT
        unit.blocked = 0
    if field.choices[0].helpers_rerank != 0 and is_called_away(field, units, i):
        target = unit.attacker
        unit.blocked = 0
    elif target != NO_UNIT and is_kept(field, units, i, target):
        return
    else:
        target = look_round(field, units, i, target)
    unit.attacker = NO_UNIT
    unit.target = target


@inlined
def look_round(field: Field, units: Units, i: int, target: int) -> int:
    """Whom unit i now goes for; `target` is its living target so far, or NO_UNIT."""
    unit = units[i]
    found = nearest(field, units, i)
    if found == NO_UNIT:
        found = target
        if target == NO_UNIT and field.choices[0].answer_beyond_scan != 0:
            found = answered(field, units, i)
        if found != NO_UNIT and squared_gap(unit, units[found]) > LEASH * LEASH:
            found = NO_UNIT
    if found != target:
        unit.blocked = 0
        unit.swing = -1.0  # a begun swing is at one target
    return found


@inlined
def answered(field: Field, units: Units, i: int) -> int:
    """The living unit that hit unit i or a friend who called, if unit i can hit it."""
    attacker = units[i].attacker
    if is_alive(units, attacker):
        kind, other_kind = field.table[units[i].kind], field.table[units[attacker].kind]
        if is_quarry(kind, other_kind):
            return attacker
    return NO_UNIT


@compiled
def is_called_away(field: Field, units: Units, i: int) -> bool:
    """Whether unit i is free to turn to the attacker that it was called against, and in scan."""
    unit = units[i]
    attacker = answered(field, units, i)
    if attacker == NO_UNIT or unit.swing >= 0.0 or unit.burst >= 0.0:
        return False
    reach = scan_reach(field, unit) + field.table[units[attacker].kind].radius
    return squared_gap(unit, units[attacker]) <= reach * reach


@inlined
def is_kept(field: Field, units: Units, i: int, target: int) -> bool:
    """Whether unit i stays with its living target without looking round."""
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
    """Squared distance of the centres."""
    gap_x, gap_y = other.x - unit.x, other.y - unit.y
    return gap_x * gap_x + gap_y * gap_y


@inlined
def scan_reach(field: Field, unit: Unit) -> float:
    """How far a unit looks for targets, from its centre to their edges."""
    kind = field.table[unit.kind]
    return max(kind.scan_range, kind.weapon_range + field.choices[0].acquire_margin) + kind.radius


@inlined
def nearest(field: Field, units: Units, i: int) -> int:
    """The nearest enemy (by centres) within scan range, threats first; NO_UNIT if none."""
    unit = units[i]
    kind = field.table[unit.kind]
    own_reach = scan_reach(field, unit)
    ranks = field.choices[0].threats_first != 0
    best, least = NO_UNIT, 2.0 * HARMLESS
    for j in range(unit.foes_begin, unit.foes_end):
        other = units[j]
        gap = squared_gap(unit, other)
        if gap < least and other.side != unit.side and other.health > 0.0:
            other_kind = field.table[other.kind]
            reach = own_reach + other_kind.radius
            if gap <= reach * reach and is_quarry(kind, other_kind):
                if ranks and not is_threat(kind, other_kind):
                    gap += HARMLESS
                if gap < least:
                    best, least = j, gap
    return best


@compiled
def note_foes(units: Units) -> None:
    """Note for each unit which part of the list holds all its opponents."""
    last = units.size - 1
    begin, end = units.size, 0  # of those on another side than the first one, than the last one
    for i in range(units.size):
        if begin > last and units[i].side != units[0].side:
            begin = i
        if units[i].side != units[last].side:
            end = i + 1
    for i in range(units.size):
        unit = units[i]
        unit.foes_begin = begin if unit.side == units[0].side else 0
        unit.foes_end = end if unit.side == units[last].side else units.size


@compiled
def nearest_opponent(units: Units, i: int) -> int:
    """The nearest living unit of the other side, however far; NO_UNIT if none."""
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
def reachable(field: Field, units: Units, i: int) -> int:
    """The nearest enemy in scan range, not the present target, to which unit i's way is free."""
    unit = units[i]
    kind = field.table[unit.kind]
    own_reach = scan_reach(field, unit)
    best, least = NO_UNIT, HARMLESS
    for j in range(unit.foes_begin, unit.foes_end):
        other = units[j]
        if other.side != unit.side and other.health > 0.0 and j != unit.target:
            gap = squared_gap(unit, other)
            other_kind = field.table[other.kind]
            reach = own_reach + other_kind.radius
            is_near = gap <= reach * reach and gap < least
            if is_near and is_quarry(kind, other_kind) and is_exposed(field, units, i, j):
                best, least = j, gap
    return best


@compiled
def is_exposed(field: Field, units: Units, i: int, j: int) -> bool:
    """Whether no other living unit stands in the straight way of unit i to unit j."""
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

"""Whom a unit fights: agents only whom they are told to, stock units the nearest threat.

Sources: "Automatic Targeting" (Liquipedia) and pysc2's documentation; where they
are silent, docs/fidelity.md says what we chose. Chase limits (leash 21) exceed every arena but the
open ones, where a chase beyond LEASH ends.
"""

from __future__ import annotations

import math

from marl.engine.jit import compiled, inlined
from marl.engine.vitals import PASSIVE_SIDE, is_alive
from marl.engine.world import NO_UNIT, ORDER_ATTACK, ORDER_MOVE, ORDER_NONE, Field, Unit, Units

LEASH = 21.0  # a target farther than this, centre to centre, is given up
BLOCKED_LOOPS = 8  # that brought a unit no nearer to its target: it looks for another one
KEPT_LOOPS = 32  # that it then keeps for so long
HARMLESS = 1e9  # added to the squared distance of what cannot hit back: threats come first


@inlined
def opponent(field: Field, units: Units, i: int) -> int:
    """The unit that unit i fights in this loop, or NO_UNIT."""
    unit = units[i]
    if unit.order == ORDER_ATTACK:
        if is_alive(units, unit.order_target):
            unit.target = unit.order_target
        else:
            unit.order = ORDER_NONE
            unit.target = NO_UNIT
    elif unit.order == ORDER_MOVE or unit.side == PASSIVE_SIDE:
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
    elif is_kept(field, units, i, target):
        return
    found = nearest(field, units, i)
    if found == NO_UNIT:
        found = target if target != NO_UNIT else unit.attacker
        if not is_alive(units, found) or squared_gap(unit, units[found]) > LEASH * LEASH:
            found = NO_UNIT
    if found != target:
        unit.blocked = 0
    unit.attacker = NO_UNIT
    unit.target = found


@inlined
def is_kept(field: Field, units: Units, i: int, target: int) -> bool:
    """Whether unit i stays with its living target without looking round."""
    unit, other = units[i], units[target]
    if unit.swing >= 0.0 or unit.burst >= 0.0 or unit.blocked < 0:
        return True
    reach = (
        field.table[unit.kind].weapon_range
        + field.table[unit.kind].radius
        + field.table[other.kind].radius
    )
    return field.table[other.kind].damage > 0.0 and squared_gap(unit, other) <= reach * reach


@inlined
def squared_gap(unit: Unit, other: Unit) -> float:
    """Squared distance of the centres."""
    gap_x, gap_y = other.x - unit.x, other.y - unit.y
    return gap_x * gap_x + gap_y * gap_y


@inlined
def nearest(field: Field, units: Units, i: int) -> int:
    """The nearest enemy (by centres) within scan range, threats first; NO_UNIT if none."""
    unit = units[i]
    own_reach = field.table[unit.kind].scan_range + field.table[unit.kind].radius
    best, least = NO_UNIT, 2.0 * HARMLESS
    for j in range(units.size):
        other = units[j]
        gap = squared_gap(unit, other)
        if gap < least and other.side != unit.side and other.health > 0.0:
            kind = field.table[other.kind]
            reach = own_reach + kind.radius
            if gap <= reach * reach:
                if kind.damage == 0.0:
                    gap += HARMLESS
                if gap < least:
                    best, least = j, gap
    return best


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
    own_reach = field.table[unit.kind].scan_range + field.table[unit.kind].radius
    best, least = NO_UNIT, HARMLESS
    for j in range(units.size):
        other = units[j]
        if other.side != unit.side and other.health > 0.0 and j != unit.target:
            gap = squared_gap(unit, other)
            reach = own_reach + field.table[other.kind].radius
            if gap <= reach * reach and gap < least and is_exposed(field, units, i, j):
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

"""Which units are in the way of one that walks: circles swept along a line, without overlap."""

from __future__ import annotations

import math

from marl.engine.compiled.jit import compiled, inlined
from marl.engine.field import Field
from marl.engine.world import NO_UNIT, Unit, Units

APART = -1.0  # units that are never in each other's way


@inlined
def contact_distance(field: Field, unit: Unit, other: Unit) -> float:
    """How close the centres of two units may come: friends squeeze. APART: as they like."""
    kind, other_kind = field.table[unit.kind], field.table[other.kind]
    if (kind.body & other_kind.collides) == 0 and (kind.collides & other_kind.body) == 0:
        return APART
    if unit.side == other.side:
        return kind.inner_radius + other_kind.inner_radius
    return kind.separation + other_kind.separation


@compiled
def separation_distance(field: Field, unit: Unit, other: Unit) -> float:
    """How close the centres of two units are put; 0: as one likes."""
    if contact_distance(field, unit, other) == APART:
        return 0.0
    return field.table[unit.kind].separation + field.table[other.kind].separation


@inlined
def gather_near(field: Field, units: Units, i: int, length: float) -> int:
    """List the living units that unit i may touch within `length`; their count.

    The list stands in the fields near (the unit), near_x, near_y (from unit i to it) and
    near_contact (how close the centres may come) of the first units.
    """
    unit = units[i]
    x, y = unit.x, unit.y
    reach = field.table[unit.kind].touch_range + length
    found = 0
    for j in range(units.size):
        other = units[j]
        gap_x, gap_y = other.x - x, other.y - y
        # Without a branch, which a processor would often guess wrong.
        units[found].near = j
        is_near = gap_x * gap_x + gap_y * gap_y < reach * reach
        found += is_near & (other.health > 0.0) & (j != i)
    count = 0
    for n in range(found):
        other = units[units[n].near]
        contact = contact_distance(field, unit, other)
        if contact != APART:
            entry = units[count]
            entry.near = units[n].near
            entry.near_x, entry.near_y = other.x - x, other.y - y
            entry.near_contact = contact
            count += 1
    return count


@inlined
def free_way(units: Units, count: int, dx: float, dy: float, length: float) -> tuple[float, int]:
    """How far, up to `length`, the way along the unit vector (dx, dy) is free, and what ends it.

    count: of the units listed by `gather_near`; what ends the way is a place in that list, or
    NO_UNIT.
    """
    free, blocker = length, NO_UNIT
    for n in range(count):
        until = free_beside(units[n], dx, dy, free)
        if until < free:
            free, blocker = max(until, 0.0), n
    return free, blocker


@inlined
def free_beside(entry: Unit, dx: float, dy: float, length: float) -> float:
    """How far, up to `length`, one unit listed by `gather_near` leaves the way free.

    Exact: the sweep of the circles along the line; below 0 where the two overlap.
    """
    along = entry.near_x * dx + entry.near_y * dy
    contact = entry.near_contact
    # Leaving it, also where the two overlap already; or beyond what counts.
    if along <= 0.0 or along - length >= contact:
        return length
    aside = entry.near_x * dy - entry.near_y * dx
    depth = contact * contact - aside * aside
    if depth <= 0.0:
        return length
    return min(along - math.sqrt(depth), length)

"""Collisions of units: circles swept along a line."""

from __future__ import annotations

import math

from marl.compiled.jit import compiled, inlined
from marl.engine.field import Field
from marl.engine.world import NO_UNIT, Unit, Units

APART = -1.0  # of two units that never collide


@inlined
def contact_distance(field: Field, unit: Unit, other: Unit) -> float:
    """Least distance between the centres of two walking units; APART if they never collide."""
    kind, other_kind = field.table[unit.kind], field.table[other.kind]
    if (kind.body & other_kind.collides) == 0 and (kind.collides & other_kind.body) == 0:
        return APART
    if unit.side == other.side:
        return kind.inner_radius + other_kind.inner_radius
    return kind.separation + other_kind.separation


@compiled
def separation_distance(field: Field, unit: Unit, other: Unit) -> float:
    """Least distance between the centres of two units when they are placed; 0 if any will do."""
    if contact_distance(field, unit, other) == APART:
        return 0.0
    return field.table[unit.kind].separation + field.table[other.kind].separation


@inlined
def gather_near(field: Field, units: Units, i: int, length: float) -> int:
    """List the living units that unit i may touch within `length`; gives their count.

    Entry n of the list is in the fields of units[n]: near (the unit), near_x and near_y (the vector
    from unit i to it), near_contact (its `contact_distance`).
    """
    unit = units[i]
    x, y = unit.x, unit.y
    reach = field.table[unit.kind].touch_range + length
    found = 0
    for j in range(units.size):
        other = units[j]
        gap_x, gap_y = other.x - x, other.y - y
        # No branch: the processor would often mispredict it.
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
    """The free distance, up to `length`, along the unit vector (dx, dy), and the blocker.

    count: of the list made by `gather_near`. The blocker is an entry of that list, or NO_UNIT.
    """
    free, blocker = length, NO_UNIT
    for n in range(count):
        until = free_beside(units[n], dx, dy, free)
        if until < free:
            free, blocker = max(until, 0.0), n
    return free, blocker


@inlined
def free_beside(entry: Unit, dx: float, dy: float, length: float) -> float:
    """The free distance, up to `length`, before the unit of one entry made by `gather_near`.

    Exact for circles moved along the line; negative if the two overlap.
    """
    along = entry.near_x * dx + entry.near_y * dy
    contact = entry.near_contact
    # Moving away from it, even if the two overlap; or it is too far away.
    if along <= 0.0 or along - length >= contact:
        return length
    aside = entry.near_x * dy - entry.near_y * dx
    depth = contact * contact - aside * aside
    if depth <= 0.0:
        return length
    return min(along - math.sqrt(depth), length)

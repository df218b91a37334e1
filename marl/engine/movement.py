"""How a unit walks: straight, round other units, along walls, never through either.

The game's local steering is not documented; ours is a choice (docs/fidelity.md). A unit goes
straight at its goal. Where another unit is in the way it queues behind a friend going the same
way, pushes an idle friend aside, and walks round anything else, keeping to the side it began on.
Friends come as close as their inner radii, opponents as their separation radii.
"""

from __future__ import annotations

import math

import numpy as np

from marl.engine.geometry import Cells, is_free_of_walls
from marl.engine.jit import compiled, inlined
from marl.engine.targeting import squared_gap
from marl.engine.world import NO_UNIT, ORDER_NONE, ORDER_STOP, Table, Unit, Units, UnitType

MOVED, BLOCKED, ARRIVED = 0, 1, 2  # what became of a loop's walk

DETOUR_TURNS = 6  # headings tried on each side of the straight one
DETOUR_ANGLES = np.radians(22.5) * np.arange(1, DETOUR_TURNS + 1)
DETOUR_COS, DETOUR_SIN = np.cos(DETOUR_ANGLES), np.sin(DETOUR_ANGLES)
DETOUR_PROGRESS = 0.5  # share of a full step that a heading must at least leave free
LOOK_AHEAD = 0.75  # how far beyond its step a unit that walks round others looks
CROWD_RANGE = 4.0  # friends this near, centre to centre, count for which side is emptier


@inlined
def turn_to(unit: Unit, kind: UnitType, dx: float, dy: float) -> None:
    """Turn a unit towards the unit vector (dx, dy), as far as one loop allows."""
    x, y = unit.facing_x, unit.facing_y
    cos, sin = kind.turn_cos, kind.turn_sin
    if x * dx + y * dy >= cos:
        unit.facing_x, unit.facing_y = dx, dy
        return
    if x * dy - y * dx < 0.0:
        sin = -sin
    unit.facing_x, unit.facing_y = x * cos - y * sin, x * sin + y * cos


@inlined
def stand(unit: Unit) -> None:
    """The unit does not walk in this loop."""
    unit.velocity_x, unit.velocity_y = 0.0, 0.0


@inlined
def contact_distance(table: Table, unit: Unit, other: Unit) -> float:
    """How close the centres of two units may come."""
    kind, other_kind = table[unit.kind], table[other.kind]
    if unit.side == other.side:
        return kind.inner_radius + other_kind.inner_radius
    return kind.separation + other_kind.separation


@inlined
def gather_near(units: Units, table: Table, i: int, length: float) -> int:
    """List the living units that unit i may touch within `length`; their count.

    The list stands in the fields near (the unit), near_x, near_y (from unit i to it) and
    near_contact (how close the centres may come) of the first units.
    """
    unit = units[i]
    x, y, side = unit.x, unit.y, unit.side
    kind = table[unit.kind]
    reach = kind.touch_range + length
    count = 0
    for j in range(units.size):
        other = units[j]
        gap_x, gap_y = other.x - x, other.y - y
        if gap_x * gap_x + gap_y * gap_y < reach * reach and other.health > 0.0 and j != i:
            entry = units[count]
            entry.near, entry.near_x, entry.near_y = j, gap_x, gap_y
            entry.near_contact = contact_distance(table, unit, other)
            count += 1
    return count


@inlined
def free_way(units: Units, count: int, dx: float, dy: float, length: float) -> tuple[float, int]:
    """How far, up to `length`, the way along the unit vector (dx, dy) is free, and what ends it.

    count: of the units listed by `gather_near`. Exact: the sweep of the circles along the line.
    """
    free, blocker = length, NO_UNIT
    for n in range(count):
        entry = units[n]
        along = entry.near_x * dx + entry.near_y * dy
        contact = entry.near_contact
        # Leaving it, also where the two overlap already; or beyond what counts.
        if along <= 0.0 or along - free >= contact:
            continue
        aside = entry.near_x * dy - entry.near_y * dx
        depth = contact * contact - aside * aside
        if depth > 0.0:
            until = along - math.sqrt(depth)
            if until < free:
                free, blocker = max(until, 0.0), entry.near
    return free, blocker


@compiled
def walk(units: Units, table: Table, walkable: Cells, i: int, goal_x: float, goal_y: float) -> int:
    """One loop's walk of unit i towards the goal: MOVED, BLOCKED or ARRIVED."""
    unit = units[i]
    kind = table[unit.kind]
    stand(unit)
    dx, dy = goal_x - unit.x, goal_y - unit.y
    distance = math.sqrt(dx * dx + dy * dy)
    if distance == 0.0:
        return ARRIVED
    dx, dy = dx / distance, dy / distance
    step = min(kind.speed, distance)
    # A detour ends where the way is open for a while, not at the first gap in a row.
    ahead = step if unit.detour == 0 else min(step + LOOK_AHEAD, distance)
    count = gather_near(units, table, i, ahead)
    free, blocker = free_way(units, count, dx, dy, ahead)
    if blocker != NO_UNIT:
        return pass_unit(units, table, walkable, i, blocker, dx, dy, free, distance)
    unit.detour = 0
    turn_to(unit, kind, dx, dy)
    if not go(unit, kind, walkable, dx, dy, step):
        return slide(units, table, walkable, i, count, dx, dy, step)
    return ARRIVED if step == distance else MOVED


@compiled
def pass_unit(
    units: Units,
    table: Table,
    walkable: Cells,
    i: int,
    blocker: int,
    dx: float,
    dy: float,
    free: float,
    distance: float,
) -> int:
    """Walk where `blocker` leaves only `free` of the step along (dx, dy) to the goal."""
    unit, other = units[i], units[blocker]
    kind = table[unit.kind]
    step = min(kind.speed, distance)
    free = min(free, step)
    is_friend = unit.side == other.side
    flow = other.velocity_x * dx + other.velocity_y * dy
    if is_friend and flow > DETOUR_PROGRESS * step:
        turn_to(unit, kind, dx, dy)
        go(unit, kind, walkable, dx, dy, free)
        return MOVED
    if is_friend and is_idle(other):
        go(unit, kind, walkable, dx, dy, free)
        if unit.order_x == other.order_x and unit.order_y == other.order_y:
            return ARRIVED  # as near as it gets to where the other went too
        return push(units, table, walkable, i, blocker, dx, dy, step - free)
    covers_goal = distance < contact_distance(table, unit, other)
    if not covers_goal and go_round(units, table, walkable, i, blocker, dx, dy, step):
        return MOVED
    turn_to(unit, kind, dx, dy)
    go(unit, kind, walkable, dx, dy, free)
    return BLOCKED


@compiled
def go_round(
    units: Units,
    table: Table,
    walkable: Cells,
    i: int,
    blocker: int,
    dx: float,
    dy: float,
    step: float,
) -> bool:
    """Take the open heading nearest to (dx, dy), on the side begun, else on the other.

    Where none is open for LOOK_AHEAD, the first is taken that leaves a part of the step.
    """
    unit = units[i]
    kind = table[unit.kind]
    count = gather_near(units, table, i, step + LOOK_AHEAD)
    side = unit.detour if unit.detour != 0 else emptier_side(units, i, blocker, dx, dy)
    best_x, best_y, best_turn, best_free = 0.0, 0.0, 0, 0.0
    for turn in (side, -side):
        for k in range(DETOUR_TURNS):
            cos, sin = DETOUR_COS[k], turn * DETOUR_SIN[k]
            to_x, to_y = dx * cos - dy * sin, dx * sin + dy * cos
            free, obstacle = free_way(units, count, to_x, to_y, step + LOOK_AHEAD)
            if obstacle == NO_UNIT and go(unit, kind, walkable, to_x, to_y, step):
                turn_to(unit, kind, to_x, to_y)
                unit.detour = turn
                return True
            if best_turn == 0 and free >= DETOUR_PROGRESS * step:
                best_x, best_y, best_turn, best_free = to_x, to_y, turn, min(free, step)
    unit.detour = best_turn
    if best_turn == 0 or not go(unit, kind, walkable, best_x, best_y, best_free):
        return False
    turn_to(unit, kind, best_x, best_y)
    return True


@compiled
def emptier_side(units: Units, i: int, blocker: int, dx: float, dy: float) -> int:
    """The side of the heading (dx, dy) with fewer friends ahead: 1 left, -1 right.

    Where they are equal, the side on which the blocker is not.
    """
    unit = units[i]
    balance = 0
    for j in range(units.size):
        other = units[j]
        gap_x, gap_y = other.x - unit.x, other.y - unit.y
        is_near = gap_x * gap_x + gap_y * gap_y < CROWD_RANGE * CROWD_RANGE
        if is_near and other.side == unit.side and other.health > 0.0 and j != i:
            if gap_x * dx + gap_y * dy > 0.0:
                balance += 1 if dx * gap_y - dy * gap_x > 0.0 else -1
    if balance != 0:
        return -1 if balance > 0 else 1
    gap_x, gap_y = units[blocker].x - unit.x, units[blocker].y - unit.y
    return 1 if dx * gap_y - dy * gap_x <= 0.0 else -1


@inlined
def go(unit: Unit, kind: UnitType, walkable: Cells, dx: float, dy: float, length: float) -> bool:
    """Displace the unit by `length` along (dx, dy) unless a wall is there; whether it moved."""
    x, y = unit.x + dx * length, unit.y + dy * length
    if not is_free_of_walls(walkable, x, y, kind.inner_radius) and not leaves_wall(
        unit, kind, walkable, x, y
    ):
        return False
    unit.velocity_x, unit.velocity_y = x - unit.x, y - unit.y
    unit.x, unit.y = x, y
    return True


@compiled
def leaves_wall(unit: Unit, kind: UnitType, walkable: Cells, x: float, y: float) -> bool:
    """Whether the unit, put too near to a wall, would come onto open ground at (x, y)."""
    is_stuck = not is_free_of_walls(walkable, unit.x, unit.y, kind.inner_radius)
    return is_stuck and is_free_of_walls(walkable, x, y, 0.0)


@compiled
def slide(
    units: Units,
    table: Table,
    walkable: Cells,
    i: int,
    count: int,
    dx: float,
    dy: float,
    step: float,
) -> int:
    """Where a wall stops the step, keep the part of it that runs along the wall."""
    unit = units[i]
    for along_x, along_y in ((dx, 0.0), (0.0, dy)):
        length = abs(along_x + along_y)
        if length > 0.0:
            to_x, to_y = along_x / length, along_y / length
            free, _ = free_way(units, count, to_x, to_y, length * step)
            if free > 0.0 and go(unit, table[unit.kind], walkable, to_x, to_y, free):
                return MOVED
    return BLOCKED


@inlined
def is_idle(unit: Unit) -> bool:
    """Whether the unit has nothing to do, so that a friend may push it aside."""
    is_resting = unit.order == ORDER_NONE or unit.order == ORDER_STOP
    return is_resting and unit.target == NO_UNIT


@compiled
def push(
    units: Units,
    table: Table,
    walkable: Cells,
    i: int,
    j: int,
    dx: float,
    dy: float,
    length: float,
) -> int:
    """Unit i pushes idle unit j half onwards, half out of its way (dx, dy), if j has room."""
    unit, other = units[i], units[j]
    gap = math.sqrt(squared_gap(unit, other))
    if gap == 0.0:
        return BLOCKED
    to_x, to_y = (other.x - unit.x) / gap, (other.y - unit.y) / gap
    side = 1.0 if dx * to_y - dy * to_x >= 0.0 else -1.0
    to_x, to_y = to_x - side * dy, to_y + side * dx
    norm = math.sqrt(to_x * to_x + to_y * to_y)
    to_x, to_y = to_x / norm, to_y / norm
    count = gather_near(units, table, j, length)
    free, _ = free_way(units, count, to_x, to_y, length)
    if free > 0.0 and go(other, table[other.kind], walkable, to_x, to_y, free):
        stand(other)
        return MOVED
    return BLOCKED

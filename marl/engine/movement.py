"""How a unit walks: straight, round other units, along walls, never through either.

The game's local steering is not documented; ours is a choice (docs/fidelity.md). A unit goes
straight at its goal. Where another unit is in the way it queues behind a friend going the same
way, pushes an idle friend aside, and walks round anything else, keeping to the side it began on.
Friends come as close as their inner radii, opponents as their separation radii.
"""

from __future__ import annotations

import math

import numpy as np

from marl.engine.collision import contact_distance, free_way, gather_near
from marl.engine.geometry import is_free_of_walls
from marl.engine.jit import compiled, inlined
from marl.engine.targeting import squared_gap
from marl.engine.world import NO_UNIT, ORDER_NONE, ORDER_STOP, Field, Unit, Units, UnitType

MOVED, BLOCKED, ARRIVED = 0, 1, 2  # what became of a loop's walk

DETOUR_TURNS = 8  # headings tried on each side of the straight one, up to straight back
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


@compiled
def walk(field: Field, units: Units, i: int, goal_x: float, goal_y: float) -> int:
    """One loop's walk of unit i towards the goal: MOVED, BLOCKED or ARRIVED."""
    unit = units[i]
    kind = field.table[unit.kind]
    stand(unit)
    dx, dy = goal_x - unit.x, goal_y - unit.y
    distance = math.sqrt(dx * dx + dy * dy)
    if distance == 0.0:
        return ARRIVED
    dx, dy = dx / distance, dy / distance
    step = min(kind.speed, distance)
    # A detour ends where the way is open for a while, not at the first gap in a row.
    ahead = step if unit.detour == 0 else min(step + LOOK_AHEAD, distance)
    count = gather_near(field, units, i, step + LOOK_AHEAD)
    free, blocker = free_way(units, count, dx, dy, ahead)
    if blocker != NO_UNIT:
        return pass_unit(field, units, i, blocker, count, dx, dy, free, distance)
    unit.detour = 0
    turn_to(unit, kind, dx, dy)
    if not go(field, unit, kind, dx, dy, step):
        return slide(field, units, i, count, dx, dy, step)
    return ARRIVED if step == distance else MOVED


@compiled
def pass_unit(
    field: Field,
    units: Units,
    i: int,
    blocker: int,
    count: int,
    dx: float,
    dy: float,
    free: float,
    distance: float,
) -> int:
    """Walk where `blocker` leaves only `free` of the step along (dx, dy) to the goal."""
    unit, other = units[i], units[blocker]
    kind = field.table[unit.kind]
    step = min(kind.speed, distance)
    free = min(free, step)
    is_friend = unit.side == other.side
    flow = other.velocity_x * dx + other.velocity_y * dy
    if is_friend and flow > DETOUR_PROGRESS * step:
        unit.detour = 0
        turn_to(unit, kind, dx, dy)
        go(field, unit, kind, dx, dy, free)
        return MOVED
    if is_friend and is_idle(other):
        is_there = unit.order_x == other.order_x and unit.order_y == other.order_y
        if is_there and unit.target == NO_UNIT:
            go(field, unit, kind, dx, dy, free)
            return ARRIVED  # as near as it gets to where the other went too
        if push(field, units, i, blocker, dx, dy, step - free):
            go(field, unit, kind, dx, dy, free)
            return MOVED
        count = gather_near(field, units, i, step + LOOK_AHEAD)  # push made a list of its own
    covers_goal = distance < contact_distance(field, unit, other)
    if not covers_goal and go_round(field, units, i, blocker, count, dx, dy, step):
        return MOVED
    turn_to(unit, kind, dx, dy)
    go(field, unit, kind, dx, dy, free)
    return BLOCKED


@compiled
def go_round(
    field: Field,
    units: Units,
    i: int,
    blocker: int,
    count: int,
    dx: float,
    dy: float,
    step: float,
) -> bool:
    """Take a heading beside (dx, dy), on the side begun, else on the other; whether it could."""
    unit = units[i]
    kind = field.table[unit.kind]
    side = unit.detour if unit.detour != 0 else emptier_side(units, i, blocker, dx, dy)
    for turn in (side, -side):
        if take_side(field, units, kind, i, turn, count, dx, dy, step):
            return True
    unit.detour = 0
    return False


@compiled
def take_side(
    field: Field,
    units: Units,
    kind: UnitType,
    i: int,
    side: int,
    count: int,
    dx: float,
    dy: float,
    step: float,
) -> bool:
    """Walk along the open heading nearest to (dx, dy) on that side; whether unit i moved.

    Where none is open for LOOK_AHEAD, the first is taken that leaves a part of the step.
    """
    unit = units[i]
    best_x, best_y, best = 0.0, 0.0, 0.0
    for k in range(DETOUR_TURNS):
        cos, sin = DETOUR_COS[k], side * DETOUR_SIN[k]
        to_x, to_y = dx * cos - dy * sin, dx * sin + dy * cos
        free, obstacle = free_way(units, count, to_x, to_y, step + LOOK_AHEAD)
        is_open = obstacle == NO_UNIT
        if is_open or (best == 0.0 and free >= DETOUR_PROGRESS * step):
            best_x, best_y, best = to_x, to_y, min(free, step)
        if is_open:
            break
    if best == 0.0 or not go(field, unit, kind, best_x, best_y, best):
        return False
    turn_to(unit, kind, best_x, best_y)
    unit.detour = side
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
        is_ahead = gap_x * dx + gap_y * dy > 0.0
        if is_near and is_ahead and other.side == unit.side and other.health > 0.0:
            balance += 1 if dx * gap_y - dy * gap_x > 0.0 else -1
    if balance != 0:
        return -1 if balance > 0 else 1
    gap_x, gap_y = units[blocker].x - unit.x, units[blocker].y - unit.y
    return 1 if dx * gap_y - dy * gap_x <= 0.0 else -1


@inlined
def go(field: Field, unit: Unit, kind: UnitType, dx: float, dy: float, length: float) -> bool:
    """Displace the unit by `length` along (dx, dy) unless a wall is there; whether it moved."""
    x, y = unit.x + dx * length, unit.y + dy * length
    if not is_free_of_walls(field.walkable, x, y, kind.inner_radius) and not leaves_wall(
        field, unit, kind, x, y
    ):
        return False
    unit.velocity_x, unit.velocity_y = x - unit.x, y - unit.y
    unit.x, unit.y = x, y
    return True


@compiled
def leaves_wall(field: Field, unit: Unit, kind: UnitType, x: float, y: float) -> bool:
    """Whether the unit, put too near to a wall, would come onto open ground at (x, y)."""
    is_stuck = not is_free_of_walls(field.walkable, unit.x, unit.y, kind.inner_radius)
    return is_stuck and is_free_of_walls(field.walkable, x, y, 0.0)


@compiled
def slide(
    field: Field,
    units: Units,
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
            if free > 0.0 and go(field, unit, field.table[unit.kind], to_x, to_y, free):
                return MOVED
    return BLOCKED


@inlined
def is_idle(unit: Unit) -> bool:
    """Whether the unit has nothing to do, so that a friend may push it aside."""
    is_resting = unit.order == ORDER_NONE or unit.order == ORDER_STOP
    return is_resting and unit.target == NO_UNIT


@compiled
def push(
    field: Field,
    units: Units,
    i: int,
    j: int,
    dx: float,
    dy: float,
    length: float,
) -> bool:
    """Unit i pushes idle unit j half onwards, half out of its way (dx, dy); whether j had room."""
    unit, other = units[i], units[j]
    gap = math.sqrt(squared_gap(unit, other))
    if gap == 0.0:
        return False
    to_x, to_y = (other.x - unit.x) / gap, (other.y - unit.y) / gap
    side = 1.0 if dx * to_y - dy * to_x >= 0.0 else -1.0
    to_x, to_y = to_x - side * dy, to_y + side * dx
    norm = math.sqrt(to_x * to_x + to_y * to_y)
    to_x, to_y = to_x / norm, to_y / norm
    count = gather_near(field, units, j, length)
    free, _ = free_way(units, count, to_x, to_y, length)
    if free > 0.0 and go(field, other, field.table[other.kind], to_x, to_y, free):
        stand(other)
        return True
    return False

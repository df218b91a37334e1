"""Steering of a blocked unit: queue, push, or walk round the unit in the way.

It queues behind a friend that goes the same way, pushes an idle friend aside, and walks round any
other unit, always on the side it began with. If that side is blocked it waits, and tries the other
side a few loops later; trying both in every loop made crowds tremble.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from marl.compiled.jit import compiled, inlined
from marl.engine.field import Field
from marl.engine.walking.collision import contact_distance, free_beside, free_way, gather_near
from marl.engine.walking.motion import go, stand, turn_to
from marl.engine.world import NO_UNIT, ORDER_NONE, ORDER_STOP, Unit, Units

MOVED, BLOCKED, ARRIVED = 0, 1, 2  # results of one loop's walk

DETOUR_TURNS = 8  # headings tried on each side of straight ahead, up to straight back
DETOUR_ANGLES = np.radians(22.5) * np.arange(1, DETOUR_TURNS + 1)
DETOUR_COS, DETOUR_SIN = np.cos(DETOUR_ANGLES), np.sin(DETOUR_ANGLES)
DETOUR_PROGRESS = 0.5  # least share of a full step that must be free along a heading
RETRY = 3  # loops until a blocked unit tries the other side
GIVE_UP = 16  # blocked loops after which it stops beside friends that have arrived
RIGHT = -1  # a value of Unit.detour
BACK = -0.5  # cosine of the angle from which on a heading counts as turning back
LOOK_AHEAD = 0.75  # beyond its step, that a unit checks for other units
TOLERANCE = 1e-9  # of a distance
CROWD_RANGE = 4.0  # radius, centre to centre, of the friends counted by emptier_side


class Walk(NamedTuple):
    """One unit's intended walk in one loop."""

    i: int  # the unit
    n_near: int  # length of the list made by gather_near
    dx: float  # unit vector to the point it heads for
    dy: float
    step: float  # length of a full step
    distance: float  # of that point
    is_goal: bool  # that point is its goal, not a waypoint
    last_x: float  # its displacement in the last loop
    last_y: float


@compiled
def pass_unit(field: Field, units: Units, way: Walk, blocker: int, free: float) -> int:
    """Walk past `blocker`, before which the way is free for `free`."""
    unit, other = units[way.i], units[blocker]
    kind = field.table[unit.kind]
    choices = field.choices[0]
    free = min(free, way.step)
    is_friend = unit.side == other.side
    contact = contact_distance(field, unit, other)
    flow = other.velocity_x * way.dx + other.velocity_y * way.dy
    if is_friend and choices.queue_behind_friends and flow > DETOUR_PROGRESS * way.step:
        unit.detour = 0
        turn_to(unit, kind, way.dx, way.dy)
        go(field, unit, kind, way.dx, way.dy, free)
        return MOVED
    stops = False
    if is_friend and is_idle(other):
        stops = choices.wave_stops_on_touch and is_at_goal_of(other, unit)
        room = crowd_radius(units, way.i) + contact if stops else 0.0
        if stops and way.is_goal and way.distance - free <= room + TOLERANCE:
            go(field, unit, kind, way.dx, way.dy, free)
            return ARRIVED  # as near to the goal as the friends there allow
        if not stops and choices.idle_pushed and push(field, units, way, blocker, way.step - free):
            go(field, unit, kind, way.dx, way.dy, free)
            return MOVED
    covers_goal = way.is_goal and way.distance < contact
    if not covers_goal and unit.stalled % RETRY == 0 and go_round(field, units, way, blocker):
        unit.stalled = 0
        return MOVED
    unit.stalled += 1
    turn_to(unit, kind, way.dx, way.dy)
    go(field, unit, kind, way.dx, way.dy, free)
    return ARRIVED if stops and unit.stalled >= GIVE_UP else BLOCKED


@inlined
def is_idle(unit: Unit) -> bool:
    """Whether the unit has no order to move or fight and no target; friends may push it aside."""
    is_resting = unit.order == ORDER_NONE or unit.order == ORDER_STOP
    return is_resting and unit.target == NO_UNIT


@inlined
def is_at_goal_of(idle: Unit, unit: Unit) -> bool:
    """Whether `idle` had the same goal as `unit`, and `unit` fights nobody."""
    is_there = unit.order_x == idle.order_x and unit.order_y == idle.order_y
    return is_there and unit.target == NO_UNIT


@compiled
def crowd_radius(units: Units, i: int) -> float:
    """Radius of the disc that the friends already at unit i's goal would fill, from their spread.

    sqrt(2) times the root mean square of their distances to the goal; 0 without such friends.
    """
    unit = units[i]
    squares, count = 0.0, 0
    for j in range(units.size):
        other = units[j]
        is_friend = other.side == unit.side and other.health > 0.0
        if is_friend and is_idle(other) and is_at_goal_of(other, unit):
            gap_x, gap_y = other.x - unit.order_x, other.y - unit.order_y
            squares += gap_x * gap_x + gap_y * gap_y
            count += 1
    return math.sqrt(2.0 * squares / count) if count > 0 else 0.0


@compiled
def go_round(field: Field, units: Units, way: Walk, blocker: int) -> bool:
    """Walk round the blocker, on the side of the detour so far; whether the unit moved.

    If not, it tries the other side next time.
    """
    unit = units[way.i]
    side = unit.detour
    if is_oncoming(unit, units[blocker], way):
        side = RIGHT
    elif side == 0:
        side = emptier_side(units, way, blocker)
    if take_side(field, units, way, side):
        return True
    unit.detour = -side
    return False


@inlined
def is_oncoming(unit: Unit, other: Unit, way: Walk) -> bool:
    """Whether a friend comes the other way; both keep right then, so as not to dodge in step."""
    flow = other.velocity_x * way.dx + other.velocity_y * way.dy
    return unit.side == other.side and flow < -DETOUR_PROGRESS * way.step


@compiled
def take_side(field: Field, units: Units, way: Walk, side: int) -> bool:
    """Walk along the free heading nearest to straight ahead on that side; whether the unit moved.

    If none is free for LOOK_AHEAD, it takes the first that is free for a part of the step. It skips
    headings back to where it came from, which would make it tremble.
    """
    unit = units[way.i]
    kind = field.table[unit.kind]
    best_x, best_y, best = 0.0, 0.0, 0.0
    far, obstacle = way.step + LOOK_AHEAD, NO_UNIT
    needed = DETOUR_PROGRESS * way.step  # free distance, for a heading to count
    for k in range(DETOUR_TURNS):
        cos, sin = DETOUR_COS[k], side * DETOUR_SIN[k]
        to_x, to_y = way.dx * cos - way.dy * sin, way.dx * sin + way.dy * cos
        if to_x * way.last_x + to_y * way.last_y < BACK * way.step:
            continue
        # The unit that blocked one heading often blocks the next one too.
        if obstacle != NO_UNIT and free_beside(units[obstacle], to_x, to_y, far) < needed:
            continue
        free, obstacle = free_way(units, way.n_near, to_x, to_y, far)
        if free >= needed:
            best_x, best_y, best = to_x, to_y, min(free, way.step)
            needed = far
        if obstacle == NO_UNIT:
            break
    if best == 0.0 or not go(field, unit, kind, best_x, best_y, best):
        return False
    turn_to(unit, kind, best_x, best_y)
    unit.detour = side
    return True


@compiled
def emptier_side(units: Units, way: Walk, blocker: int) -> int:
    """The side with fewer friends ahead: 1 left, -1 right; if equal, the one off the blocker."""
    unit = units[way.i]
    balance = 0
    for j in range(units.size):
        other = units[j]
        gap_x, gap_y = other.x - unit.x, other.y - unit.y
        is_near = gap_x * gap_x + gap_y * gap_y < CROWD_RANGE * CROWD_RANGE
        is_ahead = gap_x * way.dx + gap_y * way.dy > 0.0
        if is_near and is_ahead and other.side == unit.side and other.health > 0.0:
            balance += 1 if way.dx * gap_y - way.dy * gap_x > 0.0 else -1
    if balance != 0:
        return -1 if balance > 0 else 1
    gap_x, gap_y = units[blocker].x - unit.x, units[blocker].y - unit.y
    return 1 if way.dx * gap_y - way.dy * gap_x <= 0.0 else -1


@compiled
def push(field: Field, units: Units, way: Walk, idle: int, length: float) -> bool:
    """Push an idle unit onwards and aside, at 45 degrees; whether it moved. Structures never do."""
    unit, other = units[way.i], units[idle]
    kind = field.table[other.kind]
    gap_x, gap_y = other.x - unit.x, other.y - unit.y
    gap = math.sqrt(gap_x * gap_x + gap_y * gap_y)
    if gap == 0.0 or kind.speed == 0.0:
        return False
    to_x, to_y = gap_x / gap, gap_y / gap
    side = 1.0 if way.dx * to_y - way.dy * to_x >= 0.0 else -1.0
    to_x, to_y = to_x - side * way.dy, to_y + side * way.dx
    norm = math.sqrt(to_x * to_x + to_y * to_y)
    to_x, to_y = to_x / norm, to_y / norm
    count = gather_near(field, units, idle, length)
    free, _ = free_way(units, count, to_x, to_y, length)
    if free > 0.0 and go(field, other, kind, to_x, to_y, free):
        stand(other)
        return True
    gather_near(field, units, way.i, way.step + LOOK_AHEAD)  # the list of the walking unit again
    return False

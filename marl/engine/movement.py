"""How a unit walks: straight, round other units, along walls, never through either.

The game's local steering is not documented; ours is a choice (docs/fidelity.md). A unit goes
straight at its goal. Where another unit is in the way it queues behind a friend going the same
way, pushes an idle friend aside, and walks round anything else, keeping to the side it began on.
Friends come as close as their inner radii, opponents as their separation radii.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from marl.engine.geometry import Cells, is_free_of_walls
from marl.engine.targeting import squared_gap
from marl.engine.world import NO_UNIT, ORDER_NONE, ORDER_STOP, UnitTypes, World

MOVED, BLOCKED, ARRIVED = 0, 1, 2  # what became of a loop's walk

DETOUR_TURNS = 6  # headings tried on each side of the straight one
DETOUR_ANGLES = np.radians(22.5) * np.arange(1, DETOUR_TURNS + 1)
DETOUR_COS, DETOUR_SIN = np.cos(DETOUR_ANGLES), np.sin(DETOUR_ANGLES)
DETOUR_PROGRESS = 0.5  # share of a full step that a heading must leave free to be taken
MAX_SEPARATION = 1.0  # no unit type of ours is wider


@njit(cache=True, forceinline=True)
def turn_to(battle: World, types: UnitTypes, i: int, dx: float, dy: float) -> None:
    """Turn unit i towards the unit vector (dx, dy), as far as one loop allows."""
    kind = battle.kind[i]
    facing_x, facing_y = battle.facing_x[i], battle.facing_y[i]
    if facing_x * dx + facing_y * dy >= types.turn_cos[kind]:
        battle.facing_x[i], battle.facing_y[i] = dx, dy
        return
    cos, sin = types.turn_cos[kind], types.turn_sin[kind]
    if facing_x * dy - facing_y * dx < 0.0:
        sin = -sin
    battle.facing_x[i] = facing_x * cos - facing_y * sin
    battle.facing_y[i] = facing_x * sin + facing_y * cos


@njit(cache=True, forceinline=True)
def stand(battle: World, i: int) -> None:
    """Unit i does not walk in this loop."""
    battle.velocity_x[i] = 0.0
    battle.velocity_y[i] = 0.0


@njit(cache=True, forceinline=True)
def contact_distance(battle: World, types: UnitTypes, i: int, j: int) -> float:
    """How close the centres of i and j may come."""
    if battle.side[i] == battle.side[j]:
        return types.inner_radius[battle.kind[i]] + types.inner_radius[battle.kind[j]]
    return types.separation[battle.kind[i]] + types.separation[battle.kind[j]]


@njit(cache=True, forceinline=True)
def gather_near(battle: World, types: UnitTypes, i: int, step: float) -> int:
    """List in battle.near the living units that unit i could touch within `step`; their count."""
    count = 0
    own = types.separation[battle.kind[i]] + step
    x, y = battle.x[i], battle.y[i]
    for j in range(battle.x.size):
        reach = own + types.separation[battle.kind[j]]
        gap_x, gap_y = battle.x[j] - x, battle.y[j] - y
        if gap_x * gap_x + gap_y * gap_y < reach * reach and battle.health[j] > 0.0 and j != i:
            battle.near[count] = j
            count += 1
    return count


@njit(cache=True)
def free_way(
    battle: World, types: UnitTypes, i: int, count: int, dx: float, dy: float, step: float
) -> tuple[float, int]:
    """How far, up to `step`, unit i gets along the unit vector (dx, dy), and what stops it.

    The first `count` of battle.near are in question. Exact: the circles' sweep along the line.
    """
    free, blocker = step, NO_UNIT
    for n in range(count):
        j = battle.near[n]
        gap_x, gap_y = battle.x[j] - battle.x[i], battle.y[j] - battle.y[i]
        along = gap_x * dx + gap_y * dy
        if along <= 0.0:
            continue  # leaving it, also where the two overlap already
        contact = contact_distance(battle, types, i, j)
        aside = gap_x * dy - gap_y * dx
        depth = contact * contact - aside * aside
        if depth <= 0.0 or along - free >= contact:
            continue
        until = along - math.sqrt(depth)
        if until < free:
            free, blocker = max(until, 0.0), j
    return free, blocker


@njit(cache=True)
def walk(
    battle: World, types: UnitTypes, walkable: Cells, i: int, goal_x: float, goal_y: float
) -> int:
    """One loop's walk of unit i towards the goal: MOVED, BLOCKED or ARRIVED."""
    dx, dy = goal_x - battle.x[i], goal_y - battle.y[i]
    distance = math.sqrt(dx * dx + dy * dy)
    stand(battle, i)
    if distance == 0.0:
        return ARRIVED
    dx, dy = dx / distance, dy / distance
    step = min(types.speed[battle.kind[i]], distance)
    count = gather_near(battle, types, i, step)
    free, blocker = free_way(battle, types, i, count, dx, dy, step)
    if blocker == NO_UNIT:
        battle.detour[i] = 0
        turn_to(battle, types, i, dx, dy)
        if not go(battle, types, walkable, i, dx, dy, step):
            return slide(battle, types, walkable, i, count, dx, dy, step)
        return ARRIVED if step == distance else MOVED
    return pass_unit(battle, types, walkable, i, blocker, count, dx, dy, free, step, distance)


@njit(cache=True)
def pass_unit(
    battle: World,
    types: UnitTypes,
    walkable: Cells,
    i: int,
    blocker: int,
    count: int,
    dx: float,
    dy: float,
    free: float,
    step: float,
    distance: float,
) -> int:
    """Walk where `blocker` leaves only `free` of the step along (dx, dy)."""
    is_friend = battle.side[i] == battle.side[blocker]
    flow = battle.velocity_x[blocker] * dx + battle.velocity_y[blocker] * dy
    if is_friend and flow > DETOUR_PROGRESS * step:
        turn_to(battle, types, i, dx, dy)
        go(battle, types, walkable, i, dx, dy, free)
        return MOVED
    if is_friend and is_idle(battle, blocker):
        go(battle, types, walkable, i, dx, dy, free)
        if shares_goal(battle, i, blocker):
            return ARRIVED
        return push(battle, types, walkable, i, blocker, dx, dy, step - free)
    covers_goal = distance < contact_distance(battle, types, i, blocker)
    if not covers_goal and go_round(battle, types, walkable, i, blocker, count, dx, dy, step):
        return MOVED
    turn_to(battle, types, i, dx, dy)
    go(battle, types, walkable, i, dx, dy, free)
    return BLOCKED


@njit(cache=True)
def go_round(
    battle: World,
    types: UnitTypes,
    walkable: Cells,
    i: int,
    blocker: int,
    count: int,
    dx: float,
    dy: float,
    step: float,
) -> bool:
    """Take the free heading nearest to (dx, dy), on the side begun; else on the other."""
    side = battle.detour[i]
    if side == 0:
        gap_x, gap_y = battle.x[blocker] - battle.x[i], battle.y[blocker] - battle.y[i]
        side = 1 if dx * gap_y - dy * gap_x <= 0.0 else -1
    for turn in (side, -side):
        for k in range(DETOUR_TURNS):
            cos, sin = DETOUR_COS[k], turn * DETOUR_SIN[k]
            to_x, to_y = dx * cos - dy * sin, dx * sin + dy * cos
            free, _ = free_way(battle, types, i, count, to_x, to_y, step)
            if free < DETOUR_PROGRESS * step:
                continue
            if go(battle, types, walkable, i, to_x, to_y, free):
                turn_to(battle, types, i, to_x, to_y)
                battle.detour[i] = turn
                return True
    battle.detour[i] = 0
    return False


@njit(cache=True)
def go(
    battle: World, types: UnitTypes, walkable: Cells, i: int, dx: float, dy: float, length: float
) -> bool:
    """Displace unit i by `length` along (dx, dy) unless a wall is there; whether it moved."""
    x, y = battle.x[i] + dx * length, battle.y[i] + dy * length
    radius = types.inner_radius[battle.kind[i]]
    if not is_free_of_walls(walkable, x, y, radius):
        # A unit that was put too near to a wall may still leave it.
        is_stuck = not is_free_of_walls(walkable, battle.x[i], battle.y[i], radius)
        if not (is_stuck and is_free_of_walls(walkable, x, y, 0.0)):
            return False
    battle.velocity_x[i], battle.velocity_y[i] = x - battle.x[i], y - battle.y[i]
    battle.x[i], battle.y[i] = x, y
    return True


@njit(cache=True)
def slide(
    battle: World,
    types: UnitTypes,
    walkable: Cells,
    i: int,
    count: int,
    dx: float,
    dy: float,
    step: float,
) -> int:
    """Where a wall stops the step, keep the part of it that runs along the wall."""
    for along_x, along_y in ((dx, 0.0), (0.0, dy)):
        length = abs(along_x + along_y)
        if length > 0.0:
            to_x, to_y = along_x / length, along_y / length
            free, _ = free_way(battle, types, i, count, to_x, to_y, length * step)
            if free > 0.0 and go(battle, types, walkable, i, to_x, to_y, free):
                return MOVED
    return BLOCKED


@njit(cache=True, forceinline=True)
def is_idle(battle: World, i: int) -> bool:
    """Whether unit i has nothing to do, so that a friend may push it aside."""
    order = battle.order[i]
    return (order == ORDER_NONE or order == ORDER_STOP) and battle.target[i] == NO_UNIT


@njit(cache=True, forceinline=True)
def shares_goal(battle: World, i: int, j: int) -> bool:
    """Whether i walks to where j, now idle, went: then i has come as near as it can."""
    return battle.order_x[i] == battle.order_x[j] and battle.order_y[i] == battle.order_y[j]


@njit(cache=True)
def push(
    battle: World,
    types: UnitTypes,
    walkable: Cells,
    i: int,
    j: int,
    dx: float,
    dy: float,
    length: float,
) -> int:
    """Unit i pushes idle unit j out of its way (dx, dy), as far as j has room."""
    gap = math.sqrt(squared_gap(battle, i, j))
    if gap == 0.0:
        return BLOCKED
    to_x, to_y = (battle.x[j] - battle.x[i]) / gap, (battle.y[j] - battle.y[i]) / gap
    side = 1.0 if dx * to_y - dy * to_x >= 0.0 else -1.0
    to_x, to_y = to_x - side * dy, to_y + side * dx  # half onwards, half out of the way
    norm = math.sqrt(to_x * to_x + to_y * to_y)
    to_x, to_y = to_x / norm, to_y / norm
    count = gather_near(battle, types, j, length)
    free, _ = free_way(battle, types, j, count, to_x, to_y, length)
    if free > 0.0 and go(battle, types, walkable, j, to_x, to_y, free):
        stand(battle, j)
        return MOVED
    return BLOCKED

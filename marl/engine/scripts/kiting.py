"""Kiting: when a ranged unit should retreat from melee enemies, and which way.

Used by marl/engine/scripts/focus_fire.py. Distances are grid units, times game loops.
"""

from __future__ import annotations

import math

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
)
from marl.engine.ground.geometry import is_free_of_walls
from marl.engine.scripts.heuristic import FAR, Flags, Scene, distance, heals
from marl.engine.world import NO_UNIT, Units, UnitType

MELEE_RANGE = 1.0  # weapons of less range, between edges, are melee
SAFE_GAP = 4.0  # distance to a melee enemy's reach from which on no unit retreats
BUSY_GAP = 0.5  # distance of a target to a melee enemy's reach up to which that enemy is busy
LOOK_AHEAD = 6.0  # distance up to which a retreating unit checks for walls and enemies
LOOK_STEP = 0.5  # distance of the points that are checked


@compiled
def should_retreat(scene: Scene, units: Units, avail: Flags, i: int) -> bool:
    """Whether ranged agent i should retreat from a melee enemy now.

    It retreats from an enemy that would hit it before its shot leaves and, during its cooldown,
    from any that is not busy with another agent. From an enemy that targets it and is as fast it
    retreats all the time, while its friends shoot. It never retreats from faster enemies, or
    without a move.
    """
    unit = units[i]
    kind = scene.table[unit.kind]
    if heals(scene, unit) or kind.weapon_range < MELEE_RANGE or unit.swing >= 0.0:
        return False
    shot = max(unit.cooldown, kind.damage_point) + 1.0  # loops until it leaves
    has_friend = living(units, scene.n_agents) > 1
    for j in range(scene.n_agents, units.size):
        speed = scene.table[units[j].kind].speed
        if is_melee_threat(scene, units, j) and speed <= kind.speed:
            gap = gap_to_reach(scene, units, i, j)
            is_near = gap < speed * min(shot, scene.step_mul + 1.0)
            is_free = gap < SAFE_GAP and not is_busy(scene, units, i, j)
            is_bait = is_free and units[j].target == i and speed == kind.speed and has_friend
            if is_near or is_bait or (is_free and shot > scene.step_mul):
                return retreat_move(scene, units, avail, i) != ACTION_STOP
    return False


@inlined
def living(units: Units, n_agents: int) -> int:
    """The number of living agents."""
    count = 0
    for i in range(n_agents):
        count += units[i].health > 0.0
    return count


@inlined
def is_melee_threat(scene: Scene, units: Units, j: int) -> bool:
    """Whether enemy j is alive and has a melee weapon."""
    kind = scene.table[units[j].kind]
    fights = kind.damage > 0.0 and kind.weapon_range < MELEE_RANGE
    return units[j].health > 0.0 and fights


@inlined
def is_busy(scene: Scene, units: Units, i: int, j: int) -> bool:
    """Whether enemy j targets another agent than i and is within BUSY_GAP of hitting it."""
    target = units[j].target
    return target not in (NO_UNIT, i) and gap_to_reach(scene, units, target, j) < BUSY_GAP


@inlined
def gap_to_reach(scene: Scene, units: Units, i: int, j: int) -> float:
    """Distance of agent i from enemy j's reach, grid units."""
    kind = scene.table[units[j].kind]
    return distance(units[i], units[j]) - (
        kind.weapon_range + kind.radius + scene.table[units[i].kind].radius
    )


@compiled
def retreat_move(scene: Scene, units: Units, avail: Flags, i: int) -> int:
    """The legal move that ends farthest from melee enemies; ACTION_STOP if there is none."""
    unit = units[i]
    kind = scene.table[unit.kind]
    stride = kind.speed * scene.step_mul
    best, most = ACTION_STOP, -FAR
    for action in range(ACTION_NORTH, ACTION_WEST + 1):
        if avail[action]:
            x, y = walk_straight(scene, kind, unit.x, unit.y, action, stride)
            safety = clearance(scene, units, i, x, y, stride)
            if safety > 0.0:
                safety = best_clearance_from(scene, units, i, x, y, stride)
            if safety > most:
                best, most = action, safety
    return best


@compiled
def best_clearance_from(
    scene: Scene, units: Units, i: int, x: float, y: float, walked: float
) -> float:
    """The largest clearance of agent i after one more straight walk from (x, y), at least 0."""
    most = 0.0
    kind = scene.table[units[i].kind]
    for action in range(ACTION_NORTH, ACTION_WEST + 1):
        there_x, there_y = walk_straight(scene, kind, x, y, action, LOOK_AHEAD)
        way = walked + abs(there_x - x) + abs(there_y - y)
        most = max(most, clearance(scene, units, i, there_x, there_y, way))
    return most


@inlined
def walk_straight(
    scene: Scene, kind: UnitType, x: float, y: float, action: int, length: float
) -> tuple[float, float]:
    """The place (x, y) after walking `length` in a move's direction, or up to the wall."""
    dx = 1.0 if action == ACTION_EAST else (-1.0 if action == ACTION_WEST else 0.0)
    dy = 1.0 if action == ACTION_NORTH else (-1.0 if action == ACTION_SOUTH else 0.0)
    walked = 0.0
    while walked < length:
        step = min(LOOK_STEP, length - walked)
        x_next, y_next = x + step * dx, y + step * dy
        if not is_free_of_walls(scene.walkable, x_next, y_next, kind.inner_radius, kind.crosses):
            break
        x, y, walked = x_next, y_next, walked + step
    return x, y


@compiled
def clearance(scene: Scene, units: Units, i: int, x: float, y: float, way: float) -> float:
    """Distance of agent i from the nearest melee enemy's reach once it has walked `way` to (x, y).

    All enemies walk straight to (x, y) meanwhile.
    """
    kind = scene.table[units[i].kind]
    loops = way / kind.speed
    least = FAR
    for j in range(scene.n_agents, units.size):
        if is_melee_threat(scene, units, j):
            other = scene.table[units[j].kind]
            dx, dy = units[j].x - x, units[j].y - y
            reach = other.weapon_range + other.radius + kind.radius
            gap = math.sqrt(dx * dx + dy * dy) - reach - loops * other.speed
            least = min(least, gap)
    return least

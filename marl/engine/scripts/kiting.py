"""Stepping back: when a ranged unit should run from melee enemies, and where to.

Used by marl/engine/scripts/focus_fire.py. Distances are grid units, times game loops.
"""

from __future__ import annotations

import math

from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
)
from marl.engine.compiled.jit import compiled, inlined
from marl.engine.ground.geometry import is_free_of_walls
from marl.engine.scripts.heuristic import FAR, Flags, Scene, distance, heals
from marl.engine.world import NO_UNIT, Units, UnitType

MELEE_RANGE = 1.0  # a weapon of less range, between edges, is one to run from
BREAK_OFF = 4.0  # gap to a melee enemy's reach beyond which nobody steps back
BUSY = 0.5  # gap up to which a melee enemy has its hands full with whom it is after
OUTLOOK = 6.0  # how far ahead a unit that steps back looks for walls and enemies
STRIDE = 0.5  # of that look


@compiled
def flees(scene: Scene, units: Units, avail: Flags, i: int) -> bool:
    """Whether agent i, which outranges a melee enemy near it, should step back now.

    It does from one that would hit it before its shot leaves, and, while it cools down, from any
    that is not busy with another agent. From one that is after it and as fast it runs all the time,
    and leaves the shooting to its friends. Not from faster ones, nor without a way out.
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
            is_free = gap < BREAK_OFF and not is_busy(scene, units, i, j)
            is_bait = is_free and units[j].target == i and speed == kind.speed and has_friend
            if is_near or is_bait or (is_free and shot > scene.step_mul):
                return way_out(scene, units, avail, i) != ACTION_STOP
    return False


@inlined
def living(units: Units, n_agents: int) -> int:
    """Agents alive."""
    count = 0
    for i in range(n_agents):
        count += units[i].health > 0.0
    return count


@inlined
def is_melee_threat(scene: Scene, units: Units, j: int) -> bool:
    """Whether enemy j is alive and has to come close to do harm."""
    kind = scene.table[units[j].kind]
    fights = kind.damage > 0.0 and kind.weapon_range < MELEE_RANGE
    return units[j].health > 0.0 and fights


@inlined
def is_busy(scene: Scene, units: Units, i: int, j: int) -> bool:
    """Whether enemy j fights another agent than i, one that it can hit or nearly so."""
    target = units[j].target
    return target not in (NO_UNIT, i) and gap_to_reach(scene, units, target, j) < BUSY


@inlined
def gap_to_reach(scene: Scene, units: Units, i: int, j: int) -> float:
    """How far enemy j is from hitting agent i, grid units."""
    kind = scene.table[units[j].kind]
    return distance(units[i], units[j]) - (
        kind.weapon_range + kind.radius + scene.table[units[i].kind].radius
    )


@compiled
def way_out(scene: Scene, units: Units, avail: Flags, i: int) -> int:
    """The legal move that leads farthest from melee enemies; ACTION_STOP if there is none."""
    unit = units[i]
    kind = scene.table[unit.kind]
    stride = kind.speed * scene.step_mul
    best, most = ACTION_STOP, -FAR
    for action in range(ACTION_NORTH, ACTION_WEST + 1):
        if avail[action]:
            x, y = walk_straight(scene, kind, unit.x, unit.y, action, stride)
            worth = clearance(scene, units, i, x, y, stride)
            if worth > 0.0:
                worth = best_outlook(scene, units, i, x, y, stride)
            if worth > most:
                best, most = action, worth
    return best


@compiled
def best_outlook(scene: Scene, units: Units, i: int, x: float, y: float, walked: float) -> float:
    """How clear agent i can be of melee enemies after one more straight way from (x, y)."""
    most = 0.0
    kind = scene.table[units[i].kind]
    for action in range(ACTION_NORTH, ACTION_WEST + 1):
        there_x, there_y = walk_straight(scene, kind, x, y, action, OUTLOOK)
        way = walked + abs(there_x - x) + abs(there_y - y)
        most = max(most, clearance(scene, units, i, there_x, there_y, way))
    return most


@inlined
def walk_straight(
    scene: Scene, kind: UnitType, x: float, y: float, action: int, length: float
) -> tuple[float, float]:
    """Where a unit is after `length` in the direction of a move, or at the wall before."""
    dx = 1.0 if action == ACTION_EAST else (-1.0 if action == ACTION_WEST else 0.0)
    dy = 1.0 if action == ACTION_NORTH else (-1.0 if action == ACTION_SOUTH else 0.0)
    walked = 0.0
    while walked < length:
        step = min(STRIDE, length - walked)
        x_next, y_next = x + step * dx, y + step * dy
        if not is_free_of_walls(scene.walkable, x_next, y_next, kind.inner_radius, kind.crosses):
            break
        x, y, walked = x_next, y_next, walked + step
    return x, y


@compiled
def clearance(scene: Scene, units: Units, i: int, x: float, y: float, way: float) -> float:
    """The least gap to a melee enemy's reach when agent i has come to (x, y) after `way`.

    Every enemy walks there straight meanwhile.
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

"""Walking: straight to the goal, round walls and other units.

The game's local steering is not documented; ours is a choice (docs/fidelity.md). A unit walks
straight to its goal, or to the next waypoint (`marl.engine.ground.paths`). If another unit is in
the way, `marl.engine.walking.steering` decides. Friends come as close as their inner radii,
opponents as their separation radii.
"""

from __future__ import annotations

import math

from marl.compiled.jit import compiled
from marl.engine.field import Field
from marl.engine.ground.paths import next_stop
from marl.engine.walking.collision import free_way, gather_near
from marl.engine.walking.motion import drift, go, is_slow, rest, slide, speed_up, stand, turn_to
from marl.engine.walking.steering import ARRIVED, BLOCKED, LOOK_AHEAD, MOVED, Walk, pass_unit
from marl.engine.world import NO_UNIT, Units

__all__ = ["ARRIVED", "BLOCKED", "MOVED", "rest", "stand", "turn_to", "walk"]


@compiled
def walk(field: Field, units: Units, i: int, goal_x: float, goal_y: float) -> int:
    """Walk unit i towards the goal for one loop; gives MOVED, BLOCKED or ARRIVED."""
    unit = units[i]
    kind = field.table[unit.kind]
    stop_x, stop_y, is_goal = next_stop(field.paths, unit, kind.crosses, goal_x, goal_y)
    dx, dy = stop_x - unit.x, stop_y - unit.y
    distance = math.sqrt(dx * dx + dy * dy)
    if kind.speed == 0.0 or distance == 0.0:
        stand(unit)
        return ARRIVED if distance == 0.0 else BLOCKED
    dx, dy = dx / distance, dy / distance
    speed = kind.speed
    if is_slow(kind):
        speed = speed_up(field, unit, kind, dx, dy, distance)
        if speed <= 0.0:
            turn_to(unit, kind, dx, dy)
            drift(field, units, i, -dx, -dy, -speed)
            return MOVED
    last_x, last_y = unit.velocity_x, unit.velocity_y
    stand(unit)
    step = min(speed, distance)
    # A detour ends when the way is free for LOOK_AHEAD, not at the first gap in a row of units.
    ahead = step if unit.detour == 0 else min(step + LOOK_AHEAD, distance)
    count = gather_near(field, units, i, step + LOOK_AHEAD)
    free, blocker = free_way(units, count, dx, dy, ahead)
    if blocker != NO_UNIT:
        way = Walk(i, count, dx, dy, step, distance, is_goal, last_x, last_y)
        return pass_unit(field, units, way, units[blocker].near, free)
    unit.detour, unit.stalled = 0, 0
    turn_to(unit, kind, dx, dy)
    if go(field, unit, kind, dx, dy, step):
        return ARRIVED if is_goal and step == distance else MOVED
    return MOVED if slide(field, units, i, count, dx * distance, dy * distance) else BLOCKED

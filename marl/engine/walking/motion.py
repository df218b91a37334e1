"""Motion of one unit in one loop: turn, accelerate, move, slide along a wall."""

from __future__ import annotations

import math

from marl.compiled.jit import compiled, inlined
from marl.engine.field import Field
from marl.engine.ground.geometry import is_free_of_walls, nearest_wall
from marl.engine.walking.collision import free_way, gather_near
from marl.engine.world import Unit, Units, UnitType

SLIDES = 2  # walls tried in one loop: two meet in a corner
MIN_SLIDE = 1e-9  # grid units; a shorter slide counts as none


@inlined
def turn_to(unit: Unit, kind: UnitType, dx: float, dy: float) -> None:
    """Turn a unit towards the unit vector (dx, dy), at most by its turn rate."""
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
    """Set the unit's velocity to 0."""
    unit.velocity_x, unit.velocity_y = 0.0, 0.0


@inlined
def is_slow(kind: UnitType) -> bool:
    """Whether the type needs more than one loop to reach its speed: only medivacs do."""
    return kind.acceleration < kind.speed


@compiled
def rest(field: Field, units: Units, i: int) -> None:
    """One loop of a unit without a goal: it stands, or brakes if it is a moving flyer."""
    unit = units[i]
    kind = field.table[unit.kind]
    speed = math.sqrt(unit.velocity_x * unit.velocity_x + unit.velocity_y * unit.velocity_y)
    if not is_slow(kind) or not field.choices[0].flyers_drift or speed <= kind.acceleration:
        stand(unit)
        return
    dx, dy = unit.velocity_x / speed, unit.velocity_y / speed
    drift(field, units, i, dx, dy, speed - kind.acceleration)


@compiled
def drift(field: Field, units: Units, i: int, dx: float, dy: float, length: float) -> None:
    """Move unit i by `length` along (dx, dy), or up to the first unit in the way."""
    stand(units[i])
    count = gather_near(field, units, i, length)
    shift(field, units, i, count, dx * length, dy * length)


@compiled
def speed_up(field: Field, unit: Unit, kind: UnitType, dx: float, dy: float, far: float) -> float:
    """A flyer's next speed along (dx, dy), towards its goal; negative while it still drifts back.

    far: distance of the goal, where it comes to a stop. Speed at right angles is lost at once.
    """
    speed = unit.velocity_x * dx + unit.velocity_y * dy + kind.acceleration
    speed = min(speed, kind.speed)
    if field.choices[0].flyers_drift:
        # The braking distance from v is v (v / a + 1) / 2, the next loop included.
        half = 0.5 * kind.acceleration
        return min(speed, math.sqrt(half * half + 2.0 * kind.acceleration * far) - half)
    return max(speed, kind.acceleration)


@inlined
def go(field: Field, unit: Unit, kind: UnitType, dx: float, dy: float, length: float) -> bool:
    """Move the unit by `length` along (dx, dy) unless a wall is there; whether it moved."""
    x, y = unit.x + dx * length, unit.y + dy * length
    if not is_free_of_walls(
        field.walkable, x, y, kind.inner_radius, kind.crosses
    ) and not leaves_wall(field, unit, kind, x, y):
        return False
    unit.velocity_x, unit.velocity_y = x - unit.x, y - unit.y
    unit.x, unit.y = x, y
    return True


@compiled
def leaves_wall(field: Field, unit: Unit, kind: UnitType, x: float, y: float) -> bool:
    """Whether a unit that overlaps a wall would have its centre on open ground at (x, y)."""
    is_stuck = not is_free_of_walls(field.walkable, unit.x, unit.y, kind.inner_radius, kind.crosses)
    return is_stuck and is_free_of_walls(field.walkable, x, y, 0.0, kind.crosses)


@compiled
def slide(field: Field, units: Units, i: int, count: int, way_x: float, way_y: float) -> bool:
    """Move unit i along the wall that blocks its way (way_x, way_y) to the goal; whether it moved.

    It moves at most by its speed, and only nearer to its goal. count: of the list made by
    `gather_near`.
    """
    unit = units[i]
    kind = field.table[unit.kind]
    distance = math.sqrt(way_x * way_x + way_y * way_y)
    share = min(kind.speed / distance, 1.0)
    step_x, step_y = share * way_x, share * way_y
    for _ in range(SLIDES):
        off_x, off_y = nearest_wall(
            field.walkable, unit.x + step_x, unit.y + step_y, kind.inner_radius, kind.crosses
        )
        # At a corner, the direction at right angles to the line to it is free.
        from_x, from_y = along(off_x - step_x, off_y - step_y, way_x, way_y, kind.speed)
        step_x, step_y = along(off_x, off_y, way_x, way_y, kind.speed)
        if step_x == 0.0 and step_y == 0.0:
            return False
        if shift(field, units, i, count, step_x, step_y) or shift(
            field, units, i, count, from_x, from_y
        ):
            return True
    return False


@compiled
def along(
    off_x: float, off_y: float, way_x: float, way_y: float, longest: float
) -> tuple[float, float]:
    """The component of (way_x, way_y) at right angles to (off_x, off_y), at most `longest` long."""
    off = math.sqrt(off_x * off_x + off_y * off_y)
    if off == 0.0:
        return 0.0, 0.0
    to_x, to_y = -off_y / off, off_x / off
    length = to_x * way_x + to_y * way_y
    if abs(length) <= MIN_SLIDE:
        return 0.0, 0.0
    length = min(max(length, -longest), longest)
    return to_x * length, to_y * length


@compiled
def shift(field: Field, units: Units, i: int, count: int, step_x: float, step_y: float) -> bool:
    """Move unit i by (step_x, step_y), or up to the first unit in the way; whether it moved."""
    length = math.sqrt(step_x * step_x + step_y * step_y)
    if length == 0.0:
        return False
    dx, dy = step_x / length, step_y / length
    free, _ = free_way(units, count, dx, dy, length)
    return free > 0.0 and go(field, units[i], field.table[units[i].kind], dx, dy, free)

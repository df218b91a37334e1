"""How a unit fights its target: close in, face it, swing, launch, cool down.

Times are whole loops: a shot leaves in the first loop at or after its time. The next swing
begins so early that shots at a target that stays are one period plus random delay apart.
"""

from __future__ import annotations

import math

from marl.engine.jit import compiled, inlined
from marl.engine.movement import stand, turn_to, walk
from marl.engine.rng import State, uniform
from marl.engine.targeting import BLOCKED_LOOPS, KEPT_LOOPS, reachable, squared_gap
from marl.engine.vitals import PASSIVE_SIDE, hit, is_alive
from marl.engine.world import NO_UNIT, Field, Unit, Units, UnitType


@inlined
def fight(field: Field, units: Units, state: State, i: int, target: int) -> None:
    """One loop of unit i against its living target. state: the battle's random numbers."""
    unit, other = units[i], units[target]
    kind = field.table[unit.kind]
    gap = squared_gap(unit, other)
    reach = kind.weapon_range + kind.radius + field.table[other.kind].radius
    slack = reach + kind.range_slop
    if gap > slack * slack:
        unit.swing = -1.0
    if gap > reach * reach and unit.swing < 0.0 and unit.burst < 0.0:
        chase(field, units, i, target)
        return
    stand(unit)
    unit.blocked = 0
    is_facing = face(unit, kind, other, gap)
    if unit.swing >= 0.0:
        unit.swing -= 1.0
    elif unit.burst < 0.0 and is_facing and unit.cooldown <= kind.damage_point:
        unit.swing = kind.damage_point
    if unit.swing == 0.0 and unit.cooldown <= 0.0:
        launch(field, units, state, i, target)


@inlined
def face(unit: Unit, kind: UnitType, other: Unit, squared: float) -> bool:
    """Turn the unit towards `other`; whether its weapon may fire in that direction.

    squared: the squared distance of the two centres.
    """
    if squared == 0.0:
        return True
    gap = math.sqrt(squared)
    dx, dy = (other.x - unit.x) / gap, (other.y - unit.y) / gap
    turn_to(unit, kind, dx, dy)
    return unit.facing_x * dx + unit.facing_y * dy >= kind.arc_cos


@compiled
def launch(field: Field, units: Units, state: State, i: int, target: int) -> None:
    """Unit i's shot leaves: the hit if it is instant, else a missile; the weapon cools down."""
    unit = units[i]
    kind = field.table[unit.kind]
    delay = kind.delay_min + (kind.delay_max - kind.delay_min) * uniform(state)
    unit.cooldown = kind.period + delay
    unit.swing = -1.0
    if kind.missile_speed > 0.0:
        send_missile(field, units, i, target)
        return
    if kind.hits > 1:
        unit.burst, unit.burst_target = kind.hit_delay, target
    hit(field, units, i, target)


@compiled
def send_missile(field: Field, units: Units, i: int, target: int) -> None:
    """Put unit i's missile in the air, at that edge of the unit which faces the target."""
    unit, other = units[i], units[target]
    radius = field.table[unit.kind].radius
    gap = math.sqrt(squared_gap(unit, other))
    share = min(radius / gap, 1.0) if gap > 0.0 else 0.0
    unit.missile_x = unit.x + share * (other.x - unit.x)
    unit.missile_y = unit.y + share * (other.y - unit.y)
    unit.missile = max(gap - radius - field.table[other.kind].radius, 0.0)
    unit.missile_target = target


@compiled
def fly(field: Field, units: Units, i: int) -> None:
    """One loop of unit i's missile: it follows its target and hits on reaching its edge.

    It flies whether or not unit i still lives, and is gone when its target dies first.
    """
    unit = units[i]
    target = unit.missile_target
    if not is_alive(units, target):
        unit.missile = -1.0
        return
    other = units[target]
    dx, dy = other.x - unit.missile_x, other.y - unit.missile_y
    distance = math.sqrt(dx * dx + dy * dy)
    speed = field.table[unit.kind].missile_speed
    left = distance - field.table[other.kind].radius - speed
    if left <= 0.0:
        unit.missile = -1.0
        hit(field, units, i, target)
        return
    unit.missile = left
    unit.missile_x += dx / distance * speed
    unit.missile_y += dy / distance * speed


@compiled
def hit_again(field: Field, units: Units, i: int) -> None:
    """One loop of unit i's wait for its second hit, which lands within range and slop."""
    unit = units[i]
    kind = field.table[unit.kind]
    victim = unit.burst_target
    unit.burst -= 1.0
    if not is_alive(units, victim):
        unit.burst = -1.0
    elif unit.burst <= 0.0:
        unit.burst = -1.0
        radii = kind.radius + field.table[units[victim].kind].radius
        slack = kind.weapon_range + kind.range_slop + radii
        if squared_gap(unit, units[victim]) <= slack * slack:
            hit(field, units, i, victim)


@compiled
def chase(field: Field, units: Units, i: int, target: int) -> None:
    """Close in on a target out of range; a stock unit that gets no nearer looks for another one."""
    unit, other = units[i], units[target]
    gap = squared_gap(unit, other)
    walk(field, units, i, other.x, other.y)
    if unit.blocked < 0:
        unit.blocked += 1
    elif squared_gap(unit, other) < gap:
        unit.blocked = max(unit.blocked - 1, 0)
    else:
        unit.blocked += 1
        if unit.blocked == BLOCKED_LOOPS and unit.side != PASSIVE_SIDE:
            unit.blocked = 0
            found = reachable(field, units, i)
            if found != NO_UNIT:
                unit.target = found
                unit.blocked = -KEPT_LOOPS

"""The attack on a target: approach, face it, swing, fire, cool down.

Times are whole loops: a shot leaves in the first loop at or after its time. The next swing begins
early enough for shots at a standing target to be one period plus the random delay apart.
"""

from __future__ import annotations

import math

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.sweep import begin_sweep
from marl.engine.combat.targeting import BLOCKED_LOOPS, KEPT_LOOPS, nearest_exposed, squared_gap
from marl.engine.combat.vitals import PASSIVE_SIDE, die, hit, is_alive
from marl.engine.field import Field
from marl.engine.rng import Rng, uniform
from marl.engine.walking.movement import stand, turn_to, walk
from marl.engine.world import MISSILE, NO_UNIT, ORDER_ATTACK, SUICIDE, SWEEP, Unit, Units, UnitType


@inlined
def fight(field: Field, units: Units, rng: Rng, i: int, target: int) -> None:
    """One loop of unit i against its living target. rng: [1], the battle's generator."""
    unit, other = units[i], units[target]
    kind, other_kind = field.table[unit.kind], field.table[other.kind]
    gap = squared_gap(unit, other)
    reach = kind.weapon_range + kind.radius + other_kind.radius
    slack = reach + kind.range_slop
    if gap > slack * slack:
        unit.swing = -1.0
    is_far = gap > reach * reach
    if kind.fires_moving != 0 and not is_far and unit.cooldown <= 0.0:
        launch(field, units, rng, i, target)
        return
    if kind.fires_moving != 0 or (is_far and unit.swing < 0.0 and unit.burst < 0.0):
        chase(field, units, i, target)
        return
    stand(unit)
    unit.blocked = 0
    is_facing = turn_towards(unit, kind, other, gap) >= kind.arc_cos
    if unit.swing >= 0.0:
        unit.swing -= 1.0
    elif unit.burst < 0.0 and is_facing:
        begin_swing(field, unit, kind, is_close(kind, other_kind, gap))
    if unit.swing == 0.0 and unit.cooldown <= 0.0:
        launch(field, units, rng, i, target)


@inlined
def begin_swing(field: Field, unit: Unit, kind: UnitType, close: bool) -> None:
    """Begin a swing if the weapon is ready by its damage point. close: the second weapon's."""
    point = kind.close_damage_point if close else kind.damage_point
    extends = field.choices[0].damage_point_extends_period != 0
    if unit.cooldown <= (0.0 if extends else point):
        unit.swing = point


@inlined
def is_close(kind: UnitType, other_kind: UnitType, squared: float) -> bool:
    """Whether a unit of `kind` has a second weapon for targets at this distance.

    squared: the squared distance between the centres.
    """
    reach = kind.close_range + kind.radius + other_kind.radius
    return kind.close_range >= 0.0 and squared <= reach * reach


@inlined
def turn_towards(unit: Unit, kind: UnitType, other: Unit, squared: float) -> float:
    """Turn the unit towards `other`; gives the cosine of the angle that remains.

    squared: the squared distance between the centres.
    """
    if squared == 0.0:
        return 1.0
    gap = math.sqrt(squared)
    dx, dy = (other.x - unit.x) / gap, (other.y - unit.y) / gap
    turn_to(unit, kind, dx, dy)
    return unit.facing_x * dx + unit.facing_y * dy


@compiled
def launch(field: Field, units: Units, rng: Rng, i: int, target: int) -> None:
    """Fire unit i's weapon and start its cooldown; a unit that explodes dies instead."""
    unit, other = units[i], units[target]
    kind = field.table[unit.kind]
    if kind.delivery == SUICIDE:
        die(field, units, i)
        return
    delay = kind.delay_min + (kind.delay_max - kind.delay_min) * uniform(rng)
    unit.cooldown = kind.period + delay
    unit.swing = -1.0
    close = is_close(kind, field.table[other.kind], squared_gap(unit, other))
    if kind.delivery == MISSILE and not close:
        send_missile(field, units, i, target)
    elif kind.delivery == SWEEP:
        begin_sweep(field, units, i, target)
    else:
        if kind.hits > 1:
            unit.burst, unit.burst_target = kind.hit_delay, target
        hit(field, units, i, target)


@compiled
def send_missile(field: Field, units: Units, i: int, target: int) -> None:
    """Put unit i's missile in the air, at the edge of the unit that faces the target.

    Or at its centre, without Choices.missile_edge_to_edge.
    """
    unit, other = units[i], units[target]
    radius = missile_radius(field, unit)
    gap = math.sqrt(squared_gap(unit, other))
    share = min(radius / gap, 1.0) if gap > 0.0 else 0.0
    unit.missile_x = unit.x + share * (other.x - unit.x)
    unit.missile_y = unit.y + share * (other.y - unit.y)
    unit.missile = max(gap - radius - missile_radius(field, other), 0.0)
    unit.missile_target = target


@inlined
def missile_radius(field: Field, unit: Unit) -> float:
    """Distance from a unit's centre at which missiles start and arrive."""
    return field.table[unit.kind].radius if field.choices[0].missile_edge_to_edge != 0 else 0.0


@compiled
def fly(field: Field, units: Units, i: int) -> None:
    """One loop of unit i's missile: it follows its target and hits it on arrival.

    It flies on if unit i dies, and vanishes if its target dies.
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
    left = distance - missile_radius(field, other) - speed
    if left <= 0.0:
        unit.missile = -1.0
        hit(field, units, i, target)
        return
    unit.missile = left
    unit.missile_x += dx / distance * speed
    unit.missile_y += dy / distance * speed


@compiled
def hit_again(field: Field, units: Units, i: int) -> None:
    """One loop of unit i's wait for its second hit, which needs the target within range_slop."""
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
    """Walk towards a target out of range.

    A stock unit that gets no nearer to a target of its own choice looks for another one.
    """
    unit, other = units[i], units[target]
    if field.table[unit.kind].speed == 0.0:
        stand(unit)
        return
    gap = squared_gap(unit, other)
    walk(field, units, i, other.x, other.y)
    if unit.blocked < 0:
        unit.blocked += 1
    elif squared_gap(unit, other) < gap:
        unit.blocked = max(unit.blocked - 1, 0)
    else:
        unit.blocked += 1
        is_free = unit.side != PASSIVE_SIDE and unit.order != ORDER_ATTACK
        gives_up = field.choices[0].blocked_repick != 0 and is_free
        if unit.blocked >= BLOCKED_LOOPS and gives_up:
            unit.blocked = 0
            found = nearest_exposed(field, units, i)
            if found != NO_UNIT:
                unit.target = found
                unit.blocked = -KEPT_LOOPS

"""What scripted players order, on the true facts of a battle; see marl/scripted/players.py.

Everything follows from facts of the unit types (range, damage, healing), nothing from their names.
E battles, N = A + M units: the A agents first, then the M enemies. Orders are action indices.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.jit import compiled, inlined
from marl.engine.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
)
from marl.engine.world import NO_UNIT, Ints, Table, Unit, Units, UnitType

FAR = 1e9  # farther than anything, grid units
MELEE_RANGE = 1.0  # a weapon of less range, between edges, is one to run from
BREAK_OFF = 4.0  # gap to a melee enemy's reach, beyond which nobody steps back, grid units
BUSY = 0.5  # gap up to which a melee enemy has its hands full with whom it is after, grid units
OUTLOOK = 6.0  # how far ahead a unit that steps back looks for walls and enemies, grid units
STRIDE = 0.5  # of that look, grid units

Flags = NDArray[np.bool_]


class Scene(NamedTuple):
    """What a script knows of a scenario's battles."""

    table: Table  # [K]
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x]
    n_agents: int
    first_target: int  # action on the first enemy, or on the first agent for a healer
    step_mul: int  # game loops per step


@compiled
def heuristic(
    scene: Scene, restricted: bool, all_units: Units, avail: Flags, targets: Ints, out: Ints
) -> None:
    """Attack the nearest enemy until it is dead; healers heal the nearest ally that needs it.

    Orders ignore the mask, whatever the distance; if `restricted`, an agent whose order is masked
    walks along the larger coordinate difference instead. An agent without a target is ordered
    nothing. all_units [E,N]; avail [E,A,U]; targets [E,A], kept from step to step; out [E,A].
    Source: oxwhirl/smac @d6aab33, starcraft2.py get_agent_action_heuristic.
    """
    for e in range(out.shape[0]):
        units = all_units[e]
        for i in range(scene.n_agents):
            out[e, i] = ACTION_NO_OP
            if units[i].health <= 0.0:
                continue
            first = first_target_unit(scene, units[i])
            target = targets[e, i]
            if target == NO_UNIT or not needs_attention(scene, units, target):
                target = nearest_target(scene, units, i)
                targets[e, i] = target
            if target == NO_UNIT:
                continue
            action = scene.first_target + target - first
            if restricted and not avail[e, i, action]:
                action = along_larger_axis(units[i], units[target])
            out[e, i] = action


@inlined
def heals(scene: Scene, unit: Unit) -> bool:
    """Whether the unit's type heals instead of fighting."""
    return scene.table[unit.kind].heal_rate > 0.0


@inlined
def first_target_unit(scene: Scene, unit: Unit) -> int:
    """The unit that action `first_target` means: healers aim at agents, the others at enemies."""
    return 0 if heals(scene, unit) else scene.n_agents


@inlined
def needs_attention(scene: Scene, units: Units, j: int) -> bool:
    """Whether unit j is a target: a living enemy, or a damaged agent that is no healer."""
    unit = units[j]
    if unit.health <= 0.0:
        return False
    if j >= scene.n_agents:
        return True
    return unit.health < scene.table[unit.kind].health and not heals(scene, unit)


@compiled
def nearest_target(scene: Scene, units: Units, i: int) -> int:
    """The nearest target of agent i by centres, the first of equally near ones; or NO_UNIT."""
    first = first_target_unit(scene, units[i])
    count = scene.n_agents if first == 0 else units.size - scene.n_agents
    best, least = NO_UNIT, FAR
    for j in range(first, first + count):
        if needs_attention(scene, units, j):
            gap = distance(units[i], units[j])
            if gap < least:
                best, least = j, gap
    return best


@inlined
def distance(unit: Unit, other: Unit) -> float:
    """Between the centres, grid units."""
    dx, dy = other.x - unit.x, other.y - unit.y
    return math.sqrt(dx * dx + dy * dy)


@inlined
def along_larger_axis(unit: Unit, other: Unit) -> int:
    """The move towards `other`; north or south when both differences are the same."""
    dx, dy = other.x - unit.x, other.y - unit.y
    if abs(dx) > abs(dy):
        return ACTION_EAST if dx > 0.0 else ACTION_WEST
    return ACTION_NORTH if dy > 0.0 else ACTION_SOUTH


@compiled
def focus_fire(
    scene: Scene,
    steps_back: bool,
    all_units: Units,
    avail: Flags,
    targets: Ints,
    pledged: NDArray[np.float64],
    out: Ints,
) -> None:
    """All fire on one enemy, the weakest in reach, until it is dead; only legal actions.

    Nobody walks while the enemies come and none is in reach.
    Shots that the target no longer needs go to the next weakest. Melee units take the enemy
    nearest to each of them. If `steps_back`, ranged units keep away from melee enemies while their
    weapons cool down. all_units [E,N]; avail [E,A,U]; targets [E,1], the enemy fired on, kept from
    step to step; pledged [E,N] scratch; out [E,A].
    """
    for e in range(out.shape[0]):
        units = all_units[e]
        pledged[e, :] = 0.0
        if targets[e, 0] == NO_UNIT or units[targets[e, 0]].health <= 0.0:
            targets[e, 0] = weakest_in_reach(scene, units, avail[e])
        waits = targets[e, 0] == NO_UNIT and comes(scene, units)
        for i in range(scene.n_agents):
            if units[i].health <= 0.0:
                out[e, i] = ACTION_NO_OP
            elif waits:
                out[e, i] = ACTION_STOP
            elif steps_back and flees(scene, units, avail[e, i], i):
                out[e, i] = way_out(scene, units, avail[e, i], i)
            else:
                target = choose(scene, units, avail[e, i], i, targets[e, 0], pledged[e])
                out[e, i] = approach_or_fire(scene, units, avail[e, i], i, target)


@inlined
def action_on(scene: Scene, units: Units, i: int, j: int) -> int:
    """Agent i's action on unit j."""
    return scene.first_target + j - first_target_unit(scene, units[i])


@compiled
def comes(scene: Scene, units: Units) -> bool:
    """Whether any enemy walks."""
    for j in range(scene.n_agents, units.size):
        unit = units[j]
        if unit.health > 0.0 and (unit.velocity_x != 0.0 or unit.velocity_y != 0.0):
            return True
    return False


@compiled
def weakest_in_reach(scene: Scene, units: Units, avail: Flags) -> int:
    """The enemy with the least health and shield that an agent may attack; NO_UNIT if none."""
    best, least = NO_UNIT, FAR
    for j in range(scene.n_agents, units.size):
        vitality = units[j].health + units[j].shield
        if units[j].health > 0.0 and vitality < least:
            for i in range(scene.n_agents):
                if can_hit(scene, units, i, j) and avail[i, action_on(scene, units, i, j)]:
                    best, least = j, vitality
                    break
    return best


@inlined
def can_hit(scene: Scene, units: Units, i: int, j: int) -> bool:
    """Whether agent i is alive and has a weapon that hits units of j's kind."""
    attacker, victim = scene.table[units[i].kind], scene.table[units[j].kind]
    return units[i].health > 0.0 and (attacker.targets & victim.plane) != 0


@compiled
def choose(
    scene: Scene,
    units: Units,
    avail: Flags,
    i: int,
    shared: int,
    pledged: NDArray[np.float64],
) -> int:
    """Whom agent i turns to: the shared target, the weakest that still needs a shot, the nearest.

    pledged: [N] damage that other agents will have done; agent i's is added.
    """
    kind = scene.table[units[i].kind]
    if heals(scene, units[i]) or kind.weapon_range < MELEE_RANGE:
        return nearest_legal(scene, units, avail, i)
    target, least = NO_UNIT, FAR
    for j in range(scene.n_agents, units.size):
        left = units[j].health + units[j].shield - pledged[j]
        legal = can_hit(scene, units, i, j) and avail[action_on(scene, units, i, j)]
        if units[j].health > 0.0 and left > 0.0 and legal:
            if j == shared:
                target = j
                break
            if left < least:
                target, least = j, left
    if target == NO_UNIT:
        return nearest_legal(scene, units, avail, i)
    if units[i].cooldown <= scene.step_mul:
        pledged[target] += damage(kind, scene.table[units[target].kind])
    return target


@inlined
def damage(kind: UnitType, victim: UnitType) -> float:
    """Of one attack, armor and shields aside."""
    dealt = kind.damage
    for bit in range(kind.bonus.size):
        if (victim.attributes >> bit) & 1:
            dealt += kind.bonus[bit]
    return dealt * kind.hits


@compiled
def nearest_legal(scene: Scene, units: Units, avail: Flags, i: int) -> int:
    """The nearest target of agent i that it may aim at, else the nearest one; NO_UNIT if none."""
    first = first_target_unit(scene, units[i])
    count = scene.n_agents if first == 0 else units.size - scene.n_agents
    best, least = NO_UNIT, 2.0 * FAR
    for j in range(first, first + count):
        if needs_attention(scene, units, j) and (first == 0 or can_hit(scene, units, i, j)):
            gap = distance(units[i], units[j])
            if not avail[action_on(scene, units, i, j)]:
                gap += FAR
            if gap < least:
                best, least = j, gap
    return best


@inlined
def approach_or_fire(scene: Scene, units: Units, avail: Flags, i: int, target: int) -> int:
    """Aim at the target if that is legal, else walk towards it; stop where nothing of it is."""
    if target == NO_UNIT:
        return ACTION_STOP
    action = action_on(scene, units, i, target)
    if avail[action]:
        return action
    move = along_larger_axis(units[i], units[target])
    if avail[move]:
        return move
    unit, other = units[i], units[target]
    if move in (ACTION_EAST, ACTION_WEST):
        move = ACTION_NORTH if other.y > unit.y else ACTION_SOUTH
    else:
        move = ACTION_EAST if other.x > unit.x else ACTION_WEST
    return move if avail[move] else ACTION_STOP


@compiled
def flees(scene: Scene, units: Units, avail: Flags, i: int) -> bool:
    """Whether agent i, which outranges a melee enemy near it, should step back now.

    It does from one that would hit it before its shot leaves, and, while it cools down, from any
    that is not busy with another agent; not from faster ones, nor without a way out.
    """
    unit = units[i]
    kind = scene.table[unit.kind]
    if heals(scene, unit) or kind.weapon_range < MELEE_RANGE or unit.swing >= 0.0:
        return False
    shot = max(unit.cooldown, kind.damage_point) + 1.0  # loops until it leaves
    for j in range(scene.n_agents, units.size):
        speed = scene.table[units[j].kind].speed
        if is_melee_threat(scene, units, j) and speed <= kind.speed:
            gap = gap_to_reach(scene, units, i, j)
            is_near = gap < speed * min(shot, scene.step_mul + 1.0)
            is_free = gap < BREAK_OFF and not is_busy(scene, units, i, j)
            if is_near or (is_free and shot > scene.step_mul):
                return way_out(scene, units, avail, i) != ACTION_STOP
    return False


@inlined
def is_melee_threat(scene: Scene, units: Units, j: int) -> bool:
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
    stride = scene.table[unit.kind].speed * scene.step_mul
    best, most = ACTION_STOP, -FAR
    for action in range(ACTION_NORTH, ACTION_WEST + 1):
        if avail[action]:
            x, y = walk_straight(scene, unit.x, unit.y, action, stride)
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
    for action in range(ACTION_NORTH, ACTION_WEST + 1):
        there_x, there_y = walk_straight(scene, x, y, action, OUTLOOK)
        way = walked + abs(there_x - x) + abs(there_y - y)
        most = max(most, clearance(scene, units, i, there_x, there_y, way))
    return most


@inlined
def walk_straight(
    scene: Scene, x: float, y: float, action: int, length: float
) -> tuple[float, float]:
    """Where one is after `length` in the direction of a move, or at the wall before."""
    dx = 1.0 if action == ACTION_EAST else (-1.0 if action == ACTION_WEST else 0.0)
    dy = 1.0 if action == ACTION_NORTH else (-1.0 if action == ACTION_SOUTH else 0.0)
    height, width = scene.walkable.shape
    walked = 0.0
    while walked < length:
        step = min(STRIDE, length - walked)
        x_next, y_next = x + step * dx, y + step * dy
        if x_next < 0.0 or y_next < 0.0 or x_next >= width or y_next >= height:
            break
        if scene.walkable[int(y_next), int(x_next)] == 0:
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

"""How a unit fights its target: close in, face it, swing, launch, cool down.

Times are whole loops: a shot leaves in the first loop at or after its time. The next swing
begins so early that shots at a target that stays are one period plus random delay apart.
"""

from __future__ import annotations

import math

from numba import njit

from marl.engine.geometry import Cells
from marl.engine.movement import BLOCKED, stand, turn_to, walk
from marl.engine.rng import uniform
from marl.engine.targeting import BLOCKED_LOOPS, KEPT_LOOPS, reachable, squared_gap
from marl.engine.vitals import PASSIVE_SIDE, hit, is_alive
from marl.engine.world import NO_UNIT, UnitTypes, World


@njit(cache=True)
def fight(battle: World, types: UnitTypes, walkable: Cells, i: int, target: int) -> None:
    """One loop of unit i against its living target."""
    kind = battle.kind[i]
    gap = squared_gap(battle, i, target)
    reach = types.weapon_range[kind] + types.radius[kind] + types.radius[battle.kind[target]]
    slack = reach + types.range_slop[kind]
    if battle.swing[i] >= 0.0 and gap > slack * slack:
        battle.swing[i] = -1.0
    is_busy = battle.swing[i] >= 0.0 or battle.burst[i] >= 0.0
    if gap > reach * reach and not is_busy:
        chase(battle, types, walkable, i, target)
        return
    stand(battle, i)
    battle.blocked[i] = 0
    is_facing = face(battle, types, i, target, gap)
    if battle.swing[i] >= 0.0:
        battle.swing[i] -= 1.0
    elif battle.burst[i] < 0.0 and is_facing and battle.cooldown[i] <= types.damage_point[kind]:
        battle.swing[i] = types.damage_point[kind]
    if battle.swing[i] == 0.0 and battle.cooldown[i] <= 0.0:
        launch(battle, types, i, target, gap)


@njit(cache=True, forceinline=True)
def face(battle: World, types: UnitTypes, i: int, target: int, squared: float) -> bool:
    """Turn unit i towards its target; whether its weapon may fire in that direction.

    squared: the squared distance of the two centres.
    """
    if squared == 0.0:
        return True
    gap = math.sqrt(squared)
    dx, dy = (battle.x[target] - battle.x[i]) / gap, (battle.y[target] - battle.y[i]) / gap
    turn_to(battle, types, i, dx, dy)
    facing = battle.facing_x[i] * dx + battle.facing_y[i] * dy
    return facing >= types.arc_cos[battle.kind[i]]


@njit(cache=True)
def launch(battle: World, types: UnitTypes, i: int, target: int, squared: float) -> None:
    """Unit i's shot leaves: the hit if it is instant, else a missile; the weapon cools down."""
    kind = battle.kind[i]
    spread = types.delay_max[kind] - types.delay_min[kind]
    delay = types.delay_min[kind] + spread * uniform(battle.rng)
    battle.cooldown[i] = types.period[kind] + delay
    battle.swing[i] = -1.0
    if types.missile_speed[kind] > 0.0:
        send_missile(battle, types, i, target, squared)
        return
    if types.hits[kind] > 1:
        battle.burst[i] = types.hit_delay[kind]
        battle.burst_target[i] = target
    hit(battle, types, i, target)


@njit(cache=True)
def send_missile(battle: World, types: UnitTypes, i: int, target: int, squared: float) -> None:
    """Put unit i's missile in the air, at the edge of the unit that faces the target."""
    gap = math.sqrt(squared)
    radius = types.radius[battle.kind[i]]
    share = min(radius / gap, 1.0) if gap > 0.0 else 0.0
    battle.missile_x[i] = battle.x[i] + share * (battle.x[target] - battle.x[i])
    battle.missile_y[i] = battle.y[i] + share * (battle.y[target] - battle.y[i])
    battle.missile[i] = max(gap - radius - types.radius[battle.kind[target]], 0.0)
    battle.missile_target[i] = target


@njit(cache=True)
def fly(battle: World, types: UnitTypes, i: int) -> None:
    """One loop of unit i's missile: it follows its target and hits on reaching its edge.

    It flies whether or not unit i still lives, and is gone when its target dies first.
    """
    target = battle.missile_target[i]
    if not is_alive(battle, target):
        battle.missile[i] = -1.0
        return
    dx, dy = battle.x[target] - battle.missile_x[i], battle.y[target] - battle.missile_y[i]
    distance = math.sqrt(dx * dx + dy * dy)
    speed = types.missile_speed[battle.kind[i]]
    left = distance - types.radius[battle.kind[target]] - speed
    if left <= 0.0:
        battle.missile[i] = -1.0
        hit(battle, types, i, target)
        return
    battle.missile[i] = left
    battle.missile_x[i] += dx / distance * speed
    battle.missile_y[i] += dy / distance * speed


@njit(cache=True)
def hit_again(battle: World, types: UnitTypes, i: int) -> None:
    """One loop of unit i's wait for its second hit, which lands within range and slop."""
    battle.burst[i] -= 1.0
    victim = battle.burst_target[i]
    if not is_alive(battle, victim):
        battle.burst[i] = -1.0
    elif battle.burst[i] <= 0.0:
        battle.burst[i] = -1.0
        kind = battle.kind[i]
        slack = types.weapon_range[kind] + types.range_slop[kind] + types.radius[kind]
        slack += types.radius[battle.kind[victim]]
        if squared_gap(battle, i, victim) <= slack * slack:
            hit(battle, types, i, victim)


@njit(cache=True)
def chase(battle: World, types: UnitTypes, walkable: Cells, i: int, target: int) -> None:
    """Close in on a target out of range; a stock unit without a way looks for another one."""
    outcome = walk(battle, types, walkable, i, battle.x[target], battle.y[target])
    if battle.blocked[i] < 0:
        battle.blocked[i] += 1
    elif outcome != BLOCKED:
        battle.blocked[i] = 0
    else:
        battle.blocked[i] += 1
        if battle.blocked[i] >= BLOCKED_LOOPS and battle.side[i] != PASSIVE_SIDE:
            other = reachable(battle, types, i)
            battle.blocked[i] = 0
            if other != NO_UNIT:
                battle.target[i] = other
                battle.blocked[i] = -KEPT_LOOPS

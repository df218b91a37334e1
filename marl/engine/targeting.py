"""Whom a unit fights: agents only whom they are told to, stock units the nearest threat.

Sources: the rules of spec "Automatic Targeting" (Liquipedia) and pysc2's documentation; where they
are silent, docs/fidelity.md says what we chose. Chase limits (leash 21) exceed every arena but the
open ones, where a chase beyond LEASH ends.
"""

from __future__ import annotations

from numba import njit

from marl.engine.vitals import PASSIVE_SIDE, is_alive
from marl.engine.world import NO_UNIT, ORDER_ATTACK, ORDER_MOVE, ORDER_NONE, UnitTypes, World

LEASH = 21.0  # a target farther than this, centre to centre, is given up
BLOCKED_LOOPS = 4  # without a way to its target a unit looks for another one
KEPT_LOOPS = 32  # that it then keeps for so long
HARMLESS = 1e9  # added to the squared distance of what cannot hit back: threats come first


@njit(cache=True, forceinline=True)
def opponent(battle: World, types: UnitTypes, i: int) -> int:
    """The unit that unit i fights in this loop, or NO_UNIT."""
    order = battle.order[i]
    if order == ORDER_ATTACK:
        if is_alive(battle, battle.order_target[i]):
            battle.target[i] = battle.order_target[i]
        else:
            battle.order[i] = ORDER_NONE
            battle.target[i] = NO_UNIT
    elif order == ORDER_MOVE or battle.side[i] == PASSIVE_SIDE:
        battle.target[i] = NO_UNIT
    else:
        acquire(battle, types, i)
    return battle.target[i]


@njit(cache=True, forceinline=True)
def acquire(battle: World, types: UnitTypes, i: int) -> None:
    """Set the target of a unit that fights by itself.

    A target is kept while it lives and is in weapon range, or while the shot at it is under way.
    Otherwise the nearest in scan range is taken, then the old one chased, then a hit answered.
    """
    target = battle.target[i]
    if not is_alive(battle, target):
        target = NO_UNIT
        battle.blocked[i] = 0
    elif is_kept(battle, types, i, target):
        return
    found = nearest(battle, types, i)
    if found == NO_UNIT:
        found = target if target != NO_UNIT else battle.attacker[i]
        if not is_alive(battle, found) or squared_gap(battle, i, found) > LEASH * LEASH:
            found = NO_UNIT
    if found != target:
        battle.blocked[i] = 0
    battle.attacker[i] = NO_UNIT
    battle.target[i] = found


@njit(cache=True, forceinline=True)
def is_kept(battle: World, types: UnitTypes, i: int, target: int) -> bool:
    """Whether unit i stays with its living target without looking round."""
    if battle.swing[i] >= 0.0 or battle.burst[i] >= 0.0 or battle.blocked[i] < 0:
        return True
    is_threat = types.damage[battle.kind[target]] > 0.0
    return is_threat and is_within(battle, types, i, target, types.weapon_range[battle.kind[i]])


@njit(cache=True, forceinline=True)
def squared_gap(battle: World, i: int, j: int) -> float:
    """Squared distance of the centres."""
    gap_x = battle.x[j] - battle.x[i]
    gap_y = battle.y[j] - battle.y[i]
    return gap_x * gap_x + gap_y * gap_y


@njit(cache=True, forceinline=True)
def is_within(battle: World, types: UnitTypes, i: int, j: int, distance: float) -> bool:
    """Whether the edges of i and j are at most `distance` apart."""
    reach = distance + types.radius[battle.kind[i]] + types.radius[battle.kind[j]]
    return squared_gap(battle, i, j) <= reach * reach


@njit(cache=True, forceinline=True)
def nearest(battle: World, types: UnitTypes, i: int) -> int:
    """The nearest enemy (by centres) within scan range, threats first; NO_UNIT if none."""
    own_reach = types.scan_range[battle.kind[i]] + types.radius[battle.kind[i]]
    side = battle.side[i]
    best, least = NO_UNIT, 2.0 * HARMLESS
    for j in range(battle.x.size):
        if battle.side[j] != side and battle.health[j] > 0.0:
            gap = squared_gap(battle, i, j)
            reach = own_reach + types.radius[battle.kind[j]]
            if gap <= reach * reach:
                if types.damage[battle.kind[j]] == 0.0:
                    gap += HARMLESS
                if gap < least:
                    best, least = j, gap
    return best


@njit(cache=True)
def reachable(battle: World, types: UnitTypes, i: int) -> int:
    """The nearest enemy in scan range that no unit hides from unit i; NO_UNIT if none."""
    own_reach = types.scan_range[battle.kind[i]] + types.radius[battle.kind[i]]
    best, least = NO_UNIT, HARMLESS
    for j in range(battle.x.size):
        if battle.side[j] != battle.side[i] and is_alive(battle, j) and j != battle.target[i]:
            gap = squared_gap(battle, i, j)
            reach = own_reach + types.radius[battle.kind[j]]
            if gap <= reach * reach and gap < least and is_exposed(battle, types, i, j, gap):
                best, least = j, gap
    return best


@njit(cache=True)
def is_exposed(battle: World, types: UnitTypes, i: int, j: int, squared: float) -> bool:
    """Whether the straight way of unit i to unit j is free of other living units.

    squared: the squared distance of their centres.
    """
    if squared == 0.0:
        return True
    way_x, way_y = battle.x[j] - battle.x[i], battle.y[j] - battle.y[i]
    for k in range(battle.x.size):
        if k == i or k == j or not is_alive(battle, k):
            continue
        gap_x, gap_y = battle.x[k] - battle.x[i], battle.y[k] - battle.y[i]
        share = (gap_x * way_x + gap_y * way_y) / squared
        if 0.0 < share < 1.0:
            aside_x, aside_y = gap_x - share * way_x, gap_y - share * way_y
            width = types.inner_radius[battle.kind[i]] + types.inner_radius[battle.kind[k]]
            if aside_x * aside_x + aside_y * aside_y < width * width:
                return False
    return True

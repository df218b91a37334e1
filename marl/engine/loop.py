"""The game loop: every unit acts once, in an order shuffled anew each time."""

from __future__ import annotations

from numba import njit

from marl.engine.geometry import Cells
from marl.engine.movement import ARRIVED, stand, walk
from marl.engine.rng import shuffle
from marl.engine.targeting import opponent
from marl.engine.vitals import is_alive, recover
from marl.engine.weapons import fight, fly, hit_again
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK_MOVE,
    ORDER_MOVE,
    ORDER_NONE,
    UnitTypes,
    World,
    battle_of,
)


@njit(cache=True)
def advance(world: World, e: int, types: UnitTypes, walkable: Cells, loops: int) -> None:
    """Run `loops` game loops of battle e; nothing outside row e is read or written.

    walkable: [H,W], indexed [y,x], y from the south; see `marl.engine.geometry`.
    """
    battle = battle_of(world, e)
    for _ in range(loops):
        battle.clock[0] += 1
        shuffle(battle)
        for turn in range(battle.sequence.size):
            i = battle.sequence[turn]
            if battle.missile[i] >= 0.0:
                fly(battle, types, i)
            if is_alive(battle, i):
                act(battle, types, walkable, i)


@njit(cache=True)
def act(battle: World, types: UnitTypes, walkable: Cells, i: int) -> None:
    """One loop of living unit i."""
    recover(battle, types, i)
    if battle.burst[i] >= 0.0:
        hit_again(battle, types, i)
    target = opponent(battle, types, i)
    if target != NO_UNIT:
        fight(battle, types, walkable, i, target)
        return
    battle.swing[i] = -1.0
    order = battle.order[i]
    if order == ORDER_MOVE or order == ORDER_ATTACK_MOVE:
        goal_x, goal_y = battle.order_x[i], battle.order_y[i]
        if walk(battle, types, walkable, i, goal_x, goal_y) == ARRIVED:
            battle.order[i] = ORDER_NONE
    else:
        stand(battle, i)

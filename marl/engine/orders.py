"""Orders to units. Action indices: oxwhirl/smac @d6aab33, starcraft2.py get_agent_action.

A new order cuts a swing that has not reached its damage point and a burst's second hit; the same
attack ordered again does neither (docs/fidelity.md).
"""

from __future__ import annotations

from numba import njit
from numpy.typing import NDArray

from marl.engine.vitals import is_alive
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK,
    ORDER_ATTACK_MOVE,
    ORDER_MOVE,
    ORDER_STOP,
    Ints,
    World,
    battle_of,
)

ACTION_NO_OP = 0
ACTION_STOP = 1
ACTION_NORTH = 2
ACTION_SOUTH = 3
ACTION_EAST = 4
ACTION_WEST = 5
FIRST_ATTACK = 6  # on the first enemy


@njit(cache=True)
def give_agent_orders(
    world: World, e: int, n_agents: int, actions_row: Ints, move_amount: float
) -> None:
    """Order the living agents of battle e. actions_row: [A] action indices.

    No-op changes nothing; an attack on a dead enemy is a stop.
    """
    battle = battle_of(world, e)
    for i in range(n_agents):
        action = actions_row[i]
        if action != ACTION_NO_OP and is_alive(battle, i):
            if action >= FIRST_ATTACK:
                order_attack(battle, i, n_agents + action - FIRST_ATTACK)
            else:
                order_step(battle, i, action, move_amount)


@njit(cache=True)
def give_attack_move(world: World, e: int, first: int, last: int, x: float, y: float) -> None:
    """Send the living units first..last-1 of battle e to (x, y), fighting whatever they meet."""
    battle = battle_of(world, e)
    for i in range(first, last):
        if is_alive(battle, i):
            give(battle, i, ORDER_ATTACK_MOVE, x, y, NO_UNIT)


@njit(cache=True)
def order_attack(battle: World, i: int, enemy: int) -> None:
    """Unit i shall attack `enemy` until it is dead."""
    if not is_alive(battle, enemy):
        give(battle, i, ORDER_STOP, battle.x[i], battle.y[i], NO_UNIT)
    elif battle.order[i] != ORDER_ATTACK or battle.order_target[i] != enemy:
        give(battle, i, ORDER_ATTACK, battle.x[i], battle.y[i], enemy)


@njit(cache=True)
def order_step(battle: World, i: int, action: int, move_amount: float) -> None:
    """Unit i shall stop, or walk `move_amount` from where it is now."""
    x, y = battle.x[i], battle.y[i]
    if action == ACTION_STOP:
        give(battle, i, ORDER_STOP, x, y, NO_UNIT)
    elif action == ACTION_NORTH:
        give(battle, i, ORDER_MOVE, x, y + move_amount, NO_UNIT)
    elif action == ACTION_SOUTH:
        give(battle, i, ORDER_MOVE, x, y - move_amount, NO_UNIT)
    elif action == ACTION_EAST:
        give(battle, i, ORDER_MOVE, x + move_amount, y, NO_UNIT)
    elif action == ACTION_WEST:
        give(battle, i, ORDER_MOVE, x - move_amount, y, NO_UNIT)


@njit(cache=True)
def give(battle: World, i: int, order: int, x: float, y: float, target: int) -> None:
    """Replace unit i's order."""
    battle.order[i] = order
    battle.order_x[i] = x
    battle.order_y[i] = y
    battle.order_target[i] = target
    battle.target[i] = target
    battle.swing[i] = -1.0
    battle.burst[i] = -1.0
    battle.burst_target[i] = NO_UNIT
    battle.detour[i] = 0
    battle.blocked[i] = 0

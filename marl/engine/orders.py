"""Orders to units. Action indices: oxwhirl/smac @d6aab33, starcraft2.py get_agent_action.

A new order cuts a swing that has not reached its damage point and a burst's second hit; the same
attack ordered again does neither (docs/fidelity.md).
"""

from __future__ import annotations

from marl.engine.jit import compiled
from marl.engine.vitals import is_alive
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK,
    ORDER_ATTACK_MOVE,
    ORDER_MOVE,
    ORDER_STOP,
    Ints,
    Units,
)

ACTION_NO_OP = 0
ACTION_STOP = 1
ACTION_NORTH = 2
ACTION_SOUTH = 3
ACTION_EAST = 4
ACTION_WEST = 5
FIRST_ATTACK = 6  # on the first enemy


@compiled
def give_agent_orders(units: Units, n_agents: int, actions: Ints, move_amount: float) -> None:
    """Order the living agents of one battle. actions: [A] action indices.

    No-op changes nothing; an attack on a dead enemy is a stop.
    """
    for i in range(n_agents):
        action = actions[i]
        if action != ACTION_NO_OP and is_alive(units, i):
            if action >= FIRST_ATTACK:
                order_attack(units, i, n_agents + action - FIRST_ATTACK)
            else:
                order_step(units, i, action, move_amount)


@compiled
def give_attack_move(units: Units, first: int, x: float, y: float) -> None:
    """Send the living units of one battle from `first` on to (x, y), fighting what they meet."""
    for i in range(first, units.size):
        if is_alive(units, i):
            give(units, i, ORDER_ATTACK_MOVE, x, y, NO_UNIT)


@compiled
def order_attack(units: Units, i: int, enemy: int) -> None:
    """Unit i shall attack `enemy` until it is dead."""
    unit = units[i]
    if not is_alive(units, enemy):
        give(units, i, ORDER_STOP, unit.x, unit.y, NO_UNIT)
    elif unit.order != ORDER_ATTACK or unit.order_target != enemy:
        give(units, i, ORDER_ATTACK, unit.x, unit.y, enemy)


@compiled
def order_step(units: Units, i: int, action: int, move_amount: float) -> None:
    """Unit i shall stop, or walk `move_amount` from where it is now."""
    x, y = units[i].x, units[i].y
    if action == ACTION_STOP:
        give(units, i, ORDER_STOP, x, y, NO_UNIT)
    elif action == ACTION_NORTH:
        give(units, i, ORDER_MOVE, x, y + move_amount, NO_UNIT)
    elif action == ACTION_SOUTH:
        give(units, i, ORDER_MOVE, x, y - move_amount, NO_UNIT)
    elif action == ACTION_EAST:
        give(units, i, ORDER_MOVE, x + move_amount, y, NO_UNIT)
    elif action == ACTION_WEST:
        give(units, i, ORDER_MOVE, x - move_amount, y, NO_UNIT)


@compiled
def give(units: Units, i: int, order: int, x: float, y: float, target: int) -> None:
    """Replace unit i's order."""
    unit = units[i]
    unit.order, unit.order_target = order, target
    unit.order_x, unit.order_y = x, y
    unit.target, unit.burst_target = target, NO_UNIT
    unit.swing, unit.burst = -1.0, -1.0
    unit.detour, unit.blocked = 0, 0

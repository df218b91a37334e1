"""Orders to units. Action indices: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a,
starcraft2.py get_agent_action.

A new order cancels a swing that has not reached its damage point, and the hits to come of an attack
of several hits; the same attack ordered again does neither (docs/fidelity.md). An order that the
unit cannot carry out is refused, and the unit keeps its order.
"""

from __future__ import annotations

from marl.compiled.jit import compiled
from marl.engine.combat.healing import is_patient
from marl.engine.combat.targeting import can_hit
from marl.engine.combat.vitals import is_alive
from marl.engine.field import Field
from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK,
    ORDER_ATTACK_MOVE,
    ORDER_HEAL,
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
FIRST_ATTACK = 6  # on the first enemy, if no actions turn the view


@compiled
def give_agent_orders(
    field: Field,
    units: Units,
    n_agents: int,
    actions: Ints,
    move_amount: float,
    first_target: int,
) -> None:
    """Order the living agents of one battle. actions: [A] action indices.

    Action first_target + j attacks enemy j or, if the agent is a healer, heals agent j. A no-op
    changes nothing, nor does an action between the moves and the targets (SMACv2's turns of the
    view). An attack on a dead enemy is a stop.
    """
    for i in range(n_agents):
        action = actions[i]
        if action == ACTION_NO_OP or not is_alive(units, i):
            continue
        if action < FIRST_ATTACK:
            order_step(field, units, i, action, move_amount)
        elif action >= first_target:
            target = action - first_target
            if field.table[units[i].kind].heal_rate > 0.0:
                order_heal(field, units, i, target)
            else:
                order_attack(field, units, i, n_agents + target)


@compiled
def give_attack_move(field: Field, units: Units, first: int, x: float, y: float) -> None:
    """Order the living units from index `first` on to attack-move to (x, y)."""
    for i in range(first, units.size):
        if is_alive(units, i):
            give(field, units, i, ORDER_ATTACK_MOVE, x, y, NO_UNIT)


@compiled
def order_attack(field: Field, units: Units, i: int, enemy: int) -> None:
    """Order unit i to attack `enemy` until it is dead."""
    unit = units[i]
    if not is_alive(units, enemy):
        give(field, units, i, ORDER_STOP, unit.x, unit.y, NO_UNIT)
    elif not can_hit(field.table[unit.kind], field.table[units[enemy].kind]):
        refuse(field, units, i)
    elif unit.order != ORDER_ATTACK or unit.order_target != enemy:
        give(field, units, i, ORDER_ATTACK, unit.x, unit.y, enemy)
    elif field.choices[0].reissue_resets_swing != 0:
        unit.swing = -1.0


@compiled
def order_heal(field: Field, units: Units, i: int, friend: int) -> None:
    """Order unit i to heal `friend` to its full health."""
    unit = units[i]
    if friend >= units.size or not is_patient(field, units, i, friend):
        refuse(field, units, i)
    elif unit.order != ORDER_HEAL or unit.order_target != friend:
        give(field, units, i, ORDER_HEAL, unit.x, unit.y, friend)


@compiled
def refuse(field: Field, units: Units, i: int) -> None:
    """Refuse an order: unit i keeps the one before, or stops (Choices.refused_order_stops)."""
    if field.choices[0].refused_order_stops != 0:
        give(field, units, i, ORDER_STOP, units[i].x, units[i].y, NO_UNIT)


@compiled
def order_step(field: Field, units: Units, i: int, action: int, move_amount: float) -> None:
    """Order unit i to stop, or to walk `move_amount` from its place."""
    x, y = units[i].x, units[i].y
    if action == ACTION_STOP:
        give(field, units, i, ORDER_STOP, x, y, NO_UNIT)
    elif action == ACTION_NORTH:
        give(field, units, i, ORDER_MOVE, x, y + move_amount, NO_UNIT)
    elif action == ACTION_SOUTH:
        give(field, units, i, ORDER_MOVE, x, y - move_amount, NO_UNIT)
    elif action == ACTION_EAST:
        give(field, units, i, ORDER_MOVE, x + move_amount, y, NO_UNIT)
    elif action == ACTION_WEST:
        give(field, units, i, ORDER_MOVE, x - move_amount, y, NO_UNIT)


@compiled
def give(field: Field, units: Units, i: int, order: int, x: float, y: float, target: int) -> None:
    """Replace unit i's order."""
    unit = units[i]
    unit.order, unit.order_target = order, target
    unit.order_x, unit.order_y = x, y
    unit.target = target
    unit.swing = -1.0
    if field.choices[0].order_cuts_burst != 0:
        unit.burst, unit.burst_target = -1.0, NO_UNIT
    unit.detour, unit.blocked = 0, 0

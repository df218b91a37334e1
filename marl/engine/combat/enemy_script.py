"""The enemy's script: one order when the battle begins, or new orders for idle units.

Sources: the scripts of the SMAC and SMACv2 maps (oxwhirl/smac @d6aab33, oxwhirl/smacv2 @577ab5a).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from marl.compiled.jit import compiled
from marl.compiled.reference import reference
from marl.engine.combat.orders import give_attack_move, order_attack
from marl.engine.combat.targeting import can_hit, nearest_opponent
from marl.engine.combat.vitals import PASSIVE_SIDE
from marl.engine.field import Field
from marl.engine.rng import Rng, uniform
from marl.engine.world import NO_UNIT, ORDER_NONE, Floats, Units

# none: units fight whatever comes near. attack_move: one order to a point of the segment.
# attack_group: attack the agents, the nearest first, one after the other.
# hunt: SMACv2's; every HUNT_PERIOD loops each idle unit is sent to attack the nearest agent.
ENEMY_SCRIPTS = ("none", "attack_move", "attack_group", "hunt")
NONE, ATTACK_MOVE, ATTACK_GROUP, HUNT = range(4)
HUNT_PERIOD = 8
HUNT_PHASE = 4  # the script's clock starts before the battle: by half a period on average


class EnemyScript(NamedTuple):
    """The enemy's script in one scenario."""

    kind: int  # index of ENEMY_SCRIPTS
    segment: Floats  # [2,2], the ends of the segment from which an attack-move's point is drawn


def make_enemy_script(
    kind: str, ends: tuple[tuple[float, float], tuple[float, float]]
) -> EnemyScript:
    """The script `kind`. ends: see EnemyScript.segment; only an attack-move uses them."""
    return reference(EnemyScript(ENEMY_SCRIPTS.index(kind), np.array(ends, dtype=np.float64)))


@compiled
def start_enemy_script(
    field: Field, enemy_script: EnemyScript, units: Units, n_agents: int, rng: Rng
) -> None:
    """Give the orders at the start of a battle."""
    if enemy_script.kind == ATTACK_MOVE:
        start, end = enemy_script.segment[0], enemy_script.segment[1]
        share = 0.0
        if start[0] != end[0] or start[1] != end[1]:
            share = uniform(rng)
        x = start[0] + share * (end[0] - start[0])
        y = start[1] + share * (end[1] - start[1])
        give_attack_move(field, units, n_agents, x, y)
    elif enemy_script.kind == ATTACK_GROUP:
        send_idle(field, units)


@compiled
def continue_enemy_script(
    field: Field, enemy_script: EnemyScript, units: Units, clock: int
) -> None:
    """Give the orders that are due after `clock` loops."""
    if enemy_script.kind == ATTACK_GROUP or (
        enemy_script.kind == HUNT and clock % HUNT_PERIOD == HUNT_PHASE
    ):
        send_idle(field, units)


@compiled
def send_idle(field: Field, units: Units) -> None:
    """Order each idle armed enemy to attack the nearest agent, if its weapon can hit that one."""
    for i in range(units.size):
        unit = units[i]
        kind = field.table[unit.kind]
        is_idle = unit.health > 0.0 and unit.order == ORDER_NONE
        if is_idle and unit.side != PASSIVE_SIDE and kind.targets != 0:
            target = nearest_opponent(units, i)
            if target != NO_UNIT and can_hit(kind, field.table[units[target].kind]):
                order_attack(field, units, i, target)

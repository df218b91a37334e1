"""What the enemy's units are told: by a wave's one order, or again and again while they idle.

Sources: the scripts of the SMAC and SMACv2 maps (oxwhirl/smac @d6aab33, oxwhirl/smacv2 @577ab5a).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from marl.engine import rng
from marl.engine.combat.orders import give_attack_move, order_attack
from marl.engine.combat.targeting import can_hit, nearest_opponent
from marl.engine.combat.vitals import PASSIVE_SIDE
from marl.engine.compiled.jit import compiled
from marl.engine.compiled.reference import reference
from marl.engine.field import Field
from marl.engine.rng import State
from marl.engine.world import NO_UNIT, ORDER_NONE, Floats, Units

# none: units fight what comes near. attack_move: one order to a point of the segment.
# attack_group: attack the agents, the nearest first, one after the other.
# hunt: SMACv2's; every HUNT_PERIOD loops each idle unit is sent to attack the nearest agent.
WAVES = ("none", "attack_move", "attack_group", "hunt")
NONE, ATTACK_MOVE, ATTACK_GROUP, HUNT = range(4)
HUNT_PERIOD = 8
HUNT_PHASE = 4  # the script's clock does not start with the battle: half a period on average


class Wave(NamedTuple):
    """The enemy's script in one scenario."""

    kind: int  # index of WAVES
    segment: Floats  # [2,2], the ends of the segment with the point of an attack-move


def make_wave(kind: str, ends: tuple[tuple[float, float], tuple[float, float]]) -> Wave:
    """The script `kind`; ends: of the segment, wherever it matters."""
    return reference(Wave(WAVES.index(kind), np.array(ends, dtype=np.float64)))


@compiled
def begin(field: Field, wave: Wave, units: Units, n_agents: int, state: State) -> None:
    """The orders at the start of a battle."""
    if wave.kind == ATTACK_MOVE:
        start, end = wave.segment[0], wave.segment[1]
        share = 0.0
        if start[0] != end[0] or start[1] != end[1]:
            share = rng.uniform(state)
        x = start[0] + share * (end[0] - start[0])
        y = start[1] + share * (end[1] - start[1])
        give_attack_move(field, units, n_agents, x, y)
    elif wave.kind == ATTACK_GROUP:
        send_idle(field, units)


@compiled
def go_on(field: Field, wave: Wave, units: Units, clock: int) -> None:
    """The orders after `clock` loops."""
    if wave.kind == ATTACK_GROUP or (wave.kind == HUNT and clock % HUNT_PERIOD == HUNT_PHASE):
        send_idle(field, units)


@compiled
def send_idle(field: Field, units: Units) -> None:
    """Each idle stock unit that has a weapon shall attack the agent nearest to it.

    If its weapon can hit that one; else it stays idle.
    """
    for i in range(units.size):
        unit = units[i]
        kind = field.table[unit.kind]
        is_idle = unit.health > 0.0 and unit.order == ORDER_NONE
        if is_idle and unit.side != PASSIVE_SIDE and kind.targets != 0:
            target = nearest_opponent(units, i)
            if target != NO_UNIT and can_hit(kind, field.table[units[target].kind]):
                order_attack(field, units, i, target)

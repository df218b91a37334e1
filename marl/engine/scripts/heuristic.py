"""SMAC's heuristic agents: each attacks the nearest enemy until it is dead, or heals.

They use the facts of the unit types (range, damage, healing), never their names.
E battles, N = A + M units: the A agents first, then the M enemies. Orders are action indices.
focus_fire.py and kiting.py share these functions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_WEST,
)
from marl.engine.combat.targeting import squared_gap
from marl.engine.world import NO_UNIT, Ints, Table, Unit, Units

FAR = 1e9  # grid units; more than any distance

Flags = NDArray[np.bool_]


class Scene(NamedTuple):
    """The facts of a scenario that scripts use."""

    table: Table  # [K]
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x]
    n_agents: int
    first_target: int  # action on the first enemy, or on the first agent for a healer
    step_mul: int  # game loops per step


@compiled
def heuristic(
    scene: Scene, restricted: bool, all_units: Units, avail: Flags, targets: Ints, out: Ints
) -> None:
    """Attack the nearest enemy until it is dead; healers heal the nearest wounded ally.

    Actions may be outside the mask; if `restricted`, an agent whose action is masked moves along
    the larger coordinate difference instead. An agent without a target gets a no-op. all_units
    [E,N]; avail [E,A,U]; targets [E,A], kept from step to step; out [E,A]. Source: oxwhirl/smac
    @d6aab33, starcraft2.py get_agent_action_heuristic.
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
    """The unit of action `first_target`: agent 0 for healers, enemy 0 for the others."""
    return 0 if heals(scene, unit) else scene.n_agents


@inlined
def needs_attention(scene: Scene, units: Units, j: int) -> bool:
    """Whether unit j is a target: a living enemy, or a wounded agent that is no healer."""
    unit = units[j]
    if unit.health <= 0.0:
        return False
    if j >= scene.n_agents:
        return True
    return unit.health < scene.table[unit.kind].health and not heals(scene, unit)


@compiled
def nearest_target(scene: Scene, units: Units, i: int) -> int:
    """The nearest target of agent i, by centres; the first of equally near ones; or NO_UNIT."""
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
    return math.sqrt(squared_gap(unit, other))


@inlined
def along_larger_axis(unit: Unit, other: Unit) -> int:
    """The move towards `other` along the larger difference; north or south if they are equal."""
    dx, dy = other.x - unit.x, other.y - unit.y
    if abs(dx) > abs(dy):
        return ACTION_EAST if dx > 0.0 else ACTION_WEST
    return ACTION_NORTH if dy > 0.0 else ACTION_SOUTH

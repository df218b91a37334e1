"""The battle's data: struct-of-arrays named tuples that every compiled function works on.

E environments, N = A + M units each (the A agents first, then the M enemies), K unit types.
Times are in game loops (16 a game-second), distances in grid units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

LOOPS_PER_SECOND = 16.0

# Orders
ORDER_NONE = 0  # idle
ORDER_MOVE = 1  # walk to (order_x, order_y)
ORDER_ATTACK = 2  # attack the unit order_target
ORDER_ATTACK_MOVE = 3  # walk to (order_x, order_y), fighting whatever is met
ORDER_STOP = 4  # stand

# Attributes: bits of UnitTypes.attributes, columns of UnitTypes.bonus
ATTRIBUTES = ("Light", "Armored", "Biological", "Mechanical", "Massive", "Structure")

NO_UNIT = -1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class UnitTypes(NamedTuple):
    """Facts of the unit types, by type index; built from maps/units.yaml (`marl.engine.data`)."""

    health: Floats  # [K]
    shield: Floats
    armor: Floats
    attributes: Ints  # bit mask over ATTRIBUTES
    radius: Floats
    separation: Floats
    inner_radius: Floats
    speed: Floats  # per loop
    turn_cos: Floats  # of the angle turned per loop
    turn_sin: Floats
    sight: Floats
    weapon_range: Floats  # between edges
    range_slop: Floats
    scan_range: Floats  # max(min_scan_range, weapon_range)
    arc_cos: Floats  # of the half-angle within which a weapon may fire, slop included
    period: Floats
    damage_point: Floats  # whole loops, rounded up
    delay_min: Floats  # random lengthening of the period, uniform in [delay_min, delay_max]
    delay_max: Floats
    damage: Floats
    bonus: Floats  # [K, len(ATTRIBUTES)]
    hits: Ints
    hit_delay: Floats  # between the first and the second hit of one attack
    missile_speed: Floats  # per loop; 0 = the hit is instant
    shield_delay: Floats  # loops without damage before the shield regenerates
    shield_rate: Floats  # per loop
    health_rate: Floats  # per loop
    max_cooldown: Floats  # SMAC client's normaliser of weapon_cooldown, loops
    client_id: Ints  # the stock unit id the SMAC client knows (Marine 48 ...)


class World(NamedTuple):
    """The units of E battles. A dead unit has health 0 and is skipped everywhere."""

    kind: Ints  # [E,N] type index
    side: Ints  # [E,N] 0 ally, 1 enemy
    x: Floats  # [E,N]
    y: Floats
    facing_x: Floats  # unit vector
    facing_y: Floats
    velocity_x: Floats  # the last loop's displacement
    velocity_y: Floats
    detour: Ints  # side on which the unit walks round what blocks it: -1 right, 1 left, 0 none
    blocked: Ints  # loops in a row without a way to the target; < 0: loops a new target is kept
    health: Floats
    shield: Floats
    cooldown: Floats  # loops until the weapon is ready
    shield_wait: Floats  # loops until the shield regenerates
    order: Ints  # ORDER_*
    order_x: Floats
    order_y: Floats
    order_target: Ints  # unit index or NO_UNIT
    target: Ints  # unit being engaged now, or NO_UNIT
    swing: Floats  # loops until the damage point of a begun attack; -1 = none begun
    burst: Floats  # loops until the second hit of a multi-hit attack; -1 = none pending
    burst_target: Ints
    missile: Floats  # distance the missile in flight still has to its target; -1 = none
    missile_target: Ints
    missile_x: Floats
    missile_y: Floats
    attacker: Ints  # unit to answer: it hit this one or a friend who called; NO_UNIT = none
    next_call: Ints  # clock from which the unit may call for help again
    sequence: Ints  # the units in the order in which they act, shuffled every loop
    near: Ints  # scratch: the units around the one that moves
    rng: NDArray[np.uint64]  # [E,1] generator state of each battle
    clock: Ints  # [E,1] loops since the episode began


def empty_world(num_envs: int, n_units: int) -> World:
    """A world of dead units."""
    shape = (num_envs, n_units)
    ints = {"kind", "side", "order", "order_target", "target", "burst_target", "missile_target"}
    ints |= {"attacker", "detour", "blocked", "next_call", "sequence", "near"}
    arrays: dict[str, NDArray] = {}
    for name in World._fields:
        if name in ints:
            arrays[name] = np.zeros(shape, dtype=np.int64)
        else:
            arrays[name] = np.zeros(shape, dtype=np.float64)
    arrays["rng"] = np.zeros((num_envs, 1), dtype=np.uint64)
    arrays["clock"] = np.zeros((num_envs, 1), dtype=np.int64)
    return World(**arrays)


@njit(cache=True, forceinline=True)
def battle_of(world: World, e: int) -> World:
    """Battle e alone: the same fields with one axis less, views [N] that write through."""
    return World(
        world.kind[e],
        world.side[e],
        world.x[e],
        world.y[e],
        world.facing_x[e],
        world.facing_y[e],
        world.velocity_x[e],
        world.velocity_y[e],
        world.detour[e],
        world.blocked[e],
        world.health[e],
        world.shield[e],
        world.cooldown[e],
        world.shield_wait[e],
        world.order[e],
        world.order_x[e],
        world.order_y[e],
        world.order_target[e],
        world.target[e],
        world.swing[e],
        world.burst[e],
        world.burst_target[e],
        world.missile[e],
        world.missile_target[e],
        world.missile_x[e],
        world.missile_y[e],
        world.attacker[e],
        world.next_call[e],
        world.sequence[e],
        world.near[e],
        world.rng[e],
        world.clock[e],
    )

"""The battle's data: named tuples of arrays, and the records behind them.

E environments, N = A + M units each (the A agents first, then the M enemies), K unit types.
A unit's facts are one record (`World.units`, `UnitTypes.table`), and the named arrays are views of
its fields. The game loop works on records, because a compiled call passes a record array in a few
words but a tuple of thirty arrays in hundreds; code outside the loop uses the arrays.
Times are in game loops (16 a game-second), distances in grid units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LOOPS_PER_SECOND = 16.0
LINE_WORDS = 8  # of 8 bytes in a cache line

# Orders
ORDER_NONE = 0  # idle
ORDER_MOVE = 1  # walk to (order_x, order_y)
ORDER_ATTACK = 2  # attack the unit order_target
ORDER_ATTACK_MOVE = 3  # walk to (order_x, order_y), fighting opponents on the way
ORDER_STOP = 4  # stand
ORDER_HEAL = 5  # heal the friend order_target

# Planes: bits of UnitTypes.plane (where a type can be hit) and .targets (what its weapon can hit)
PLANES = ("Ground", "Air")
# Bodies: bits of UnitTypes.body and .collides; two units collide if one's body is among those that
# the other collides with.
BODIES = ("Ground", "Colossus", "Structure", "Flying")
# Ways of hitting: UnitTypes.delivery
INSTANT = 0
MISSILE = 1
SWEEP = 2  # the colossus: a line across the target
SUICIDE = 3  # the baneling: all around itself

# Attributes: bits of UnitTypes.attributes, columns of UnitTypes.bonus
ATTRIBUTES = ("Light", "Armored", "Biological", "Mechanical", "Massive", "Structure")
BIOLOGICAL = 1 << ATTRIBUTES.index("Biological")
STRUCTURE = 1 << ATTRIBUTES.index("Structure")

NO_UNIT = -1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Unit = np.record  # one unit: a field of World each
UnitType = np.record  # one unit type: a field of UnitTypes each
Units = NDArray[np.record]  # [N]
Table = NDArray[np.record]  # [K]


class UnitTypes:
    """Facts of K unit types: a record each, and each of its fields as an array [K].

    The fields and their meanings: marl.engine.facts.units.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def __getattr__(self, name: str) -> Any:
        """The array [K] of a field; of `bonus` [K,attributes]."""
        if name == "table" or name not in (self.table.dtype.names or ()):
            raise AttributeError(name)
        # A copy, not a view: a view of one row counts as contiguous, one of more rows does not, so
        # maps with one unit type would be compiled apart from the others.
        return self.table[name].copy()


class World(NamedTuple):
    """The units of E battles. A dead unit has health 0 and is skipped everywhere."""

    kind: Ints  # [E,N] type index
    side: Ints  # [E,N] 0 ally, 1 enemy
    x: Floats  # [E,N]
    y: Floats
    health: Floats
    shield: Floats
    energy: Floats
    facing_x: Floats  # unit vector
    facing_y: Floats
    velocity_x: Floats  # the last loop's displacement
    velocity_y: Floats
    detour: Ints  # side on which the unit walks round another: -1 right, 1 left, 0 none
    waypoint: Ints  # that it headed for last: marl.engine.ground.paths; -1 = none
    stalled: Ints  # loops in which it found no way past the unit in its way
    blocked: Ints  # loops without getting nearer to its target; < 0: loops to keep a new target
    cooldown: Floats  # loops until the weapon is ready
    shield_wait: Floats  # loops until the shield regenerates
    order: Ints  # ORDER_*
    order_x: Floats
    order_y: Floats
    order_target: Ints  # unit index or NO_UNIT
    target: Ints  # the unit that it fights or heals now, or NO_UNIT
    swing: Floats  # loops until the damage point of a begun attack; -1 = none begun
    burst: Floats  # loops until the last hit of an attack of several hits; -1 = none pending
    burst_target: Ints  # the target of that attack
    beam_x: Floats  # unit vector along the line of its sweep
    beam_y: Floats
    beamed: Ints  # bits of the colossi whose forward beam has touched it: marl.engine.combat.sweep
    beamed_back: Ints  # the same of the reverse beam
    beam_due: Ints  # hits of beams to come, 8 bits a loop, the next loop's lowest
    beam_source: Ints  # the colossus whose beam touched it last, or NO_UNIT
    fuse: Ints  # 1: it has died and explodes at the end of this loop
    missile: Floats  # distance of its missile in flight from the target; -1 = none
    missile_target: Ints
    missile_x: Floats  # of a sweep: the middle of its line
    missile_y: Floats
    attacker: Ints  # unit that hit this one, or a friend that called for help; or NO_UNIT
    help_wait: Floats  # loops until the unit may call for help again
    opponents_begin: Ints  # all its opponents are within units[opponents_begin:opponents_end]; set
    opponents_end: Ints  # by targeting.mark_opponents before the loops are run
    sequence: Ints  # sequence[n]: the unit that acts as number n, shuffled every loop
    near: Ints  # scratch of collision.gather_near: the units near the walking one
    near_x: Floats
    near_y: Floats
    near_contact: Floats
    units: NDArray[np.record]  # [E,N] the records; the arrays above are views of their fields
    # Only the first word of a row is used; the others fill a cache line, for one thread each.
    rng: NDArray[np.uint64]  # [E,LINE_WORDS] generator state of each battle
    clock: Ints  # [E,LINE_WORDS] loops since the episode began


UNIT_INTS = (
    "kind",
    "side",
    "detour",
    "waypoint",
    "stalled",
    "blocked",
    "order",
    "order_target",
    "target",
    "burst_target",
    "beamed",
    "beamed_back",
    "beam_due",
    "beam_source",
    "fuse",
    "missile_target",
    "attacker",
    "opponents_begin",
    "opponents_end",
    "sequence",
    "near",
)
# References to units, and `waypoint`: -1 is none.
NO_UNIT_FIELDS = (
    "order_target",
    "target",
    "burst_target",
    "beam_source",
    "missile_target",
    "attacker",
    "waypoint",
)
NOTHING_PENDING = ("swing", "burst", "missile")
UNIT_FIELDS = tuple(name for name in World._fields if name not in ("units", "rng", "clock"))
UNIT_RECORD = np.dtype(
    [(name, np.int64 if name in UNIT_INTS else np.float64) for name in UNIT_FIELDS]
)


def empty_units(num_envs: int, n_units: int) -> Any:
    """Records [E,N] of dead units with nothing pending."""
    units: Any = np.zeros((num_envs, n_units), dtype=UNIT_RECORD)
    for name in NO_UNIT_FIELDS:
        units[name] = NO_UNIT
    for name in NOTHING_PENDING:
        units[name] = -1.0
    units["sequence"] = np.arange(n_units)
    return units


def empty_world(num_envs: int, n_units: int) -> World:
    """A world of dead units with nothing pending."""
    units = empty_units(num_envs, n_units)
    return World(
        **{name: units[name] for name in UNIT_FIELDS},
        units=units,
        rng=np.zeros((num_envs, LINE_WORDS), dtype=np.uint64),
        clock=np.zeros((num_envs, LINE_WORDS), dtype=np.int64),
    )


def make_unit_types(columns: Mapping[str, NDArray]) -> UnitTypes:
    """Unit types from one array [K] ([K,attributes] for bonus) for each fact."""
    dtype = [(name, column.dtype, column.shape[1:]) for name, column in columns.items()]
    table: Any = np.zeros(len(columns["health"]), dtype=np.dtype(dtype))
    for name, column in columns.items():
        table[name] = column
    return UnitTypes(table)

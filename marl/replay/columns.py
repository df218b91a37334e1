"""The units of a film as small integers: which of their facts it keeps, and how."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.world import NO_UNIT, Units
from marl.replay.container import Arrays


class Column(NamedTuple):
    """How a unit's number is kept: the integer nearest to value * scale."""

    dtype: str
    scale: float


# [T,N] each. `shot`: whom the unit shot at since the frame before; `missile`: whose way its missile
# is on, at (missile_x, missile_y). Units are named by their index, -1 is none.
COLUMNS = {
    "x": Column("u2", 256.0),
    "y": Column("u2", 256.0),
    "health": Column("u2", 16.0),
    "shield": Column("u2", 16.0),
    "energy": Column("u2", 16.0),
    "facing": Column("u1", 256.0),  # turns, 0 is east, counter-clockwise
    "cooldown": Column("u1", 1.0),
    "order": Column("u1", 1.0),  # ORDER_* of marl.engine.world
    "order_x": Column("u2", 256.0),
    "order_y": Column("u2", 256.0),
    "order_target": Column("i2", 1.0),
    "target": Column("i2", 1.0),
    "shot": Column("i2", 1.0),
    "missile": Column("i2", 1.0),
    "missile_x": Column("u2", 256.0),
    "missile_y": Column("u2", 256.0),
}


def shots_between(past: Units, units: Units, elapsed: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whom each unit shot at between two frames, -1 none, [T,N]: a weapon that cools down anew.

    past, units: [T,N] before and after `elapsed` [T] loops.
    """
    ready = np.maximum(past["cooldown"] - elapsed[:, None], 0.0)
    fired = (units["cooldown"] > ready + 0.5) & (units["health"] > 0.0) & (elapsed[:, None] > 0)
    victim = np.where(units["missile"] >= 0.0, units["missile_target"], NO_UNIT)
    for found in (units["burst_target"], units["target"], past["target"], past["order_target"]):
        victim = np.where(victim == NO_UNIT, found, victim)
    shots: NDArray[np.int64] = np.where(fired, victim, NO_UNIT)
    return shots


def small(units: Units, shots: NDArray[np.int64]) -> Arrays:
    """The columns [T,N] of frames of units [T,N]."""
    angle = np.arctan2(units["facing_y"], units["facing_x"]) / (2.0 * np.pi) % 1.0
    alive = units["health"] > 0.0
    flying = units["missile"] >= 0.0
    zero = np.zeros(alive.shape)
    values = {
        **{name: units[name] for name in COLUMNS if name in (units.dtype.names or ())},
        "facing": angle,
        "shield": np.where(alive, units["shield"], zero),
        "energy": np.where(alive, units["energy"], zero),
        "shot": shots,
        "missile": np.where(flying, units["missile_target"], NO_UNIT),
        "missile_x": np.where(flying, units["missile_x"], zero),
        "missile_y": np.where(flying, units["missile_y"], zero),
    }
    # A unit that lives must not look dead.
    values["health"] = np.where(alive, np.maximum(units["health"], 1 / 16), zero)
    return {name: _rounded(values[name], column) for name, column in COLUMNS.items()}


def _rounded(values: NDArray, column: Column) -> NDArray:
    """Values as the column keeps them; a full turn is none, the others are cut off at the ends."""
    limits = np.iinfo(column.dtype)
    whole = np.round(values * column.scale)
    if column.dtype == "u1" and column.scale == 256.0:
        whole = whole % 256
    return np.clip(whole, limits.min, limits.max).astype(f"<{column.dtype}")


def widened(block: Arrays, count: int) -> Arrays:
    """The block with columns for units that came later: dead, without a target."""
    missing = count - block["x"].shape[1]
    if missing == 0:
        return block
    names = ("order_target", "target", "shot", "missile")
    return {
        name: np.pad(
            values,
            ((0, 0), (0, missing)),
            constant_values=NO_UNIT if name in names else 0,
        )
        for name, values in block.items()
    }

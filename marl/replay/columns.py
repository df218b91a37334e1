"""Columns: the fields of the units that a film stores, as small integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.world import NO_UNIT, Units
from marl.replay.container import Arrays


class Column(NamedTuple):
    """Storage of one field: the integer nearest to value * scale."""

    dtype: str
    scale: float


# [T,N] each. `shot`: the unit shot at since the frame before; `missile`: the target of its missile
# in flight, which is at (missile_x, missile_y). Units are given by their index, -1 is none.
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
    """The unit that each unit shot at between two frames, [T,N], -1 = none.

    A unit has shot if its cooldown has risen. past, units: [T,N] before and after `elapsed` [T]
    loops.
    """
    ready = np.maximum(past["cooldown"] - elapsed[:, None], 0.0)
    fired = (units["cooldown"] > ready + 0.5) & (units["health"] > 0.0) & (elapsed[:, None] > 0)
    victim = np.where(units["missile"] >= 0.0, units["missile_target"], NO_UNIT)
    for found in (units["burst_target"], units["target"], past["target"], past["order_target"]):
        victim = np.where(victim == NO_UNIT, found, victim)
    shots: NDArray[np.int64] = np.where(fired, victim, NO_UNIT)
    return shots


def quantized(units: Units, shots: NDArray[np.int64]) -> Arrays:
    """The columns, [T,N] each, of units [T,N]."""
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
    # Health above 0 must not be rounded to 0, which means dead.
    values["health"] = np.where(alive, np.maximum(units["health"], 1 / 16), zero)
    return {name: _rounded(values[name], column) for name, column in COLUMNS.items()}


def _rounded(values: NDArray, column: Column) -> NDArray:
    """Values as the column stores them, clipped; a full turn becomes 0."""
    limits = np.iinfo(column.dtype)
    whole = np.round(values * column.scale)
    if column.dtype == "u1" and column.scale == 256.0:
        whole = whole % 256
    return np.clip(whole, limits.min, limits.max).astype(f"<{column.dtype}")


def padded(block: Arrays, count: int) -> Arrays:
    """The block [T,count], padded with dead units for those that joined later."""
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

"""Channels: named series that a learner adds to a battle, one row per environment step or slot.

Integers and booleans are stored as they are. Other numbers are quantized between their least and
largest value: to 254 levels if a step has several numbers (Q-values), to 65534 if it has one. NaN
is a missing value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from marl.replay.checks import check_finite, check_string
from marl.replay.container import Arrays
from marl.untrusted.bounds import CHANNEL_NUMBERS, CHANNELS

PREFIX = "channel:"

ChannelArrays = dict[str, NDArray]
Levels = dict[str, list[float] | None]  # name -> [least, largest], None: integers


def pack_channels(channels: Mapping[str, NDArray], most: int = CHANNELS) -> tuple[Levels, Arrays]:
    """Each channel's levels, and the arrays to store; ValueError for more than `most` channels."""
    if len(channels) > most:
        raise ValueError(f"{len(channels)} channels are more than {most}")
    _check_size(list(channels.values()))
    levels: Levels = {}
    arrays: Arrays = {}
    for name, values in channels.items():
        array = np.asarray(values)
        if array.dtype.kind == "f":
            levels[name], kept = _to_levels(array.astype(np.float64))
        else:
            levels[name] = None
            kept = array.astype("u1" if array.dtype.kind == "b" else "<i4")
        arrays[PREFIX + name] = kept
    return levels, arrays


def unpack_channels(levels: object, arrays: Arrays, most: int = CHANNELS) -> ChannelArrays:
    """The channels of `pack_channels`, as float32 or integers; takes them out of `arrays`."""
    if not isinstance(levels, dict) or len(levels) > most:
        raise ValueError("its channels are no mapping, or too many")
    _check_size([array for name, array in arrays.items() if name.startswith(PREFIX)])
    channels = {}
    for name, ends in levels.items():
        kept = arrays.pop(PREFIX + check_string(name))
        if ends is None:
            channels[name] = kept
        else:
            low, high = ends
            channels[name] = _from_levels(kept, check_finite(low), check_finite(high))
    return channels


def _check_size(channels: Sequence[NDArray]) -> None:
    """ValueError where all channels together have too many numbers."""
    numbers = sum(np.size(channel) for channel in channels)
    if numbers > CHANNEL_NUMBERS:
        raise ValueError(f"its channels have {numbers:,} numbers, more than {CHANNEL_NUMBERS:,}")


def _to_levels(values: NDArray[np.float64]) -> tuple[list[float], NDArray]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    dtype = "u1" if values.ndim > 1 else "<u2"
    top = np.iinfo(dtype).max - 1  # 0 stands for NaN
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    finite = np.isfinite(values)
    kept = np.where(finite, np.round(np.where(finite, share, 0.0) * (top - 1)) + 1, 0)
    return [low, high], kept.astype(dtype)


def _from_levels(kept: NDArray, low: float, high: float) -> NDArray[np.float32]:
    if kept.dtype.kind != "u":
        raise ValueError("a channel's levels are of the wrong type")
    share = (np.arange(np.iinfo(kept.dtype).max + 1) - 1) / (np.iinfo(kept.dtype).max - 2)
    with np.errstate(over="ignore"):  # beyond float32: infinite, which counts as missing
        values = ((1 - share) * low + share * high).astype(np.float32)
    values[0] = np.nan
    found: NDArray[np.float32] = values[kept]
    return found

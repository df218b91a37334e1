"""A battle's own random numbers: splitmix64 (Steele, Lea and Flood 2014), one word of state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.engine.compiled.jit import compiled, inlined
from marl.engine.world import Units

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFT_30, SHIFT_27, SHIFT_31 = np.uint64(30), np.uint64(27), np.uint64(31)
SHIFT_11, SHIFT_32 = np.uint64(11), np.uint64(32)
UNIT = 2.0**-53

State = NDArray[np.uint64]


@compiled
def seed_battle(units: Units, state: State, seed: int) -> None:
    """Start a battle's random numbers from `seed`, whatever came before."""
    state[0] = np.uint64(seed)
    next_word(state)  # neighbouring seeds part here
    state[0] ^= next_word(state)
    for i in range(units.size):
        units[i].sequence = i


@inlined
def next_word(state: State) -> np.uint64:
    """64 random bits. state: [1], advanced."""
    state[0] += GOLDEN
    word = state[0]
    word = (word ^ (word >> SHIFT_30)) * MIX_1
    word = (word ^ (word >> SHIFT_27)) * MIX_2
    return word ^ (word >> SHIFT_31)


@inlined
def uniform(state: State) -> float:
    """A number in [0, 1). state: [1], advanced."""
    return float(next_word(state) >> SHIFT_11) * UNIT


@inlined
def below(state: State, count: int) -> np.int64:
    """A whole number in [0, count), count < 2^31; its bias of count / 2^32 is no matter here."""
    return np.int64(((next_word(state) >> SHIFT_32) * np.uint64(count)) >> SHIFT_32)


@inlined
def shuffle(units: Units, state: State) -> None:
    """A fresh random order in which the units act (Fisher-Yates over the last one)."""
    for last in range(units.size - 1, 0, -1):
        other = below(state, last + 1)
        unit = units[other].sequence
        units[other].sequence = units[last].sequence
        units[last].sequence = unit

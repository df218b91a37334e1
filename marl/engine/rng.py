"""The random generator of a battle: splitmix64 (Steele, Lea and Flood 2014), one word of state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined
from marl.engine.world import Units

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFT_30, SHIFT_27, SHIFT_31 = np.uint64(30), np.uint64(27), np.uint64(31)
SHIFT_11, SHIFT_32 = np.uint64(11), np.uint64(32)
UNIT = 2.0**-53

Rng = NDArray[np.uint64]  # [1] or more; the first word is the generator's state


@compiled
def seed_battle(units: Units, rng: Rng, seed: int) -> None:
    """Seed a battle's generator, and put its units in their first order of acting."""
    rng[0] = np.uint64(seed)
    next_word(rng)  # neighbouring seeds diverge here
    rng[0] ^= next_word(rng)
    for i in range(units.size):
        units[i].sequence = i


@inlined
def next_word(rng: Rng) -> np.uint64:
    """64 random bits. rng: advanced."""
    rng[0] += GOLDEN
    word = rng[0]
    word = (word ^ (word >> SHIFT_30)) * MIX_1
    word = (word ^ (word >> SHIFT_27)) * MIX_2
    return word ^ (word >> SHIFT_31)


@inlined
def uniform(rng: Rng) -> float:
    """A number in [0, 1). rng: advanced."""
    return float(next_word(rng) >> SHIFT_11) * UNIT


@inlined
def below(rng: Rng, count: int) -> np.int64:
    """An integer in [0, count), count < 2^31; its bias is at most count / 2^32."""
    return np.int64(((next_word(rng) >> SHIFT_32) * np.uint64(count)) >> SHIFT_32)


@inlined
def shuffle(units: Units, rng: Rng) -> None:
    """Shuffle the order in which the units act (Fisher-Yates on the last order)."""
    for last in range(units.size - 1, 0, -1):
        other = below(rng, last + 1)
        unit = units[other].sequence
        units[other].sequence = units[last].sequence
        units[last].sequence = unit

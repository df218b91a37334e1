"""Random units that look for trouble: at boundaries, on one spot, dead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from marl.engine.smac.layout import ClientLayout, ClientUnits, Traits
from marl.engine.world import UnitTypes, empty_world

# Offsets whose lengths are whole numbers exactly: the ranges at which clients see and shoot.
EXACT = [(r, 0.0) for r in (1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0)]
EXACT += [(3.0, 4.0), (6.0, 8.0), (2.8125, 3.75), (0.0, 0.0)]


def make_units(kinds: Sequence[int], traits: Traits) -> ClientUnits:
    """Units in memory as in a battle: fields of the engine's unit records."""
    units = empty_world(1, len(kinds)).units[0]
    units["kind"] = kinds
    names = ("kind", "x", "y", "health", "shield", "cooldown", "energy")
    return ClientUnits(*(units[name] for name in names), *(array[0] for array in traits))


def scatter(units: ClientUnits, layout: ClientLayout, rng: Generator) -> None:
    """New positions: anywhere, near each other, at exact distances from an agent, on its spot."""
    n_units = units.kind.size
    middle, spread = rng.uniform(4, 28, 2), rng.choice([2.0, 6.0, 16.0])
    for i in range(n_units):
        place = middle + rng.uniform(-spread, spread, 2)
        if i and rng.random() < 0.35:
            other = int(rng.integers(min(i, layout.n_agents)))
            offset = np.array(EXACT[rng.integers(len(EXACT))])[:: rng.choice([-1, 1])]
            place = np.array([units.x[other], units.y[other]]) + offset * rng.choice([-1, 1], 2)
        # The game keeps places in 1/4096 of a grid unit, on the map.
        units.x[i], units.y[i] = np.clip(np.round(place * 4096) / 4096, 0, 31.999755859375)


def populate(units: ClientUnits, layout: ClientLayout, types: UnitTypes, rng: Generator) -> None:
    """The start: all units alive, agents in the client's order."""
    scatter(units, layout, rng)
    agents = slice(0, layout.n_agents)
    order = np.lexsort((units.y[agents], units.x[agents], units.kind[agents]))
    for array in (units.x, units.y):
        array[agents] = array[agents][order]
    units.health[:] = types.health[units.kind]
    units.shield[:] = types.shield[units.kind]
    change(units, types, rng, deadliness=0.0)


def change(units: ClientUnits, types: UnitTypes, rng: Generator, deadliness: float) -> None:
    """Damage, regeneration, deaths, energy and cooldowns of one step."""
    for i, kind in enumerate(units.kind):
        if units.health[i] <= 0:
            continue
        if rng.random() < deadliness:
            units.health[i] = 0.0
            continue
        units.health[i] = np.clip(
            np.float32(units.health[i] + rng.normal(-3, 6)), 0.5, types.health[kind]
        )
        units.shield[i] = np.clip(
            np.float32(units.shield[i] + rng.normal(-2, 8)), 0.0, types.shield[kind]
        )
        units.energy[i] = np.float32(rng.uniform(0, 200))
        units.cooldown[i] = np.float32(rng.choice([0.0, rng.uniform(0, 40)]))

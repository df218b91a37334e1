"""The field of a battle: the ground, the unit types, and the rules that are uncertain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.compiled.reference import reference
from marl.engine.ground.paths import NO_PATHS, Paths
from marl.engine.world import Table


class Field(NamedTuple):
    """Constants of a battle that its rules read."""

    table: Table  # [K]
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x] from the south: marl.engine.ground.geometry
    choices: NDArray[np.record]  # [1] the uncertain rules: marl.engine.facts.choices
    paths: Paths  # round the walls


def make_field(
    table: Table,
    walkable: NDArray[np.uint8],
    choices: NDArray[np.record],
    paths: Paths = NO_PATHS,
) -> Field:
    """A field that is passed by its address."""
    return reference(Field(table, walkable, choices, paths))

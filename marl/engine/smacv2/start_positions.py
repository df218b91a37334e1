"""Start positions: the distributions that an episode of SMACv2 draws them from.

Names, fields and supports are those of oxwhirl/smacv2 @577ab5a, distributions.py. `draw` takes the
random generator; the client's generators are never seeded. A class refuses contradictory fields
(ValueError), `check` a misfit with the team sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.smacv2.checks import check_enemies, check_probability

MAP_SIDE = 32  # cells of the one terrain that generated battles are fought on
CENTRE_OFFSET = 2.0  # along each axis, from the centre to the inner end of a diagonal
DIAGONALS = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)])  # from the centre
REFLECT_MARGIN = 1.0  # that agents keep from the middle, so that the teams do not overlap


class Places(NamedTuple):
    """The position drawn for each unit, x and y: ally [A,2], enemy [M,2]."""

    ally: NDArray[np.float64]
    enemy: NDArray[np.float64]


@dataclass(frozen=True)
class _OnMap:
    """Positions on a map of map_x by map_y."""

    map_x: float = 32.0
    map_y: float = 32.0
    n_enemies: int | None = None  # if given, the same as capability_config.n_enemies

    def __post_init__(self) -> None:
        for name, side in (("map_x", self.map_x), ("map_y", self.map_y)):
            if not 2 * CENTRE_OFFSET <= side <= MAP_SIDE:
                raise ValueError(
                    f"{name}: {side:g} is not within {2 * CENTRE_OFFSET:g}..{MAP_SIDE}, the map"
                )

    def check(self, n_units: int, n_enemies: int) -> None:
        """A given n_enemies is that of the battle."""
        check_enemies(self.n_enemies, n_enemies)


@dataclass(frozen=True)
class ReflectPosition(_OnMap):
    """Agents anywhere in the western half, enemies mirrored; see `reflected`."""

    dist_type: ClassVar[str] = "reflect_position"

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> Places:
        """A position for each unit."""
        return reflected(rng, n_units, n_enemies, self.map_x, self.map_y)


@dataclass(frozen=True)
class Surrounded(_OnMap):
    """Agents in the centre, enemies in groups on the diagonals; see `surrounded`."""

    dist_type: ClassVar[str] = "surrounded"

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> Places:
        """A position for each unit."""
        return surrounded(rng, n_units, n_enemies, self.map_x, self.map_y)


@dataclass(frozen=True)
class SurroundedAndReflect(_OnMap):
    """`reflected` with probability p, otherwise `surrounded`."""

    dist_type: ClassVar[str] = "surrounded_and_reflect"
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_probability("p", self.p)

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> Places:
        """A position for each unit."""
        place = surrounded if rng.random() >= self.p else reflected
        return place(rng, n_units, n_enemies, self.map_x, self.map_y)


def reflected(
    rng: np.random.Generator, n_units: int, n_enemies: int, map_x: float, map_y: float
) -> Places:
    """Agents uniform in x < map_x / 2 - 1, enemy i where agent i is mirrored in x = map_x / 2.

    Enemies without a counterpart are uniform in the eastern half.
    """
    ally = rng.random((n_units, 2))
    ally *= map_x / 2 - REFLECT_MARGIN, map_y
    both = min(n_units, n_enemies)
    enemy = rng.random((n_enemies, 2)) if n_enemies > both else np.empty((n_enemies, 2))
    enemy[:both, 0] = map_x - ally[:both, 0]
    enemy[:both, 1] = ally[:both, 1]
    enemy[both:, 0] = map_x / 2 * (1.0 + enemy[both:, 0])
    enemy[both:, 1] *= map_y
    return Places(ally, enemy)


def surrounded(
    rng: np.random.Generator, n_units: int, n_enemies: int, map_x: float, map_y: float
) -> Places:
    """Agents on the centre, enemies in 1 to 4 groups, each on one point of its own diagonal.

    Every enemy belongs to each group with the same probability (a group may be empty); a group's
    point is uniform between the corner and 2 x 2 from the centre.
    """
    centre = np.array((map_x / 2, map_y / 2))
    n_groups = int(rng.integers(1, 5))
    sizes = rng.multinomial(n_enemies, [1.0 / n_groups] * n_groups)
    share = rng.random((n_groups, 1))
    away = share * CENTRE_OFFSET + (1.0 - share) * centre  # [groups,2]
    points = centre + DIAGONALS[rng.permutation(4)[:n_groups]] * away
    ally = np.empty((n_units, 2))
    ally[:] = centre
    return Places(ally, points.repeat(sizes, axis=0))


StartPositions = SurroundedAndReflect | ReflectPosition | Surrounded

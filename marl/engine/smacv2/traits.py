"""Traits of SMACv2's agents: attack probabilities, health levels and enemy masks.

Names, fields and supports are those of oxwhirl/smacv2 @577ab5a, distributions.py. `draw` takes the
random generator; the client's generators are never seeded. A class refuses contradictory fields
(ValueError), `check` a misfit with the team sizes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from marl.engine.smacv2.checks import check_enemies, check_items, check_lengths, check_probability


@dataclass(frozen=True)
class PerAgentUniform:
    """A number for each agent, uniform between the bounds (lists of length 1, as in the client)."""

    dist_type: ClassVar[str] = "per_agent_uniform"
    lower_bound: tuple[float] = (0.0,)
    upper_bound: tuple[float] = (1.0,)
    observe: bool = True  # whether agents observe each other's number

    def __post_init__(self) -> None:
        check_probability("lower_bound", self.lower_bound[0])
        check_probability("upper_bound", self.upper_bound[0])
        if self.lower_bound[0] > self.upper_bound[0]:
            raise ValueError(
                f"lower_bound: {self.lower_bound[0]:g} is above upper_bound {self.upper_bound[0]:g}"
            )

    @property
    def highest(self) -> float:
        """The largest number that can be drawn."""
        return self.upper_bound[0]

    def check(self, n_units: int, n_enemies: int) -> None:
        """All team sizes fit."""

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> NDArray[np.float64]:
        """[A]."""
        return rng.uniform(self.lower_bound[0], self.upper_bound[0], n_units)


@dataclass(frozen=True)
class FixedNumbers:
    """One of `items` (a number for each agent) in a random order."""

    dist_type: ClassVar[str] = "fixed"
    items: tuple[tuple[float, ...], ...] = ()
    test_mode: bool = False
    observe: bool = True

    def __post_init__(self) -> None:
        check_items(self.items, self.test_mode)
        for number in itertools.chain(*self.items):
            check_probability("items", number)

    @property
    def highest(self) -> float:
        """The largest number that can be drawn."""
        return max(max(item) for item in self.items)

    def check(self, n_units: int, n_enemies: int) -> None:
        """Every item has a number for each agent."""
        check_lengths(self.items, n_units, "n_units")

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> NDArray[np.float64]:
        """[A]."""
        return rng.permutation(self.items[rng.integers(len(self.items))])


@dataclass(frozen=True)
class Mask:
    """The enemies whose health and type an agent does not observe: 1 hides them.

    As in the client, mask_probability is the probability of a 0, so of *not* hiding.
    """

    dist_type: ClassVar[str] = "mask"
    mask_probability: float = 0.5
    n_enemies: int | None = None  # if given, the same as capability_config.n_enemies

    def __post_init__(self) -> None:
        check_probability("mask_probability", self.mask_probability)

    def check(self, n_units: int, n_enemies: int) -> None:
        """A given n_enemies is that of the battle."""
        check_enemies(self.n_enemies, n_enemies)

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> NDArray[np.uint8]:
        """[A,M]."""
        return (rng.random((n_units, n_enemies)) >= self.mask_probability).astype(np.uint8)


@dataclass(frozen=True)
class FixedMask:
    """One of `items` (a row of 0 and 1 for each agent), its rows in a random order."""

    dist_type: ClassVar[str] = "fixed"
    items: tuple[tuple[tuple[int, ...], ...], ...] = ()
    test_mode: bool = False

    def __post_init__(self) -> None:
        check_items(self.items, self.test_mode)
        for row in itertools.chain(*self.items):
            if not set(row) <= {0, 1}:
                raise ValueError(f"items: a mask is of 0 and 1, not {list(row)}")

    def check(self, n_units: int, n_enemies: int) -> None:
        """Every item is n_units rows of n_enemies."""
        check_lengths(self.items, n_units, "n_units")
        for item in self.items:
            check_lengths(item, n_enemies, "n_enemies")

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> NDArray[np.uint8]:
        """[A,M]."""
        item = np.array(self.items[rng.integers(len(self.items))], dtype=np.uint8)
        return rng.permutation(item)


AgentNumbers = PerAgentUniform | FixedNumbers
EnemyMask = Mask | FixedMask

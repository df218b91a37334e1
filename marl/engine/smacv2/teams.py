"""Teams: the distributions that an episode of SMACv2 draws its unit types from.

Names, fields and supports are those of oxwhirl/smacv2 @577ab5a, distributions.py. `draw` takes the
random generator; the client's generators are never seeded. A class refuses contradictory fields
(ValueError), `check` a misfit with the team sizes.
"""

from __future__ import annotations

import itertools
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from marl.engine.smacv2.checks import check_items, check_lengths
from marl.errors import nearest_or_all

SUM_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Race:
    """A race of SMACv2; names of unit types as in the client, in lower case."""

    name: str  # terran, protoss or zerg
    letter: str  # T, P or Z
    map_type: str
    unit_types: tuple[str, ...]  # in the order of the type one-hot
    weights: tuple[float, ...]
    exception_unit_types: tuple[str, ...]

    def check(self, field: str, names: Sequence[str]) -> None:
        """Refuse names that are no unit types of this race."""
        for name in names:
            if name not in self.unit_types:
                hint = nearest_or_all(name, self.unit_types)
                raise ValueError(f"{field}: {self.name} has no {name!r}; {hint}")


class Teams(NamedTuple):
    """Unit type names of both sides, in order of creation."""

    ally: list[str]
    enemy: list[str]


@dataclass(frozen=True)
class WeightedTeams:
    """Each unit's type drawn on its own, with weights; enemies copy the agents.

    If there are more enemies than agents, the difference is drawn by the same rule and added; if
    fewer, the first ones are taken. A team of exception_unit_types alone is drawn again. Without
    unit_types all three fields are those of the race.
    """

    dist_type: ClassVar[str] = "weighted_teams"
    unit_types: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    exception_unit_types: tuple[str, ...] | None = None
    observe: bool = True  # whether agents observe each other's types

    def __post_init__(self) -> None:
        if self.unit_types is None:
            if self.weights is not None:
                raise ValueError("weights: need unit_types beside them, in the same order")
            return
        _check_unit_types(self.unit_types)
        if self.weights is None or len(self.weights) != len(self.unit_types):
            raise ValueError(f"weights: need one for each of unit_types {list(self.unit_types)}")
        if min(self.weights) < 0:
            raise ValueError(f"weights: {min(self.weights):g} is negative")
        if abs(sum(self.weights) - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"weights: sum to {sum(self.weights):g}, must sum to 1")
        drawn = [name for name, w in zip(self.unit_types, self.weights, strict=True) if w > 0]
        _check_exceptions(drawn, self.exception_unit_types or ())

    def of(self, race: Race) -> WeightedTeams:
        """These teams, with the unit types of `race` where none are given."""
        race.check("unit_types", self.unit_types or ())
        race.check("exception_unit_types", self.exception_unit_types or ())
        if self.unit_types is not None:
            return self
        return WeightedTeams(
            race.unit_types, race.weights, _own_exceptions(self, race), self.observe
        )

    def check(self, n_units: int, n_enemies: int) -> None:
        """All team sizes fit."""

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> Teams:
        """Teams of the given sizes."""
        ally = self._team(rng, n_units)
        extra = self._team(rng, n_enemies - n_units) if n_enemies > n_units else []
        return Teams(ally, [*ally, *extra][:n_enemies])

    @cached_property
    def _bounds(self) -> list[float]:
        """The upper end of each type's interval of 0..1."""
        assert self.weights is not None
        sums = list(itertools.accumulate(self.weights))
        return [upper / sums[-1] for upper in sums]

    def _team(self, rng: np.random.Generator, count: int) -> list[str]:
        assert self.unit_types is not None  # the race filled them in
        exceptions = self.exception_unit_types or ()
        while True:
            draws = rng.random(count).tolist()
            team = [self.unit_types[bisect(self._bounds, draw)] for draw in draws]
            if any(name not in exceptions for name in team):
                return team


@dataclass(frozen=True)
class AllTeams:
    """Every multiset of types equally likely, in a random order; the enemies have the same list.

    A team of exception_unit_types alone is drawn again.
    """

    dist_type: ClassVar[str] = "all_teams"
    unit_types: tuple[str, ...] | None = None  # None: those of the race, with its exceptions
    exception_unit_types: tuple[str, ...] | None = None
    observe: bool = True

    def __post_init__(self) -> None:
        if self.unit_types is not None:
            _check_unit_types(self.unit_types)
            _check_exceptions(self.unit_types, self.exception_unit_types or ())

    def of(self, race: Race) -> AllTeams:
        """These teams, with the unit types of `race` where none are given."""
        race.check("unit_types", self.unit_types or ())
        race.check("exception_unit_types", self.exception_unit_types or ())
        if self.unit_types is not None:
            return self
        return AllTeams(race.unit_types, _own_exceptions(self, race), self.observe)

    def check(self, n_units: int, n_enemies: int) -> None:
        """Refuse teams of different sizes: the enemies copy the agents."""
        _check_equal_sizes(self.dist_type, n_units, n_enemies)

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> Teams:
        """One team for both sides."""
        assert self.unit_types is not None  # the race filled them in
        exceptions = self.exception_unit_types or ()
        teams = list(itertools.combinations_with_replacement(self.unit_types, n_units))
        while True:
            team = list(teams[rng.integers(len(teams))])
            if any(name not in exceptions for name in team):
                rng.shuffle(team)
                return Teams(team, list(team))


@dataclass(frozen=True)
class FixedTeams:
    """One of `items` (lists of unit types) in a random order, for both sides.

    The client itself creates no units of such a team and waits for them forever.
    """

    dist_type: ClassVar[str] = "fixed"
    items: tuple[tuple[str, ...], ...] = ()
    test_mode: bool = False
    observe: bool = True

    def __post_init__(self) -> None:
        check_items(self.items, self.test_mode)

    def of(self, race: Race) -> FixedTeams:
        """These teams; their types must be those of `race`."""
        race.check("items", [name for item in self.items for name in item])
        return self

    def check(self, n_units: int, n_enemies: int) -> None:
        """Refuse items that are not as long as both teams."""
        _check_equal_sizes(self.dist_type, n_units, n_enemies)
        check_lengths(self.items, n_units, "n_units")

    def draw(self, rng: np.random.Generator, n_units: int, n_enemies: int) -> Teams:
        """One team for both sides."""
        team = list(self.items[rng.integers(len(self.items))])
        rng.shuffle(team)
        return Teams(team, list(team))


TeamGen = WeightedTeams | AllTeams | FixedTeams


def _own_exceptions(teams: WeightedTeams | AllTeams, race: Race) -> tuple[str, ...]:
    given = teams.exception_unit_types
    return race.exception_unit_types if given is None else given


def _check_unit_types(names: Sequence[str]) -> None:
    if not names:
        raise ValueError("unit_types: is empty")
    if len(set(names)) < len(names):
        raise ValueError(f"unit_types: {list(names)} names one twice")


def _check_exceptions(drawn: Sequence[str], exceptions: Sequence[str]) -> None:
    if all(name in exceptions for name in drawn):
        raise ValueError(
            f"exception_unit_types: {list(exceptions)} leave no other type to draw, so no team"
        )


def _check_equal_sizes(dist_type: str, n_units: int, n_enemies: int) -> None:
    if n_units != n_enemies:
        raise ValueError(
            f"dist_type: {dist_type} gives both sides one team, but n_units is {n_units} and "
            f"n_enemies {n_enemies}; use weighted_teams"
        )

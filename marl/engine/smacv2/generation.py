"""SMACv2's battles: an episode's teams, positions and traits, drawn from its seed alone.

Names, options and supports as in oxwhirl/smacv2 @577ab5a (wrapper.py, distributions.py). One
difference: the client's draws follow from no seed, ours from the episode's, whatever other episodes
are played. They come from numpy's generators, so the same numpy gives the same draws.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from marl.engine.facts.scenario import (
    MAPS,
    RACES,
    SIDES,
    Deployment,
    Point,
    Scenario,
    Terrain,
    load_terrain,
)
from marl.engine.facts.yamlfile import YamlFile
from marl.engine.smacv2.start_positions import Places, StartPositions
from marl.engine.smacv2.teams import Race, TeamGen, WeightedTeams
from marl.engine.smacv2.traits import AgentNumbers, EnemyMask
from marl.errors import EnvError, FieldError

FILE = "smacv2.yaml"
SECTION = "capability_config"
SIZED = re.compile(r"([a-z]+)_([1-9]\d{0,5})_vs_([1-9]\d{0,5})")
MOST_UNITS = 100  # of a side
OPEN_SIZED = "10gen_"  # the client's own names; the sizes are in capability_config
PATTERN = "<race>_<agents>_vs_<enemies>"


@dataclass(frozen=True)
class CapabilityConfig:
    """The distributions of an episode, as in the client's capability_config; None: not drawn."""

    n_units: int | None = None  # None: from the map's name
    n_enemies: int | None = None
    team_gen: TeamGen = WeightedTeams()
    start_positions: StartPositions | None = None  # None: each side at its default position
    attack: AgentNumbers | None = None  # probability of an attack order to be given
    health: AgentNumbers | None = None  # fraction of its health at which an agent dies
    enemy_mask: EnemyMask | None = None  # 1: the agent does not observe the enemy's health and type

    def __post_init__(self) -> None:
        for name, count in (("n_units", self.n_units), ("n_enemies", self.n_enemies)):
            if count is not None and count < 1:
                raise ValueError(f"{name}: {count} is too small; it must be at least 1")
        if self.health is not None and self.health.highest >= 1.0:
            raise ValueError("health: a level of 1 is death at the first step; stay below")


class Smacv2Facts(NamedTuple):
    """maps/smacv2.yaml."""

    episode_limit: int
    terrain: Terrain
    default_places: dict[str, Point]  # by side
    races: dict[str, Race]  # by name
    team_sizes: tuple[tuple[int, int], ...]  # agents and enemies, as published


@dataclass(frozen=True)
class Generation:
    """A race, two team sizes and the distributions: an episode follows from these and its seed."""

    name: str  # the map's, as it was asked for
    race: Race
    n_units: int
    n_enemies: int
    config: CapabilityConfig  # with the race's unit types filled in
    facts: Smacv2Facts

    @property
    def unit_names(self) -> tuple[str, ...]:
        """The race's unit types as named in maps/units.yaml, alphabetically: the type index."""
        return tuple(sorted(name.capitalize() for name in self.race.unit_types))

    @property
    def type_columns(self) -> tuple[str, ...]:
        """The unit type of each column of the type one-hot, the same for both sides."""
        return tuple(name.capitalize() for name in self.race.unit_types)

    def scenario(self) -> Scenario:
        """The scenario for the engine, which deploys other units for each seed."""
        return Scenario(
            name=self.name,
            map_type=self.race.map_type,
            episode_limit=self.facts.episode_limit,
            races=dict.fromkeys(SIDES, self.race.letter),
            walkable=self.facts.terrain.walkable,
            height=self.facts.terrain.height,
            counts=dict(zip(SIDES, (self.n_units, self.n_enemies), strict=True)),
            unit_names=self.unit_names,
            type_columns=dict.fromkeys(SIDES, self.type_columns),
            enemy_order="hunt",
            attack_between=((0.0, 0.0), (0.0, 0.0)),
            deploy=self.deploy,
        )

    def deploy(self, seed: int) -> Deployment:
        """The units of the episode of this seed."""
        return self.draw(np.random.default_rng(int(seed)))

    def draw(self, rng: np.random.Generator) -> Deployment:
        """Draw an episode. Teams are drawn first, so no other option changes a seed's teams."""
        config, sizes = self.config, (self.n_units, self.n_enemies)
        teams = config.team_gen.draw(rng, *sizes)
        if config.start_positions is None:
            places = self._default_places()
        else:
            places = config.start_positions.draw(rng, *sizes)
        attack, health, mask = config.attack, config.health, config.enemy_mask
        at = np.concatenate(places)
        index = self._index
        return Deployment(
            kinds=np.array([index[name] for name in [*teams.ally, *teams.enemy]]),
            x=np.ascontiguousarray(at[:, 0]),
            y=np.ascontiguousarray(at[:, 1]),
            attack_probability=np.ones(sizes[0]) if attack is None else attack.draw(rng, *sizes),
            health_level=np.zeros(sizes[0]) if health is None else health.draw(rng, *sizes),
            enemy_mask=np.zeros(sizes, np.uint8) if mask is None else mask.draw(rng, *sizes),
        )

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name.lower(): kind for kind, name in enumerate(self.unit_names)}

    def _default_places(self) -> Places:
        at = [self.facts.default_places[side] for side in SIDES]
        return Places(np.tile(at[0], (self.n_units, 1)), np.tile(at[1], (self.n_enemies, 1)))


def make_generation(map_name: str, config: CapabilityConfig, maps: Path = MAPS) -> Generation:
    """The battles of `map_name`: <race>_<n>_vs_<m>, or 10gen_<race> and the sizes in `config`.

    Refuses unknown names (EnvError) and options that do not fit (FieldError).
    """
    facts = load_facts(maps)
    race, in_name = _parse(map_name, facts)
    n_units = _count(map_name, "n_units", in_name[0], config.n_units)
    n_enemies = _count(map_name, "n_enemies", in_name[1], config.n_enemies)
    with _field("team_gen"):
        config = replace(config, team_gen=config.team_gen.of(race))
    for name in ("team_gen", "start_positions", "attack", "health", "enemy_mask"):
        part = getattr(config, name)
        if part is not None:
            with _field(name):
                part.check(n_units, n_enemies)
    return Generation(map_name, race, n_units, n_enemies, config, facts)


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Turn a ValueError inside into a refusal of the option `name`."""
    try:
        yield
    except ValueError as error:
        raise FieldError(f"{SECTION}.{name}", str(error)) from None


def map_names(facts: Smacv2Facts) -> list[str]:
    """The published maps, and the client's own names."""
    sized = [f"{race}_{n}_vs_{m}" for race in facts.races for n, m in facts.team_sizes]
    return [*sized, *(OPEN_SIZED + race for race in facts.races)]


def _parse(name: str, facts: Smacv2Facts) -> tuple[Race, tuple[int | None, int | None]]:
    """The race and the team sizes of a map's name; a size is None where the name has none."""
    if name.startswith(OPEN_SIZED) and name.removeprefix(OPEN_SIZED) in facts.races:
        return facts.races[name.removeprefix(OPEN_SIZED)], (None, None)
    match = SIZED.fullmatch(name)
    if match and match[1] in facts.races:
        return facts.races[match[1]], (int(match[2]), int(match[3]))
    near = difflib.get_close_matches(name, map_names(facts), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    races = ", ".join(facts.races)
    raise EnvError(
        f"map {name!r} is not one of SMACv2's; {hint}a name is {PATTERN} with at least one unit a "
        f"side, or {OPEN_SIZED}<race> with {SECTION}.n_units and n_enemies; races: {races}"
    )


def _count(map_name: str, field: str, in_name: int | None, given: int | None) -> int:
    """A side's number of units, from the map's name or the option; refuses two different ones."""
    if in_name is None and given is None:
        raise FieldError(
            f"{SECTION}.{field}", f"map={map_name} leaves it open; set it, or use map={PATTERN}"
        )
    if in_name is not None and given is not None and in_name != given:
        raise FieldError(f"{SECTION}.{field}", f"{given}, but map={map_name} says {in_name}")
    count = in_name if given is None else given
    assert count is not None
    if count > MOST_UNITS:
        raise FieldError(f"{SECTION}.{field}", f"{count} is more than {MOST_UNITS} units of a side")
    return count


@cache
def load_facts(maps: Path = MAPS) -> Smacv2Facts:
    """maps/smacv2.yaml, checked."""
    file = YamlFile.read(maps / FILE)
    keys = ["source", "episode_limit", "terrain", "default_places", "races"]
    file.keys(file.content, "", [*keys, "published_team_sizes"])
    file.string(file.content["source"], "source")
    places = file.mapping(file.content["default_places"], "default_places")
    file.keys(places, "default_places", SIDES)
    races = file.mapping(file.content["races"], "races")
    return Smacv2Facts(
        episode_limit=file.whole(file.content["episode_limit"], "episode_limit", low=1),
        terrain=load_terrain(file.string(file.content["terrain"], "terrain"), maps),
        default_places={s: file.point(places[s], f"default_places.{s}") for s in SIDES},
        races={name: _race(file, name, races[name]) for name in races},
        team_sizes=tuple(_team_sizes(file)),
    )


def _race(file: YamlFile, name: str, value: object) -> Race:
    field = f"races.{name}"
    entry = file.mapping(value, field)
    file.keys(entry, field, ["race", "map_type", "unit_types", "weights", "exception_unit_types"])

    def names(key: str) -> tuple[str, ...]:
        items = file.items(entry[key], f"{field}.{key}")
        return tuple(file.string(item, f"{field}.{key}").lower() for item in items)

    weights = file.items(entry["weights"], f"{field}.weights")
    numbers = tuple(float(w) for w in weights if isinstance(w, int | float))
    if len(numbers) != len(weights):
        file.refuse(f"{field}.weights", f"must be numbers, not {weights!r}")
    race = Race(
        name=name,
        letter=file.choice(entry["race"], f"{field}.race", RACES),
        map_type=file.string(entry["map_type"], f"{field}.map_type"),
        unit_types=names("unit_types"),
        weights=numbers,
        exception_unit_types=names("exception_unit_types"),
    )
    try:
        WeightedTeams().of(race)
    except ValueError as error:
        file.refuse(field, str(error))
    return race


def _team_sizes(file: YamlFile) -> Iterator[tuple[int, int]]:
    field = "published_team_sizes"
    for item in file.items(file.content[field], field):
        pair = [file.whole(count, field, low=1) for count in file.items(item, field)]
        if len(pair) != 2:
            file.refuse(field, f"must be pairs, not {item!r}")
        yield pair[0], pair[1]

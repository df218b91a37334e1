"""The unit types: each fact declared once, read from maps/units.yaml, checked, and made a column.

The classes below mirror the file. A field says how the file's number is checked and what column of
`UnitTypes.table` it becomes, in loops and grid units; `_derived` adds the columns that follow
from several facts.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from marl.engine.facts.scenario import MAPS, RACES
from marl.engine.facts.yamlfile import YamlFile
from marl.engine.ground.geometry import CROSSES_WALLS
from marl.engine.world import (
    ATTRIBUTES,
    BODIES,
    INSTANT,
    LOOPS_PER_SECOND,
    MISSILE,
    PLANES,
    SUICIDE,
    SWEEP,
    UnitTypes,
    make_unit_types,
)
from marl.errors import nearest_or_all

UNITS_FILE = MAPS / "units.yaml"
MAX_HITS = 2  # the engine keeps one pending hit per unit
MAX_SWEEP_DELAY = 7  # loops: as far as a unit's eight counters of hits to come reach

SECONDS = LOOPS_PER_SECOND  # scales: game-seconds to loops, rates per game-second to rates per loop
PER_SECOND = 1.0 / LOOPS_PER_SECOND
PER_SECOND2 = PER_SECOND * PER_SECOND

Section = TypeVar("Section")


def number(
    column: str | None = "",
    scale: float = 1.0,
    *,
    whole_loops: bool = False,
    low: float | None = 0.0,
    above: float | None = None,
    absent: float = 0.0,
) -> Any:
    """A number of the file and the column that it becomes.

    column: "" = the field's name, None = none of its own. scale: of the file's unit to the
    engine's. whole_loops: rounded up, because an event happens in the first loop at or after its
    time. The file's number is at least `low` and more than `above`. absent: stands in for it in
    units without this section.
    """
    described = {"column": column, "scale": scale, "whole_loops": whole_loops}
    return field(metadata={**described, "low": low, "above": above, "absent": absent})


def names_of(known: Sequence[str]) -> Any:
    """A list of names of `known`; its column is their bit mask."""
    return field(metadata={"known": known})


def name_of(known: Sequence[str]) -> Any:
    """One name of `known`; its column is the index."""
    return field(metadata={"known": known})


@dataclass(frozen=True)
class Energy:
    """Energy of a unit that casts."""

    start: float = number("energy")
    max: float = number("energy_max")
    rate: float = number("energy_rate", PER_SECOND)


@dataclass(frozen=True)
class Heal:
    """A unit's ability to heal friends."""

    range: float = number("heal_range")  # between edges
    rate: float = number("heal_rate", PER_SECOND)  # life; 0 in the table: it does not heal
    energy_per_life: float = number("heal_cost")
    scan_range: float = number("heal_scan")  # between edges: where it looks for units by itself
    min_energy: float = number("heal_min_energy")  # to begin with
    arc: float = number(None)  # half-angle within which it heals


@dataclass(frozen=True)
class Close:
    """A second weapon with the same cooldown, against units within its range."""

    range: float = number("close_range", absent=-1.0)
    damage_point: float = number("close_damage_point", SECONDS, whole_loops=True)


@dataclass(frozen=True)
class Splash:
    """The baneling's explosion, all around itself."""

    radius: float = number("splash_radius")  # from its centre
    structure_damage: float = number("structure_damage")


@dataclass(frozen=True)
class Sweep:
    """The colossus's beam: hits from point to point along a line across the target."""

    half_width: float = number("sweep_half_width")  # of the line, to both sides of the target
    step: float = number("sweep_step", above=0.0)  # between the points
    point_period: float = number("sweep_point_period", SECONDS, above=0.0)
    point_radius: float = number("sweep_point_radius")
    # From a point to the hit on the units that stood there.
    delay: float = number("sweep_delay", SECONDS, whole_loops=True)
    # From the end of a pass to the hit on the target itself.
    main_delay: float = number("sweep_main_delay", SECONDS)


@dataclass(frozen=True, kw_only=True)
class Weapon:
    """A weapon. A unit without one scans, in case it heals, and never fires."""

    targets: tuple[str, ...] = names_of(PLANES)  # the planes that it can hit
    range: float = number("weapon_range")  # between edges
    range_slop: float = number()
    min_scan_range: float = number(None)
    arc: float = number(None)  # degrees; the weapon fires within half of it and arc_slop
    arc_slop: float = number(None)
    period: float = number("", SECONDS, above=0.0, absent=1.0)
    damage_point: float = number("", SECONDS, whole_loops=True)
    # A period is lengthened by a uniform draw between these; it may become shorter.
    delay_min: float = number("", SECONDS, low=None)
    delay_max: float = number("", SECONDS, low=None)
    damage: float = number()
    bonus: dict[str, float] = number()  # by attribute; [K,len(ATTRIBUTES)]
    hits: int = number()  # of one attack
    hit_delay: float = number("", SECONDS)  # between its first and its second hit
    missile_speed: float = number("", PER_SECOND)  # 0: no missile
    fires_moving: bool = number()  # it need not stand nor face its target, and fires at once
    close: Close | None
    splash: Splash | None
    sweep: Sweep | None

    @property
    def ways(self) -> list[str]:
        """The fields that say how the weapon hits; none: instantly."""
        sections = [name for name in ("splash", "sweep") if getattr(self, name) is not None]
        return sections + (["missile_speed"] if self.missile_speed > 0.0 else [])

    @property
    def delivery(self) -> int:
        """How the weapon hits: INSTANT, MISSILE, SWEEP or SUICIDE."""
        by_way = {"splash": SUICIDE, "sweep": SWEEP, "missile_speed": MISSILE}
        return by_way.get("".join(self.ways), INSTANT)


@dataclass(frozen=True, kw_only=True)
class UnitFacts:
    """One unit type, as the file has it."""

    client_id: int = number()  # the game's unit type id (Marine 48 ...)
    # The normaliser of weapon_cooldown, loops; and the ranges of SMACv2's client with
    # use_unit_ranges, centre to centre, which are not the game's.
    client_max_cooldown: float = number()
    client_sight_range: float = number(above=0.0)
    client_shoot_range: float = number()
    race: str = name_of(RACES)
    attributes: tuple[str, ...] = names_of(ATTRIBUTES)
    plane: tuple[str, ...] = names_of(PLANES)  # where it can be hit
    health: float = number(above=0.0)
    shield: float = number()
    armor: float = number()
    shield_delay: float = number("", SECONDS)  # without damage before the shield regenerates
    shield_rate: float = number("", PER_SECOND)
    health_rate: float = number("", PER_SECOND)
    energy: Energy | None
    radius: float = number(above=0.0)
    separation_radius: float = number("separation", above=0.0)
    inner_radius: float = number(above=0.0)  # how near friends come
    body: str = name_of(BODIES)  # its column is a bit mask
    collides: tuple[str, ...] = names_of(BODIES)  # bodies that are in its way
    cliff_walk: bool = number()  # cliffs are no walls
    speed: float = number("", PER_SECOND)
    acceleration: float = number("", PER_SECOND2, above=0.0)
    turn_rate: float = number(None, PER_SECOND, above=0.0)  # degrees
    sight: float = number()  # range, centre to centre
    always_threatens: bool = number()  # it counts as a threat though it has no weapon
    heal: Heal | None
    weapon: Weapon | None


def unit_names(path: Path = UNITS_FILE) -> tuple[str, ...]:
    """The unit types of the file, alphabetically."""
    return tuple(sorted(load_units(path)))


def load_units(path: Path = UNITS_FILE) -> dict[str, UnitFacts]:
    """All unit types of the file by name; EnvError with file, unit, field and reason."""
    file = YamlFile.read(path)
    file.keys(file.content, "", ["units"])
    units = file.mapping(file.content["units"], "units")
    facts = {}
    for name, entry in units.items():
        unit = facts[name] = _read(file, UnitFacts, entry, f"units.{name}")
        if unit.weapon is not None:
            _check_weapon(file, f"units.{name}.weapon", unit.weapon)
    return facts


def load_unit_types(names: Sequence[str], path: Path = UNITS_FILE) -> UnitTypes:
    """The unit types `names`, in that order, in loops and grid units.

    Every unit of the file is checked, also those that are not asked for.
    """
    facts = load_units(path)
    for name in names:
        if name not in facts:
            hint = nearest_or_all(name, facts, "known")
            YamlFile(path, {}).refuse(f"units.{name}", f"no such unit type; {hint}")
    return make_unit_types(_table([facts[name] for name in names]))


@cache
def _types(cls: type) -> dict[str, Any]:
    """Field name -> type; of `X | None` it is X where that is a dataclass."""
    found = {}
    for name, kind in typing.get_type_hints(cls).items():
        inner = [member for member in typing.get_args(kind) if is_dataclass(member)]
        found[name] = inner[0] if inner else kind
    return found


def _read(file: YamlFile, cls: type[Section], value: object, path: str) -> Section:
    """A section of the file as `cls`, every field checked."""
    entry = file.mapping(value, path)
    items = fields(cls)  # type: ignore[arg-type]
    file.keys(entry, path, [item.name for item in items])
    types = _types(typing.cast("type", cls))
    return cls(
        **{
            item.name: _value(file, item, types[item.name], entry[item.name], f"{path}.{item.name}")
            for item in items
        }
    )


def _value(file: YamlFile, item: Field[Any], kind: Any, value: object, path: str) -> object:
    if is_dataclass(kind):
        return None if value is None else _read(file, typing.cast("type", kind), value, path)
    if kind is str:
        return file.choice(value, path, item.metadata["known"])
    if "known" in item.metadata:
        items = file.items(value, path)
        return tuple(file.choice(entry, path, item.metadata["known"]) for entry in items)
    if kind is bool:
        return file.flag(value, path)
    if kind is int:
        return file.whole(value, path, low=1)
    if kind is float:
        return _number(file, item.metadata, value, path)
    bonus = file.mapping(value, path)
    for attribute in bonus:
        file.choice(attribute, path, ATTRIBUTES)
    return {k: _number(file, item.metadata, v, f"{path}.{k}") for k, v in bonus.items()}


def _number(file: YamlFile, bounds: Mapping[str, Any], value: object, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        file.refuse(path, f"must be a number, not {value!r}")
    if not math.isfinite(value):
        file.refuse(path, f"must be finite, not {value!r}")
    if bounds["low"] is not None and value < bounds["low"]:
        file.refuse(path, f"must not be negative, not {value!r}")
    if bounds["above"] is not None and value <= bounds["above"]:
        file.refuse(path, f"must be above {bounds['above']:g}")
    return float(value)


def _check_weapon(file: YamlFile, path: str, weapon: Weapon) -> None:
    """Refuse facts of a weapon that contradict each other, and what the engine cannot simulate."""
    if weapon.delay_min > weapon.delay_max:
        file.refuse(f"{path}.delay_min", "must not exceed delay_max")
    if weapon.hits > MAX_HITS:
        file.refuse(f"{path}.hits", f"must be at most {MAX_HITS}")
    if len(weapon.ways) > 1:
        file.refuse(path, f"has {' and '.join(weapon.ways)}; a weapon hits in one way")
    is_burst = weapon.hits > 1 and weapon.delivery != SWEEP
    if is_burst and weapon.delivery != INSTANT:
        file.refuse(f"{path}.hits", f"a weapon with {weapon.ways[0]} hits once; set it to 1")
    if weapon.sweep is not None and weapon.sweep.delay * LOOPS_PER_SECOND > MAX_SWEEP_DELAY:
        longest = MAX_SWEEP_DELAY / LOOPS_PER_SECOND
        file.refuse(f"{path}.sweep.delay", f"must be at most {longest}, {MAX_SWEEP_DELAY} loops")
    if weapon.fires_moving and weapon.damage_point > 0.0:
        file.refuse(f"{path}.damage_point", "must be 0 with fires_moving, which fires at once")
    if not is_burst and weapon.hit_delay > 0.0:
        file.refuse(f"{path}.hit_delay", "belongs to a weapon of two hits; set it to 0")


def _table(units: Sequence[UnitFacts]) -> dict[str, NDArray]:
    """The columns of `units`, [K] each."""
    columns: dict[str, NDArray] = {}
    inputs: dict[str, NDArray] = {}  # of _derived, by path
    _add_columns(UnitFacts, units, "", columns, inputs)
    return columns | _derived(units, columns, inputs)


def _add_columns(
    cls: type,
    sections: Sequence[object],
    path: str,
    columns: dict[str, NDArray],
    inputs: dict[str, NDArray],
) -> None:
    """Add the columns of a section of each unit. sections: [K], None where a unit lacks it."""
    for item in fields(cls):
        values = [None if s is None else getattr(s, item.name) for s in sections]
        kind, name = _types(cls)[item.name], item.metadata.get("column", "")
        if is_dataclass(kind):
            inner = typing.cast("type", kind)
            _add_columns(inner, values, f"{path}{item.name}.", columns, inputs)
        elif name is None:
            inputs[path + item.name] = _column(item, kind, values)
        else:
            columns[name or item.name] = _column(item, kind, values)


def _column(item: Field[Any], kind: Any, values: Sequence[Any]) -> NDArray:
    """One fact of all units. values: [K], None where a unit lacks the section."""
    if "known" in item.metadata:
        place = {name: k for k, name in enumerate(item.metadata["known"])}
        if kind is str:
            return np.array([place[value] for value in values])
        masks = [sum(1 << place[name] for name in set(value or ())) for value in values]
        return np.array(masks, dtype=np.int64)
    if kind in (int, bool):
        return np.array([value or 0 for value in values], dtype=np.int64)
    if kind is not float:
        rows = [[(value or {}).get(name, 0.0) for name in ATTRIBUTES] for value in values]
        return np.array(rows, dtype=np.float64)
    absent, scale = item.metadata["absent"], item.metadata["scale"]
    numbers = [(absent if value is None else value) * scale for value in values]
    column = np.array(numbers, dtype=np.float64)
    return np.ceil(column) if item.metadata["whole_loops"] else column


def _derived(
    units: Sequence[UnitFacts], columns: Mapping[str, NDArray], inputs: Mapping[str, NDArray]
) -> dict[str, NDArray]:
    """The columns that follow from several facts, or in another form."""
    body = 1 << columns["body"]
    turn = np.minimum(np.radians(inputs["turn_rate"]), np.pi)
    arc = inputs["weapon.arc"] * 0.5 + inputs["weapon.arc_slop"]
    return {
        "body": body,  # bit mask over BODIES
        # The walls that it crosses: marl.engine.ground.geometry.CROSSES_*
        "crosses": np.where(
            body == 1 << BODIES.index("Flying"), CROSSES_WALLS, columns["cliff_walk"]
        ),
        # Units farther apart, centre to centre, do not touch: both separations.
        "touch_range": columns["separation"] + columns["separation"].max(),
        "turn_cos": np.cos(turn),  # of the angle turned per loop
        "turn_sin": np.sin(turn),
        "scan_range": np.maximum(inputs["weapon.min_scan_range"], columns["weapon_range"]),
        # Of the half-angle within which the weapon may fire, slop included.
        "arc_cos": np.cos(np.radians(arc)),
        "heal_arc_cos": np.cos(np.radians(inputs["heal.arc"])),
        "delivery": np.array(
            [INSTANT if unit.weapon is None else unit.weapon.delivery for unit in units]
        ),
    }

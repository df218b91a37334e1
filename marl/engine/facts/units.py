"""The facts of maps/units.yaml, checked and converted to game loops for the compiled engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

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

UNITS_FILE = Path(__file__).resolve().parents[3] / "maps" / "units.yaml"
MAX_HITS = 2  # the engine keeps one pending hit per unit
MAX_SWEEP_DELAY = 7  # loops: what a unit's eight counters of hits to come can hold

WHOLE = ("client_id",)
BODY = (
    "max_cooldown",
    "health",
    "shield",
    "armor",
    "shield_delay",
    "shield_rate",
    "health_rate",
    "radius",
    "separation_radius",
    "inner_radius",
    "speed",
    "acceleration",
    "turn_rate",
    "sight",
)
WEAPON = (
    "range",
    "range_slop",
    "min_scan_range",
    "arc",
    "arc_slop",
    "period",
    "damage_point",
    "damage",
    "hit_delay",
    "missile_speed",
)
SIGNED = ("delay_min", "delay_max")  # a period may become shorter
POSITIVE = (
    "health",
    "radius",
    "separation_radius",
    "inner_radius",
    "acceleration",
    "turn_rate",
    "period",
    "step",
    "point_period",
)
# The sections that a unit or a weapon may lack (null): their numbers, and what stands for none.
SECTIONS = {
    "energy": {"start": 0.0, "max": 0.0, "rate": 0.0},
    "heal": {
        "range": 0.0,
        "rate": 0.0,
        "energy_per_life": 0.0,
        "scan_range": 0.0,
        "min_energy": 0.0,
        "arc": 0.0,
    },
    "close": {"range": -1.0, "damage_point": 0.0},
    "splash": {"radius": 0.0, "structure_damage": 0.0},
    "sweep": {
        "half_width": 0.0,
        "step": 0.0,
        "point_period": 0.0,
        "point_radius": 0.0,
        "delay": 0.0,
        "main_delay": 0.0,
    },
}
# A unit without a weapon: it scans, in case it heals, and never fires.
UNARMED: dict[str, float] = dict.fromkeys(WEAPON + SIGNED, 0.0) | {
    "targets": 0,
    "hits": 0,
    "fires_moving": 0,
    "delivery": INSTANT,
    "period": 1.0,
}

Facts = dict[str, float]


def load_unit_types(names: Sequence[str], path: Path = UNITS_FILE) -> UnitTypes:
    """The unit types `names`, in that order, in loops and grid units.

    Refuses (EnvError with file, unit and field) unknown or missing fields and values that make no
    sense; every unit of the file is checked, also those that are not asked for.
    """
    file = YamlFile.read(path)
    file.keys(file.content, "", ["units"])
    units = file.mapping(file.content["units"], "units")
    facts = {name: _facts(file, name, entry) for name, entry in units.items()}
    for name in names:
        if name not in facts:
            hint = nearest_or_all(name, facts, "known")
            file.refuse(f"units.{name}", f"no such unit type; {hint}")
    return _table([facts[name] for name in names])


def _facts(file: YamlFile, name: str, value: object) -> Facts:
    """One unit's numbers as written, each checked; sets as bit masks, sections flattened."""
    field = f"units.{name}"
    entry = file.mapping(value, field)
    sets = ["attributes", "plane", "collides"]
    flags = ["cliff_walk", "always_threatens"]
    file.keys(entry, field, [*WHOLE, *BODY, *sets, "body", *flags, "energy", "heal", "weapon"])
    facts = _numbers(file, entry, field, BODY)
    facts["client_id"] = file.whole(entry["client_id"], f"{field}.client_id", low=1)
    facts["attributes"] = _bits(file, entry["attributes"], f"{field}.attributes", ATTRIBUTES)
    facts["plane"] = _bits(file, entry["plane"], f"{field}.plane", PLANES)
    facts["collides"] = _bits(file, entry["collides"], f"{field}.collides", BODIES)
    facts["body"] = 1 << BODIES.index(file.choice(entry["body"], f"{field}.body", BODIES))
    for flag in flags:
        facts[flag] = file.flag(entry[flag], f"{field}.{flag}")
    for section in ("energy", "heal"):
        facts.update(_section(file, entry[section], field, section))
    if entry["weapon"] is None:
        for section in ("close", "splash", "sweep"):
            facts.update(_section(file, None, field, section))
        return facts | UNARMED | {f"bonus.{name}": 0.0 for name in ATTRIBUTES}
    return facts | _weapon(file, entry["weapon"], f"{field}.weapon")


def _weapon(file: YamlFile, value: object, field: str) -> Facts:
    """The weapon's numbers as written, each checked."""
    entry = file.mapping(value, field)
    sections = ["close", "splash", "sweep"]
    file.keys(
        entry, field, [*WEAPON, *SIGNED, *sections, "targets", "bonus", "hits", "fires_moving"]
    )
    facts = _numbers(file, entry, field, WEAPON) | _numbers(file, entry, field, SIGNED)
    if facts["delay_min"] > facts["delay_max"]:
        file.refuse(f"{field}.delay_min", "must not exceed delay_max")
    facts["targets"] = _bits(file, entry["targets"], f"{field}.targets", PLANES)
    facts["fires_moving"] = file.flag(entry["fires_moving"], f"{field}.fires_moving")
    for section in sections:
        facts.update(_section(file, entry[section], field, section))
    _check_delivery(file, entry, field, facts)
    bonus = file.mapping(entry["bonus"], f"{field}.bonus")
    file_bonus = _numbers(file, bonus, f"{field}.bonus", tuple(bonus))
    for attribute in bonus:
        file.choice(attribute, f"{field}.bonus", ATTRIBUTES)
    return facts | {f"bonus.{name}": file_bonus.get(name, 0.0) for name in ATTRIBUTES}


def _check_delivery(file: YamlFile, entry: Mapping[str, object], field: str, facts: Facts) -> None:
    """Set how the hit comes about; refuse what contradicts itself."""
    facts["hits"] = file.whole(entry["hits"], f"{field}.hits", low=1)
    if facts["hits"] > MAX_HITS:
        file.refuse(f"{field}.hits", f"must be at most {MAX_HITS}")
    ways = [name for name in ("splash", "sweep") if entry[name] is not None]
    ways += ["missile_speed"] if facts["missile_speed"] > 0.0 else []
    if len(ways) > 1:
        file.refuse(field, f"has {' and '.join(ways)}; a weapon hits in one way")
    facts["delivery"] = {"splash": SUICIDE, "sweep": SWEEP, "missile_speed": MISSILE}.get(
        "".join(ways), INSTANT
    )
    is_burst = facts["hits"] > 1 and facts["delivery"] != SWEEP
    if is_burst and facts["delivery"] != INSTANT:
        file.refuse(f"{field}.hits", f"a weapon with {ways[0]} hits once; set it to 1")
    if facts["sweep.delay"] * LOOPS_PER_SECOND > MAX_SWEEP_DELAY:
        longest = MAX_SWEEP_DELAY / LOOPS_PER_SECOND
        file.refuse(f"{field}.sweep.delay", f"must be at most {longest}, {MAX_SWEEP_DELAY} loops")
    if facts["fires_moving"] and facts["damage_point"] > 0.0:
        file.refuse(f"{field}.damage_point", "must be 0 for what fires_moving: it fires at once")
    if not is_burst and facts["hit_delay"] > 0.0:
        file.refuse(f"{field}.hit_delay", "belongs to a weapon of two hits; set it to 0")


def _section(file: YamlFile, value: object, field: str, name: str) -> Facts:
    """The numbers of a section that may be null, as `section.number`."""
    numbers = SECTIONS[name]
    if value is not None:
        entry = file.mapping(value, f"{field}.{name}")
        file.keys(entry, f"{field}.{name}", numbers)
        numbers = _numbers(file, entry, f"{field}.{name}", tuple(numbers))
    return {f"{name}.{key}": number for key, number in numbers.items()}


def _bits(file: YamlFile, value: object, field: str, known: Sequence[str]) -> int:
    """A list of names of `known` as a bit mask."""
    bits = 0
    for item in file.items(value, field):
        bits |= 1 << known.index(file.choice(item, field, known))
    return bits


def _numbers(
    file: YamlFile, entry: Mapping[str, object], field: str, names: Sequence[str]
) -> Facts:
    """The numbers `names` of `entry`: finite, not negative unless SIGNED, above 0 if POSITIVE."""
    facts: Facts = {}
    for name in names:
        value = entry[name]
        if not isinstance(value, int | float) or isinstance(value, bool):
            file.refuse(f"{field}.{name}", f"must be a number, not {value!r}")
        if not math.isfinite(value):
            file.refuse(f"{field}.{name}", f"must be finite, not {value!r}")
        if value < 0 and name not in SIGNED:
            file.refuse(f"{field}.{name}", f"must not be negative, not {value!r}")
        if value == 0 and name in POSITIVE:
            file.refuse(f"{field}.{name}", "must be above 0")
        facts[name] = float(value)
    return facts


def _table(units: Sequence[Facts]) -> UnitTypes:
    """The facts as arrays [K], seconds turned into loops and angles into cosines."""

    def column(name: str, scale: float = 1.0) -> np.ndarray:
        return np.array([unit[name] * scale for unit in units], dtype=np.float64)

    def whole(name: str) -> np.ndarray:
        return np.array([unit[name] for unit in units], dtype=np.int64)

    loops, per_loop = LOOPS_PER_SECOND, 1.0 / LOOPS_PER_SECOND
    turn = np.minimum(np.radians(column("turn_rate", per_loop)), np.pi)
    facts = {
        "health": column("health"),
        "shield": column("shield"),
        "armor": column("armor"),
        "attributes": whole("attributes"),
        "radius": column("radius"),
        "separation": column("separation_radius"),
        "inner_radius": column("inner_radius"),
        "plane": whole("plane"),
        "body": whole("body"),
        "collides": whole("collides"),
        "cliff_walk": whole("cliff_walk"),
        "speed": column("speed", per_loop),
        "acceleration": column("acceleration", per_loop * per_loop),
        "turn_cos": np.cos(turn),
        "turn_sin": np.sin(turn),
        "sight": column("sight"),
        "always_threatens": whole("always_threatens"),
        "targets": whole("targets"),
        "delivery": whole("delivery"),
        "weapon_range": column("range"),
        "range_slop": column("range_slop"),
        "scan_range": np.maximum(column("min_scan_range"), column("range")),
        "arc_cos": np.cos(np.radians(column("arc", 0.5) + column("arc_slop"))),
        "period": column("period", loops),
        "damage_point": _whole_loops(column("damage_point", loops)),
        "delay_min": column("delay_min", loops),
        "delay_max": column("delay_max", loops),
        "damage": column("damage"),
        "bonus": np.stack([column(f"bonus.{name}") for name in ATTRIBUTES], axis=1),
        "hits": whole("hits"),
        "hit_delay": column("hit_delay", loops),
        "missile_speed": column("missile_speed", per_loop),
        "fires_moving": whole("fires_moving"),
        "close_range": column("close.range"),
        "close_damage_point": _whole_loops(column("close.damage_point", loops)),
        "splash_radius": column("splash.radius"),
        "structure_damage": column("splash.structure_damage"),
        "sweep_half_width": column("sweep.half_width"),
        "sweep_step": column("sweep.step"),
        "sweep_point_period": column("sweep.point_period", loops),
        "sweep_point_radius": column("sweep.point_radius"),
        "sweep_delay": _whole_loops(column("sweep.delay", loops)),
        "sweep_main_delay": column("sweep.main_delay", loops),
        "energy": column("energy.start"),
        "energy_max": column("energy.max"),
        "energy_rate": column("energy.rate", per_loop),
        "heal_range": column("heal.range"),
        "heal_rate": column("heal.rate", per_loop),
        "heal_cost": column("heal.energy_per_life"),
        "heal_scan": column("heal.scan_range"),
        "heal_min_energy": column("heal.min_energy"),
        "heal_arc_cos": np.cos(np.radians(column("heal.arc"))),
        "shield_delay": column("shield_delay", loops),
        "shield_rate": column("shield_rate", per_loop),
        "health_rate": column("health_rate", per_loop),
        "max_cooldown": column("max_cooldown"),
        "client_id": whole("client_id"),
    }
    flies = facts["body"] == 1 << BODIES.index("Flying")
    facts["crosses"] = np.where(flies, CROSSES_WALLS, facts["cliff_walk"])
    widest = facts["separation"].max()
    facts["touch_range"] = facts["separation"] + widest
    return make_unit_types(facts)


def _whole_loops(times: np.ndarray) -> np.ndarray:
    """Times in loops, rounded up: an event happens in the first loop at or after its time."""
    return np.ceil(times)

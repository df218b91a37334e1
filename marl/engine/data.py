"""The facts of maps/units.yaml, checked and converted to game loops for the compiled engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from marl.engine.world import ATTRIBUTES, LOOPS_PER_SECOND, UnitTypes, make_unit_types
from marl.engine.yamlcheck import YamlFile
from marl.errors import nearest_or_all

UNITS_FILE = Path(__file__).resolve().parents[2] / "maps" / "units.yaml"
MAX_HITS = 2  # the engine keeps one pending hit per unit

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
    "turn_rate",
    "sight",
)
WEAPON = (
    "range",
    "range_slop",
    "min_scan_range",
    "arc_slop",
    "period",
    "damage_point",
    "damage",
    "hit_delay",
    "missile_speed",
)
SIGNED = ("delay_min", "delay_max")  # a period may become shorter
POSITIVE = ("health", "radius", "separation_radius", "inner_radius", "turn_rate", "period")

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
    """One unit's numbers as written, each checked; attributes as a bit mask, bonuses by column."""
    field = f"units.{name}"
    entry = file.mapping(value, field)
    file.keys(entry, field, [*WHOLE, *BODY, "attributes", "weapon"])
    facts = _numbers(file, entry, field, BODY)
    facts["client_id"] = file.whole(entry["client_id"], f"{field}.client_id", low=1)
    facts["attributes"] = 0
    for attribute in file.items(entry["attributes"], f"{field}.attributes"):
        known = file.choice(attribute, f"{field}.attributes", ATTRIBUTES)
        facts["attributes"] = int(facts["attributes"]) | 1 << ATTRIBUTES.index(known)
    facts.update(_weapon(file, entry["weapon"], f"{field}.weapon"))
    return facts


def _weapon(file: YamlFile, value: object, field: str) -> Facts:
    """The weapon's numbers as written, each checked."""
    entry = file.mapping(value, field)
    file.keys(entry, field, [*WEAPON, *SIGNED, "bonus", "hits"])
    facts = _numbers(file, entry, field, WEAPON) | _numbers(file, entry, field, SIGNED)
    if facts["delay_min"] > facts["delay_max"]:
        file.refuse(f"{field}.delay_min", "must not exceed delay_max")
    facts["hits"] = file.whole(entry["hits"], f"{field}.hits", low=1)
    if facts["hits"] > MAX_HITS:
        file.refuse(f"{field}.hits", f"must be at most {MAX_HITS}")
    if facts["hits"] > 1 and facts["missile_speed"] > 0.0:
        file.refuse(f"{field}.hits", "a missile hits once; set missile_speed to 0 or hits to 1")
    if facts["hits"] == 1 and facts["hit_delay"] > 0.0:
        file.refuse(f"{field}.hit_delay", "belongs to a weapon of two hits; set it to 0")
    bonus = file.mapping(entry["bonus"], f"{field}.bonus")
    file_bonus = _numbers(file, bonus, f"{field}.bonus", tuple(bonus))
    for attribute in bonus:
        file.choice(attribute, f"{field}.bonus", ATTRIBUTES)
    return facts | {f"bonus.{name}": file_bonus.get(name, 0.0) for name in ATTRIBUTES}


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
        "speed": column("speed", per_loop),
        "turn_cos": np.cos(turn),
        "turn_sin": np.sin(turn),
        "sight": column("sight"),
        "weapon_range": column("range"),
        "range_slop": column("range_slop"),
        "scan_range": np.maximum(column("min_scan_range"), column("range")),
        "arc_cos": np.cos(np.radians(column("arc_slop"))),
        "period": column("period", loops),
        "damage_point": np.ceil(column("damage_point", loops)),
        "delay_min": column("delay_min", loops),
        "delay_max": column("delay_max", loops),
        "damage": column("damage"),
        "bonus": np.stack([column(f"bonus.{name}") for name in ATTRIBUTES], axis=1),
        "hits": whole("hits"),
        "hit_delay": column("hit_delay", loops),
        "missile_speed": column("missile_speed", per_loop),
        "shield_delay": column("shield_delay", loops),
        "shield_rate": column("shield_rate", per_loop),
        "health_rate": column("health_rate", per_loop),
        "max_cooldown": column("max_cooldown"),
        "client_id": whole("client_id"),
    }
    widest = facts["separation"].max()
    facts["touch_range"] = facts["separation"] + widest
    return make_unit_types(facts)

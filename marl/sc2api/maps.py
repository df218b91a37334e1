"""The maps that the server knows, found by the content of a map file or by its name.

The file's content comes first: a dummy of ours (marl.sc2api.install) says which map it stands
for, and an official archive is known by its digest. Then counts the file's name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from marl.engine.combat.enemy_script import Wave, make_wave
from marl.engine.combat.spawn import Starts
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import SIDES, Scenario, load_scenario, scenario_names
from marl.engine.field import Field, make_field
from marl.engine.ground.paths import make_paths
from marl.engine.smacv2.generation import OPEN_SIZED, load_facts
from marl.sc2api.catalogue import AGENT_NAMES, NAMES, UnitIds, unit_types
from marl.sc2api.known_maps import SMAC_MAPS, SMACV2_MAPS, SMACV2_NEEDED

OPEN_MAP = "32x32_flat"  # SMAC v2's: empty until a client creates units
DUMMY = b"marl map "  # first bytes of our stand-ins for map files; the map's name follows
MOST_BYTES = 1 << 20  # of a map file that is read
SUFFIX = ".SC2Map"


@dataclass(frozen=True)
class Map:
    """A map: its ground, its script, and who stands on it at the start of a battle."""

    name: str
    scenario: Scenario  # unit_names: all of NAMES
    field: Field
    wave: Wave
    ids: UnitIds
    starts: Starts | None  # None: nobody; clients create the units


PUBLISHED = {digest: name for name, digest in SMAC_MAPS.items()}
PUBLISHED[SMACV2_MAPS[SMACV2_NEEDED]] = OPEN_MAP


def map_names() -> list[str]:
    """Every map by its file's name: SMAC's scenarios, and SMAC v2's one with its aliases."""
    return [*scenario_names(), OPEN_MAP, *(OPEN_SIZED + race for race in load_facts().races)]


@cache
def load_map(name: str) -> Map:
    """The map `name` of `map_names`."""
    is_open = name == OPEN_MAP or name.startswith(OPEN_SIZED)
    scenario = _open_scenario(name) if is_open else _with_all_types(load_scenario(name))
    at = tuple(group.at for group in scenario.groups)
    paths = make_paths(scenario.walkable, at)
    types = unit_types()
    field = make_field(types.table, scenario.walkable, Choices().record(), paths)
    agents = {group.unit for group in scenario.groups if group.side == SIDES[0]}
    return Map(
        name=name,
        scenario=scenario,
        field=field,
        wave=make_wave(scenario.enemy_order, scenario.attack_between),
        ids=UnitIds(AGENT_NAMES if is_open else agents),
        starts=None if is_open else Starts(scenario, types, field),
    )


def _with_all_types(scenario: Scenario) -> Scenario:
    """The scenario with type indices into NAMES, which sort as its own do."""
    return replace(scenario, unit_names=NAMES)


def _open_scenario(name: str) -> Scenario:
    """An empty open map whose enemies, once created, hunt the agents."""
    facts = load_facts()
    return Scenario(
        name=name,
        map_type="open",
        episode_limit=facts.episode_limit,
        races=dict.fromkeys(SIDES, "T"),
        walkable=facts.terrain.walkable,
        height=facts.terrain.height,
        counts=dict.fromkeys(SIDES, 0),
        unit_names=NAMES,
        type_columns=dict.fromkeys(SIDES, ()),
        enemy_order="hunt",
        attack_between=((0.0, 0.0), (0.0, 0.0)),
    )


def find_map(path: str, data: bytes, folder: Path) -> Map | None:
    """The map that a client means, or None. folder: where map files lie; path may be relative."""
    name = name_in(data or _read(path, folder)) or PurePosixPath(path.replace("\\", "/")).stem
    return load_map(name) if name in map_names() else None


def name_in(content: bytes) -> str | None:
    """The map that a map file says it is."""
    if content.startswith(DUMMY):
        return content[len(DUMMY) :].decode("utf-8", "replace").strip()
    return PUBLISHED.get(hashlib.sha256(content).hexdigest())


def _read(path: str, folder: Path) -> bytes:
    """The beginning of a map file; nothing where there is none."""
    if not path or "\0" in path:
        return b""
    file = folder / path
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES)
    except OSError:
        return b""

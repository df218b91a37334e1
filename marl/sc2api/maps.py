"""The server's maps, found by the content of a map file or by its name.

The content decides first: a stand-in of ours (marl.sc2api.install) names its map, and an official
archive is recognised by its digest. Else the file's name decides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from marl.engine.combat.enemy_script import EnemyScript, make_enemy_script
from marl.engine.combat.spawn import Spawner
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import SIDES, Scenario, load_scenario, scenario_names
from marl.engine.field import Field, make_field
from marl.engine.ground.paths import make_paths
from marl.engine.smacv2.generation import OPEN_SIZED, load_facts
from marl.sc2api.catalogue import AGENT_NAMES, NAMES, UnitIds, unit_types
from marl.sc2api.known_maps import SMAC_MAPS, SMACV2_MAPS, SMACV2_NEEDED

OPEN_MAP = "32x32_flat"  # SMAC v2's: empty until a client creates units
DUMMY = b"marl map "  # first bytes of our stand-ins for map files; the map's name follows
MAX_BYTES = 1 << 20  # of a map file that is read
SUFFIX = ".SC2Map"


@dataclass(frozen=True)
class Map:
    """A map: its ground, its enemy script, and its units at the start of a battle."""

    name: str
    scenario: Scenario  # unit_names: all of NAMES
    field: Field
    enemy_script: EnemyScript
    ids: UnitIds
    spawner: Spawner | None  # None: no units until clients create them


PUBLISHED = {digest: name for name, digest in SMAC_MAPS.items()}
PUBLISHED[SMACV2_MAPS[SMACV2_NEEDED]] = OPEN_MAP


def map_names() -> list[str]:
    """Names of all maps: SMAC's scenarios, and SMAC v2's map with its aliases."""
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
        enemy_script=make_enemy_script(scenario.enemy_order, scenario.attack_between),
        ids=UnitIds(AGENT_NAMES if is_open else agents),
        spawner=None if is_open else Spawner(scenario, types, field),
    )


def _with_all_types(scenario: Scenario) -> Scenario:
    """The scenario with type indices into NAMES, in the same order as its own."""
    return replace(scenario, unit_names=NAMES)


def _open_scenario(name: str) -> Scenario:
    """SMAC v2's open map, without units; enemies created on it hunt the agents."""
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
    """The map of a client's map file, or None. path: relative to `folder`, or absolute."""
    name = name_in(data or _read(path, folder)) or PurePosixPath(path.replace("\\", "/")).stem
    return load_map(name) if name in map_names() else None


def name_in(content: bytes) -> str | None:
    """The map's name by the content of a map file, or None."""
    if content.startswith(DUMMY):
        return content[len(DUMMY) :].decode("utf-8", "replace").strip()
    return PUBLISHED.get(hashlib.sha256(content).hexdigest())


def _read(path: str, folder: Path) -> bytes:
    """The first MAX_BYTES of a map file; b"" if there is none."""
    if not path or "\0" in path:
        return b""
    file = folder / path
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES)
    except OSError:
        return b""

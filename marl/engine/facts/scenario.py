"""Scenarios, read from maps/<name>.yaml and maps/terrains.yaml and checked. Not compiled.

Coordinates are grid units from the
south-west corner of the map, x to the east, y to the north.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.facts.yamlfile import YamlFile
from marl.engine.ground.geometry import BLOCKED, CLIFF, CROSSES_NOTHING, DIAGONAL, OPEN, open_half
from marl.errors import EnvError, nearest, nearest_or_all

MAPS = (Path(__file__).resolve().parents[2] / "data/maps").resolve()  # maps/ in a checkout
NOT_SCENARIOS = ("units", "terrains", "smacv2")
SIDES = ("ally", "enemy")
RACES = ("T", "P", "Z")
# Cells of maps/terrains.yaml: blocked, open, inner cell of a diagonal cliff, and cliffs, which only
# cliff walkers cross.
CELLS = {"#": BLOCKED, ".": OPEN, "+": DIAGONAL, "^": CLIFF}
FLOOR = 8.0  # height of level 1, on which all but the ravine's plateau lies

Point = tuple[float, float]


@dataclass(frozen=True)
class Group:
    """Units of one type, created together at one point."""

    side: str  # one of SIDES
    unit: str  # a name in maps/units.yaml
    count: int
    at: Point


@dataclass(frozen=True)
class Deployment:
    """The units of one drawn battle and their capabilities; A agents first, then M enemies.

    Units that would overlap are moved to the nearest free ground.
    """

    kinds: NDArray[np.int64]  # [N] index of Scenario.unit_names, in the order of creation
    x: NDArray[np.float64]  # [N]
    y: NDArray[np.float64]
    attack_probability: NDArray[np.float64]  # [A] of an attack order to be given
    health_level: NDArray[np.float64]  # [A] fraction of its health at which an agent dies
    enemy_mask: NDArray[np.uint8]  # [A,M] 1: the agent does not observe the enemy's health and type


@dataclass(frozen=True)
class Scenario:
    """A map and its units."""

    name: str
    map_type: str  # the client's name for the mix of units: marines, MMM ...
    episode_limit: int  # environment steps
    races: dict[str, str]  # by side; race P has a shield column
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x] from the south: marl.engine.ground.geometry
    height: NDArray[np.float64]  # [H,W] of the ground, grid units
    counts: dict[str, int]  # by side: units
    unit_names: tuple[str, ...]  # the types that may occur, alphabetically: the type index
    type_columns: dict[str, tuple[str, ...]]  # by side: unit type of each one-hot column
    enemy_order: str  # one of marl.engine.combat.enemy_script.ENEMY_SCRIPTS
    attack_between: tuple[Point, Point]  # an attack-move goes to a point between these
    groups: tuple[Group, ...] = ()  # in the order of creation; none where battles are drawn
    deploy: Callable[[int], Deployment] | None = None  # draws a battle's units from its seed

    def count(self, side: str) -> int:
        """Units of one side."""
        return self.counts[side]


def scenario_names(maps: Path = MAPS) -> list[str]:
    """The names of all scenarios in the maps folder."""
    return sorted(p.stem for p in maps.glob("*.yaml") if p.stem not in NOT_SCENARIOS)


def load_scenario(name: str, maps: Path = MAPS) -> Scenario:
    """The scenario `name`; refuses an unknown name and any field that does not fit."""
    known = scenario_names(maps)
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near!r}? There are" if near else "there are"
        raise EnvError(f"map {name!r} is not in {maps}; {hint}: {', '.join(known)}")
    file = YamlFile.read(maps / f"{name}.yaml")
    allowed = ["source", "map_type", "episode_limit", "races", "terrain", "groups", "type_columns"]
    file.keys(file.content, "", [*allowed, "enemy_order"])
    file.string(file.content["source"], "source")
    groups = _groups(file)
    _check_units(file, groups, maps)
    terrain = load_terrain(file.string(file.content["terrain"], "terrain"), maps)
    order, segment = _enemy_order(file)
    scenario = Scenario(
        name=name,
        map_type=file.string(file.content["map_type"], "map_type"),
        episode_limit=file.whole(file.content["episode_limit"], "episode_limit", low=1),
        races=_races(file),
        walkable=terrain.walkable,
        height=terrain.height,
        counts={side: sum(g.count for g in groups if g.side == side) for side in SIDES},
        unit_names=tuple(sorted({group.unit for group in groups})),
        type_columns=_type_columns(file, groups),
        enemy_order=order,
        attack_between=segment,
        groups=groups,
    )
    _check_ground(file, scenario)
    return scenario


class Terrain(NamedTuple):
    """The ground of a map."""

    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x] from the south: marl.engine.ground.geometry
    height: NDArray[np.float64]  # [H,W] grid units


def load_terrain(name: str, maps: Path = MAPS) -> Terrain:
    """The terrain `name` of maps/terrains.yaml."""
    file = YamlFile.read(maps / "terrains.yaml")
    file.keys(file.content, "", ["source", "terrains"])
    terrains = file.mapping(file.content["terrains"], "terrains")
    if name not in terrains:
        file.refuse(f"terrains.{name}", f"is missing; the file has {', '.join(terrains)}")
    field = f"terrains.{name}"
    entry = file.mapping(terrains[name], field)
    file.keys(entry, field, ["rows", "heights"])
    rows = _rows(file, entry["rows"], f"{field}.rows", CELLS)
    walkable = _cut_diagonals(file, np.array(rows, dtype=np.uint8), f"{field}.rows")
    height = np.where(walkable == 0, 0.0, FLOOR)
    if entry["heights"] is not None:
        digits = {character: int(character, 16) for character in "0123456789abcdef"}
        heights = _rows(file, entry["heights"], f"{field}.heights", digits)
        height = np.array(heights, dtype=np.float64)
        if height.shape != walkable.shape:
            file.refuse(f"{field}.heights", "must be a grid of the same size as rows")
    return Terrain(walkable, height)


def _rows(file: YamlFile, value: object, field: str, cells: Mapping[str, int]) -> list[list[int]]:
    """A grid of numbers [H][W] from the south; the file's rows run from north to south."""
    rows = [file.string(row, field) for row in file.items(value, field)]
    if not rows or len({len(row) for row in rows}) != 1:
        file.refuse(field, "rows must all be of one length")
    unknown = set("".join(rows)) - set(cells)
    if unknown:
        file.refuse(field, f"has {sorted(unknown)}; cells are {list(cells)}")
    return [[cells[cell] for cell in row] for row in reversed(rows)]


def _cut_diagonals(file: YamlFile, cells: NDArray[np.uint8], field: str) -> NDArray[np.uint8]:
    """The grid with each 2 x 2 block of a diagonal cliff cut along the block's diagonal.

    The inner cell of the block, '+', is then open, the two blocked ones beside it are halved.
    """
    walkable = cells.copy()
    for y, x in np.argwhere(cells == DIAGONAL).tolist():
        east, north = open_half(cells, x, y, CROSSES_NOTHING)
        beside = {(y, x - east), (y - north, x)}
        if east == 0 or north == 0 or any(cells[at] != BLOCKED for at in beside):
            file.refuse(
                field, f"the '+' at ({x}, {y}) is not in the corner of a blocked 2 x 2 block"
            )
        walkable[y, x] = OPEN
        for at in beside:
            walkable[at] = DIAGONAL
    return walkable


def _races(file: YamlFile) -> dict[str, str]:
    races = file.mapping(file.content["races"], "races")
    file.keys(races, "races", SIDES)
    return {side: file.choice(races[side], f"races.{side}", RACES) for side in SIDES}


def _groups(file: YamlFile) -> tuple[Group, ...]:
    groups = []
    for index, item in enumerate(file.items(file.content["groups"], "groups")):
        field = f"groups[{index}]"
        entry = file.mapping(item, field)
        file.keys(entry, field, ["side", "unit", "count", "at"])
        groups.append(
            Group(
                side=file.choice(entry["side"], f"{field}.side", SIDES),
                unit=file.string(entry["unit"], f"{field}.unit"),
                count=file.whole(entry["count"], f"{field}.count", low=1),
                at=file.point(entry["at"], f"{field}.at"),
            )
        )
    for side in SIDES:
        if not any(group.side == side for group in groups):
            file.refuse("groups", f"has no group of side {side!r}")
    return tuple(groups)


def _type_columns(file: YamlFile, groups: tuple[Group, ...]) -> dict[str, tuple[str, ...]]:
    field = "type_columns"
    entry = file.mapping(file.content[field], field)
    file.keys(entry, field, SIDES)
    columns = {}
    for side in SIDES:
        names = file.items(entry[side], f"{field}.{side}")
        columns[side] = tuple(file.string(name, f"{field}.{side}") for name in names)
    if len(columns["ally"]) != len(columns["enemy"]):
        file.refuse(field, "must have as many columns for allies as for enemies")
    for group in groups:
        if columns[group.side] and group.unit not in columns[group.side]:
            file.refuse(f"{field}.{group.side}", f"has no column for {group.unit}")
    return columns


def _enemy_order(file: YamlFile) -> tuple[str, tuple[Point, Point]]:
    """The kind of order, and the ends of the segment that an attack-move goes to."""
    nowhere = ((0.0, 0.0), (0.0, 0.0))
    if file.content["enemy_order"] in ("none", "attack_group"):
        return str(file.content["enemy_order"]), nowhere
    entry = file.mapping(file.content["enemy_order"], "enemy_order")
    if list(entry) == ["attack_move"]:
        point = file.point(entry["attack_move"], "enemy_order.attack_move")
        return "attack_move", (point, point)
    field = "enemy_order.attack_move_between"
    file.keys(entry, "enemy_order", ["attack_move_between"])
    ends = file.items(entry["attack_move_between"], field)
    if len(ends) != 2:
        file.refuse(field, "must be two points")
    return "attack_move", (file.point(ends[0], field), file.point(ends[1], field))


def _check_units(file: YamlFile, groups: tuple[Group, ...], maps: Path) -> None:
    """Refuse a group whose unit is missing in units.yaml. `load_unit_types` checks the facts."""
    units = YamlFile.read(maps / "units.yaml")
    units.keys(units.content, "", ["units"])
    known = units.mapping(units.content["units"], "units")
    for index, group in enumerate(groups):
        if group.unit not in known:
            hint = nearest_or_all(group.unit, known)
            file.refuse(f"groups[{index}].unit", f"{group.unit!r} is not in {units.path}; {hint}")


def _check_ground(file: YamlFile, scenario: Scenario) -> None:
    points = [(f"groups[{i}].at", group.at) for i, group in enumerate(scenario.groups)]
    if scenario.enemy_order == "attack_move":
        points += [("enemy_order", point) for point in scenario.attack_between]
    for field, (x, y) in points:
        if not is_walkable(scenario.walkable, x, y):
            file.refuse(field, f"({x:g}, {y:g}) is not on walkable ground")


def is_walkable(walkable: NDArray[np.uint8], x: float, y: float) -> bool:
    """Whether a point lies on the map, on a cell that is not blocked."""
    height, width = walkable.shape
    return 0 <= x < width and 0 <= y < height and int(walkable[int(y), int(x)]) in (1, 2)

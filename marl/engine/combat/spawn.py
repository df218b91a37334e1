"""Start positions of the units.

The game creates the N units of a group at one point and moves each to the nearest free place; the
lattice that results is not documented. Ours (docs/fidelity.md): a square lattice centred on the
point, its side ceil(sqrt N), neighbours just out of contact, the enemy's turned by half a circle.
Places drawn for a battle of SMACv2 may overlap; for them and near walls `find_free_places` takes
the nearest free ground on the same side of a wall.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled
from marl.engine.facts.scenario import SIDES, Deployment, Point, Scenario
from marl.engine.field import Field
from marl.engine.ground.geometry import OPEN, is_clear, is_free_of_walls
from marl.engine.walking.collision import separation_distance
from marl.engine.world import BODIES, Unit, Units, UnitTypes, World, empty_units
from marl.errors import EnvError

GAP = 0.05  # between neighbours of the lattice, grid units
FACING = (0.0, -1.0)  # the game's default: south, towards the viewer; turning takes 3 loops
RING = 0.25  # distance of the rings of candidate places, and of the places on a ring
FARTHEST = 16.0  # radius of the last ring

Place = tuple[int, float, float]  # type index, x, y


class Spawner:
    """Places the units of a scenario's battles at their start."""

    def __init__(self, scenario: Scenario, types: UnitTypes, field: Field) -> None:
        self.scenario, self.types, self.field = scenario, types, field
        self.n_agents = scenario.count("ally")
        self.n_units = self.n_agents + scenario.count("enemy")
        # The same in every battle, unless the start positions depend on the seed.
        self.fixed = None if scenario.deploy else fixed_units(scenario, types, field)

    def spawn(
        self, world: World, seeds: NDArray[np.uint64], rows: NDArray[np.int64]
    ) -> list[Deployment]:
        """Place the units of battle rows[i] as seeds[i] says; the other battles stay as they are.

        Gives what was drawn for each battle, nothing if all battles start alike.
        """
        if self.scenario.deploy is None:
            assert self.fixed is not None
            world.units[rows] = self.fixed
            return []
        drawn = [self.scenario.deploy(int(seed)) for seed in seeds]
        for e, deployment in zip(rows, drawn, strict=True):
            world.units[e] = self.deployed_units(deployment)
        return drawn

    def deployed_units(self, deployment: Deployment) -> Units:
        """The units [N] of a drawn battle, agents sorted by (type, x, y)."""
        places = zip(deployment.kinds, deployment.x, deployment.y, strict=True)
        units = place_units(self.field, self.types, list(places), self.n_agents)
        return sort_agents(units, self.n_agents)


def fixed_units(scenario: Scenario, types: UnitTypes, field: Field) -> Units:
    """The units [N] at the start of a battle that always starts alike: whole, idle, ready.

    Agents sorted by (type, x, y), then the enemies in order of creation.
    Source of the orders: oxwhirl/smac @d6aab33, starcraft2.py init_units.
    """
    clustered = bool(field.choices["spawn_cluster"][0])
    places = [place for side in SIDES for place in _places(scenario, types, side, clustered)]
    room = np.count_nonzero(scenario.walkable == OPEN)
    needed = sum((2 * types.separation[kind]) ** 2 for kind, _, _ in places)
    if needed > room:
        raise EnvError(
            f"map {scenario.name}: its units need {needed:.0f} cells of ground, and it has {room} "
            "walkable ones; lower a count"
        )
    n_agents = scenario.count("ally")
    units = place_units(field, types, places, n_agents)
    return sort_agents(units, n_agents)


def place_units(
    field: Field,
    types: UnitTypes,
    places: Sequence[Place],
    n_agents: int,
    standing: Units | None = None,
) -> Units:
    """Units [N] at (type, x, y), or at the nearest free places beside the `standing` ones."""
    units = empty_units(1, len(places))[0]
    units["kind"], units["x"], units["y"] = zip(*places, strict=True)
    units["side"][n_agents:] = 1
    units["facing_x"], units["facing_y"] = FACING
    units["health"] = types.health[units["kind"]]
    units["shield"] = types.shield[units["kind"]]
    units["energy"] = types.energy[units["kind"]]
    everybody = units if standing is None else np.concatenate([standing, units])
    first = everybody.size - units.size
    unplaced = find_free_places(field, everybody, first)
    if unplaced >= 0:
        x, y = everybody["x"][unplaced], everybody["y"][unplaced]
        raise EnvError(f"no room for a unit within {FARTHEST:g} of ({x:.2f}, {y:.2f})")
    return everybody[first:]


def sort_agents(units: Units, n_agents: int) -> Units:
    """The units in the order of `agent_order`, nothing having acted yet."""
    ordered = units[agent_order(units, n_agents)]
    ordered["sequence"] = np.arange(units.size)
    return ordered


def agent_order(units: Units, n_agents: int) -> NDArray[np.int64]:
    """Indices [N]: the agents by (type, x, y), as the client lists them, then the enemies."""
    agents = units[:n_agents]
    order = np.lexsort((agents["y"], agents["x"], agents["kind"]))
    return np.concatenate([order, np.arange(n_agents, units.size)])


@compiled
def find_free_places(field: Field, units: Units, first: int) -> int:
    """Move each unit from `first` on to the nearest place free of walls and of units before it.

    Gives the first unit for which there is no place within FARTHEST, or -1.
    """
    for i in range(first, units.size):
        if not _find_free_place(field, units, i):
            return i
    return -1


@compiled
def _find_free_place(field: Field, units: Units, i: int) -> bool:
    """Move unit i to the first free place on rings around its own; False if there is none."""
    unit = units[i]
    at_x, at_y = unit.x, unit.y
    radius = 0.0
    while radius <= FARTHEST:
        points = max(int(2.0 * math.pi * radius / RING), 1)
        for k in range(points):
            angle = 2.0 * math.pi * k / points
            unit.x = at_x + radius * math.cos(angle)
            unit.y = at_y + radius * math.sin(angle)
            if _is_free(field, units, i) and _is_reachable(field, unit, at_x, at_y):
                return True
        radius += RING
    unit.x, unit.y = at_x, at_y
    return False


@compiled
def _is_reachable(field: Field, unit: Unit, x: float, y: float) -> bool:
    """Whether no wall lies between the unit and (x, y), or (x, y) is itself in a wall."""
    crosses = field.table[unit.kind].crosses
    if not is_free_of_walls(field.walkable, x, y, 0.0, crosses):
        return True
    return is_clear(field.walkable, x, y, unit.x, unit.y, 0.0, crosses)


@compiled
def _is_free(field: Field, units: Units, i: int) -> bool:
    """Whether unit i touches no wall and none of the units before it."""
    unit = units[i]
    kind = field.table[unit.kind]
    if not is_free_of_walls(field.walkable, unit.x, unit.y, kind.separation, kind.crosses):
        return False
    for j in range(i):
        other = units[j]
        gap_x, gap_y = other.x - unit.x, other.y - unit.y
        contact = separation_distance(field, unit, other)
        if gap_x * gap_x + gap_y * gap_y < contact * contact:
            return False
    return True


def _places(scenario: Scenario, types: UnitTypes, side: str, clustered: bool) -> list[Place]:
    """The places of one side's units in order of creation.

    The units created at one point share a lattice, one for each body (ground, flying ...).
    clustered: all stand on the point.
    """
    kinds_at: dict[tuple[Point, int], list[int]] = {}
    created = []
    for group in scenario.groups:
        if group.side == side:
            kind = scenario.unit_names.index(group.unit)
            body = int(types.body[kind])
            body = 1 if body == 1 << BODIES.index("Structure") else body
            kinds = kinds_at.setdefault((group.at, body), [])
            for _ in range(group.count):
                created.append(((group.at, body), len(kinds)))
                kinds.append(kind)
    sign = 1.0 if side == SIDES[0] else -1.0
    if clustered:
        return [(kinds_at[at][rank], *at[0]) for at, rank in created]
    lattices = {
        at: lattice(len(kinds), 2 * max(types.separation[kinds]) + GAP)
        for at, kinds in kinds_at.items()
    }
    places = []
    for at, rank in created:
        (x, y), (dx, dy) = at[0], lattices[at][rank]
        places.append((kinds_at[at][rank], x + sign * dx, y + sign * dy))
    return places


def lattice(count: int, spacing: float) -> list[Point]:
    """Offsets [count] from the centre, column by column; a short last column is centred."""
    side = math.ceil(math.sqrt(count))
    columns = math.ceil(count / side)
    places = []
    for rank in range(count):
        column, row = divmod(rank, side)
        rows = min(side, count - column * side)
        places.append(((column - (columns - 1) / 2) * spacing, (row - (rows - 1) / 2) * spacing))
    return places

"""Where the units stand when a battle begins.

The game creates the N units of a point at that one point and moves each to the nearest free place;
the lattice that results is not documented. Ours (docs/fidelity.md): a square lattice centred on the
point, its side ceil(sqrt N), neighbours just out of contact, the enemy's turned by half a circle.
Drawn battles (SMACv2) ask for places that may overlap; there and near walls `settle` finds the
nearest free ground, not beyond a wall.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from marl.engine.compiled.jit import compiled
from marl.engine.facts.scenario import SIDES, Deployment, Point, Scenario
from marl.engine.field import Field
from marl.engine.ground.geometry import OPEN, is_clear, is_free_of_walls
from marl.engine.walking.collision import separation_distance
from marl.engine.world import BODIES, Unit, Units, UnitTypes, World, empty_units
from marl.errors import EnvError

GAP = 0.05  # between neighbours of the lattice, grid units
FACING = (0.0, -1.0)  # the game's default: south, towards the viewer; turning takes 3 loops
RING = 0.25  # between the rings on which a free place is looked for, and their points
FARTHEST = 16.0  # ring that is still tried


class Starts:
    """Puts battles of one scenario at their beginning."""

    def __init__(self, scenario: Scenario, types: UnitTypes, field: Field) -> None:
        self.scenario, self.types, self.field = scenario, types, field
        self.n_agents = scenario.count("ally")
        self.n_units = self.n_agents + scenario.count("enemy")
        self.fixed = None if scenario.deploy else fixed_start(scenario, types, field)

    def place(self, world: World, seeds: NDArray[np.uint64]) -> list[Deployment]:
        """Put battle e at the beginning that seeds[e] gives; the units of the others are dead.

        Gives what was drawn for each, nothing for battles that always begin alike.
        """
        world.health[len(seeds) :] = 0.0
        if self.scenario.deploy is None:
            assert self.fixed is not None
            world.units[: len(seeds)] = self.fixed
            return []
        drawn = [self.scenario.deploy(int(seed)) for seed in seeds]
        for e, deployment in enumerate(drawn):
            world.units[e] = self.deployed(deployment)
        return drawn

    def deployed(self, deployment: Deployment) -> Units:
        """The units [N] of a drawn battle, agents sorted by (type, x, y)."""
        places = zip(deployment.kinds, deployment.x, deployment.y, strict=True)
        units = settled(self.field, self.types, list(places), self.n_agents)
        return _sort_agents(units, self.n_agents)


def fixed_start(scenario: Scenario, types: UnitTypes, field: Field) -> Units:
    """The units [N] of a battle that always begins alike: whole, idle, weapons ready.

    Agents sorted by (type, x, y), then the enemies in order of creation.
    Source of the orders: oxwhirl/smac @d6aab33, starcraft2.py init_units.
    """
    clustered = bool(field.choices["spawn_cluster"][0])
    units = [place for side in SIDES for place in _places(scenario, types, side, clustered)]
    room = np.count_nonzero(scenario.walkable == OPEN)
    needed = sum((2 * types.separation[kind]) ** 2 for kind, _, _ in units)
    if needed > room:
        raise EnvError(
            f"map {scenario.name}: its units need {needed:.0f} cells of ground, and it has {room} "
            "walkable ones; lower a count"
        )
    n_agents = scenario.count("ally")
    return _sort_agents(settled(field, types, units, n_agents), n_agents)


def settled(
    field: Field, types: UnitTypes, places: list[tuple[int, float, float]], n_agents: int
) -> Units:
    """Units [N] at (type, x, y), or as near to it as there is room."""
    units = empty_units(1, len(places))[0]
    units["kind"], units["x"], units["y"] = zip(*places, strict=True)
    units["side"][n_agents:] = 1
    units["facing_x"], units["facing_y"] = FACING
    units["health"] = types.health[units["kind"]]
    units["shield"] = types.shield[units["kind"]]
    units["energy"] = types.energy[units["kind"]]
    homeless = settle(field, units)
    if homeless >= 0:
        x, y = units["x"][homeless], units["y"][homeless]
        raise EnvError(f"no room for a unit within {FARTHEST:g} of ({x:.2f}, {y:.2f})")
    return units


@compiled
def settle(field: Field, units: Units) -> int:
    """Move each unit, in order, to the nearest place free of walls and of the units before it.

    Gives the first unit for which there is none, or -1.
    """
    for i in range(units.size):
        if not _find_place(field, units, i):
            return i
    return -1


@compiled
def _find_place(field: Field, units: Units, i: int) -> bool:
    """Look for a place on rings around where unit i stands."""
    unit = units[i]
    at_x, at_y = unit.x, unit.y
    radius = 0.0
    while radius <= FARTHEST:
        points = max(int(2.0 * math.pi * radius / RING), 1)
        for k in range(points):
            angle = 2.0 * math.pi * k / points
            unit.x = at_x + radius * math.cos(angle)
            unit.y = at_y + radius * math.sin(angle)
            if _is_free(field, units, i) and _is_near(field, unit, at_x, at_y):
                return True
        radius += RING
    unit.x, unit.y = at_x, at_y
    return False


@compiled
def _is_near(field: Field, unit: Unit, x: float, y: float) -> bool:
    """Whether no wall lies between the unit and (x, y), where it was asked for on open ground."""
    crosses = field.table[unit.kind].crosses
    if not is_free_of_walls(field.walkable, x, y, 0.0, crosses):
        return True
    return is_clear(field.walkable, x, y, unit.x, unit.y, 0.0, crosses)


@compiled
def _is_free(field: Field, units: Units, i: int) -> bool:
    """Whether unit i may stand where it is, next to the units before it."""
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


def _sort_agents(units: Units, n_agents: int) -> Units:
    """The agents by (type, x, y), as the client lists them."""
    agents = units[:n_agents]
    order = np.lexsort((agents["y"], agents["x"], agents["kind"]))
    units[:n_agents] = agents[order]
    units["sequence"] = np.arange(units.size)
    return units


def _places(
    scenario: Scenario, types: UnitTypes, side: str, clustered: bool
) -> list[tuple[int, float, float]]:
    """(type, x, y) of one side's units in order of creation.

    The units of a point share a lattice, those that fly or pass over others one of their own;
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
    turn = 1.0 if side == SIDES[0] else -1.0
    if clustered:
        return [(kinds_at[at][rank], *at[0]) for at, rank in created]
    lattices = {
        at: lattice(len(kinds), 2 * max(types.separation[kinds]) + GAP)
        for at, kinds in kinds_at.items()
    }
    units = []
    for at, rank in created:
        (x, y), (dx, dy) = at[0], lattices[at][rank]
        units.append((kinds_at[at][rank], x + turn * dx, y + turn * dy))
    return units


def lattice(count: int, spacing: float) -> list[Point]:
    """Offsets of `count` places around (0, 0), column by column; a short last column is centred."""
    side = math.ceil(math.sqrt(count))
    columns = math.ceil(count / side)
    places = []
    for rank in range(count):
        column, row = divmod(rank, side)
        rows = min(side, count - column * side)
        places.append(((column - (columns - 1) / 2) * spacing, (row - (rows - 1) / 2) * spacing))
    return places

"""Shortest paths round walls: tables with the first waypoint from each cell to each cell.

The game's path-finder is not public; ours takes the shortest path. Where a straight line comes
closer to a wall than CLEARANCE, the path goes through waypoints, points just off the corners of the
walls. The tables are computed once for a terrain; a walking unit reads two numbers of them.
Terrains without corners inside (strip, open, octagons, pentagon) have no tables.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined
from marl.engine.ground.geometry import (
    BLOCKED,
    CLIFF,
    CROSSES_CLIFFS,
    CROSSES_NOTHING,
    CROSSES_WALLS,
    Cells,
    is_clear,
    is_free_of_walls,
)
from marl.engine.world import Floats, Unit

Numbers = NDArray[np.int16]
Point = tuple[float, float]

CLEARANCE = 0.5625  # inner radius of the widest unit
WAYPOINT_DISTANCE = 1.12 * CLEARANCE  # of a waypoint from its corner: allows bends of 53 degrees
SHALLOW = 0.05  # with this clearance units still slide round a corner, without a waypoint
AT_WAYPOINT = 0.25  # a unit this near to a waypoint heads for the next one
PAST_WAYPOINT = 1.0  # or this near, and nearer to the next one than the waypoint is

# Points of a cell where a place with CLEARANCE is looked for, from the middle outwards.
_SHARES = (0.5, 0.4375, 0.5625, 0.3, 0.7, 0.15, 0.85, 0.0625, 0.9375, 0.01, 0.99)
SPOTS = sorted(product(_SHARES, _SHARES), key=lambda s: (s[0] - 0.5) ** 2 + (s[1] - 0.5) ** 2)

DIRECT = -1  # entry of Paths.first: straight to the goal


class Paths(NamedTuple):
    """First waypoints. L layers: ground units, then cliff walkers; 0 if no terrain needs them.

    C reachable cells, K waypoints.
    """

    cell: NDArray[np.int16]  # [L,H,W] number of the cell, or of the nearest reachable one
    first: NDArray[np.int16]  # [L,C+K,C] first waypoint from a cell (or waypoint) to a cell
    waypoints: Floats  # [L,K,2] x, y


NO_PATHS = Paths(
    np.zeros((0, 1, 1), dtype=np.int16),
    np.zeros((0, 1, 1), dtype=np.int16),
    np.zeros((0, 1, 2), dtype=np.float64),
)


@inlined
def next_stop(
    paths: Paths, unit: Unit, crosses: int, goal_x: float, goal_y: float
) -> tuple[float, float, bool]:
    """The point (x, y) that the unit heads for on its way to the goal; whether it is the goal."""
    if paths.cell.shape[0] == 0 or crosses == CROSSES_WALLS:
        return goal_x, goal_y, True
    layer = min(crosses, paths.cell.shape[0] - 1)
    return _next_waypoint(
        paths.cell[layer], paths.first[layer], paths.waypoints[layer], unit, goal_x, goal_y
    )


@compiled
def _next_waypoint(
    cell: Numbers, first: Numbers, waypoints: Floats, unit: Unit, goal_x: float, goal_y: float
) -> tuple[float, float, bool]:
    """`next_stop` in one layer of the paths; stores the waypoint in the unit."""
    goal = _cell_at(cell, goal_x, goal_y)
    waypoint = int(first[_cell_at(cell, unit.x, unit.y), goal])
    if waypoint != unit.waypoint and _stays(first, waypoints, unit, waypoint, goal, goal_x, goal_y):
        waypoint = unit.waypoint
    while waypoint != DIRECT and _is_past(first, waypoints, unit, waypoint, goal, goal_x, goal_y):
        waypoint = int(first[first.shape[1] + waypoint, goal])
    unit.waypoint = waypoint
    x, y = _place(waypoints, waypoint, goal_x, goal_y)
    return x, y, waypoint == DIRECT


@compiled
def _stays(
    first: Numbers,
    waypoints: Floats,
    unit: Unit,
    waypoint: int,
    goal: int,
    goal_x: float,
    goal_y: float,
) -> bool:
    """Whether a unit keeps its waypoint though the table gives another one for its cell.

    The table holds for one place in each cell. Between two cells with different waypoints a unit
    would go back and forth; so it keeps the one that it is approaching, if the two are consecutive.
    """
    x, y = _place(waypoints, unit.waypoint, goal_x, goal_y)
    is_nearing = (x - unit.x) * unit.velocity_x + (y - unit.y) * unit.velocity_y > 0.0
    cells = first.shape[1]
    is_before = unit.waypoint != DIRECT and first[cells + unit.waypoint, goal] == waypoint
    is_after = waypoint != DIRECT and first[cells + waypoint, goal] == unit.waypoint
    return is_nearing and (is_before or is_after)


@compiled
def _is_past(
    first: Numbers,
    waypoints: Floats,
    unit: Unit,
    waypoint: int,
    goal: int,
    goal_x: float,
    goal_y: float,
) -> bool:
    """Whether the unit is at the waypoint or past it, and so heads for the next one."""
    x, y = waypoints[waypoint, 0], waypoints[waypoint, 1]
    gap = (x - unit.x) ** 2 + (y - unit.y) ** 2
    if gap <= AT_WAYPOINT**2:
        return True
    to_x, to_y = _place(waypoints, int(first[first.shape[1] + waypoint, goal]), goal_x, goal_y)
    left = (to_x - unit.x) ** 2 + (to_y - unit.y) ** 2
    return gap < PAST_WAYPOINT**2 and left < (to_x - x) ** 2 + (to_y - y) ** 2


@inlined
def _place(waypoints: Floats, waypoint: int, goal_x: float, goal_y: float) -> tuple[float, float]:
    """The place of a waypoint; of DIRECT, the goal."""
    if waypoint == DIRECT:
        return goal_x, goal_y
    return waypoints[waypoint, 0], waypoints[waypoint, 1]


@inlined
def _cell_at(cell: Numbers, x: float, y: float) -> int:
    """The number of the cell at (x, y), or of the nearest reachable one."""
    height, width = cell.shape
    return int(cell[min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)])


def make_paths(walkable: Cells, starts: tuple[Point, ...] = ()) -> Paths:
    """The paths between all cells that can be reached from `starts`; () = all cells."""
    return _make_paths(walkable.tobytes(), walkable.shape, starts)


@cache
def _make_paths(cells: bytes, shape: tuple[int, int], starts: tuple[Point, ...]) -> Paths:
    walkable = np.frombuffer(cells, dtype=np.uint8).reshape(shape).copy()
    kinds = (CROSSES_NOTHING, CROSSES_CLIFFS) if CLIFF in walkable else (CROSSES_NOTHING,)
    layers = [_Layer(walkable, crosses, starts) for crosses in kinds]
    if all(layer.is_convex for layer in layers):
        return NO_PATHS
    n_cells = max(len(layer.places) for layer in layers)
    n_waypoints = max(len(layer.waypoints) for layer in layers)
    paths = Paths(
        np.zeros((len(layers), *shape), dtype=np.int16),
        np.full((len(layers), n_cells + n_waypoints, n_cells), DIRECT, dtype=np.int16),
        np.zeros((len(layers), n_waypoints, 2)),
    )
    for n, layer in enumerate(layers):
        rows, columns = len(layer.places), len(layer.waypoints)
        paths.cell[n] = layer.cell
        paths.waypoints[n, :columns] = layer.waypoints
        paths.first[n, :rows, :rows] = layer.first[:rows]
        paths.first[n, n_cells : n_cells + columns, :rows] = layer.first[rows:]
    return paths


class _Layer:
    """The tables of one layer while they are computed."""

    def __init__(self, walkable: Cells, crosses: int, starts: tuple[Point, ...]) -> None:
        self.walkable, self.crosses = walkable, crosses
        self.cell = np.full(walkable.shape, -1, dtype=np.int16)
        self.places = self._reachable(starts)  # [C,2] one for each cell, free by CLEARANCE
        self._number_others()
        corners = self._corners()
        shallow = len(corners) == 0 or _views(walkable, crosses, self.places, None, SHALLOW).all()
        self.is_convex = bool(shallow)
        self.waypoints = np.zeros((0, 2))  # [K,2]
        self.first = np.full((len(self.places),) * 2, DIRECT, dtype=np.int16)  # [C+K,C]
        if not self.is_convex:
            self._find_ways(self._candidates(corners))

    def _reachable(self, starts: tuple[Point, ...]) -> Floats:
        """A place in each reachable cell, [C,2]; numbers these cells."""
        height, width = self.walkable.shape
        free = {
            (row, column): place
            for row in range(height)
            for column in range(width)
            if self.walkable[row, column] != BLOCKED and (place := self._place_in(column, row))
        }
        reached = list(free)
        if starts:
            near = [min(free, key=lambda at: _squared(free[at], start)) for start in starts]
            reached = list(dict.fromkeys(near))
            for row, column in reached:  # grows during the loop
                beside = (
                    (row + 1, column),
                    (row - 1, column),
                    (row, column + 1),
                    (row, column - 1),
                )
                for at in beside:
                    if at in free and self.cell[at] == -1 and at not in set(reached):
                        ends = np.array([free[row, column]]), np.array([free[at]])
                        if _views(self.walkable, self.crosses, *ends, CLEARANCE)[0, 0]:
                            reached.append(at)
        for number, at in enumerate(reached):
            self.cell[at] = number
        return np.array([free[at] for at in reached])

    def _place_in(self, column: int, row: int) -> Point | None:
        """The free place nearest to a cell's middle, or None."""
        for dx, dy in SPOTS:
            x, y = column + dx, row + dy
            if is_free_of_walls(self.walkable, x, y, CLEARANCE, self.crosses):
                return x, y
        return None

    def _number_others(self) -> None:
        """Give each other cell the number of the nearest reachable one."""
        for row, column in zip(*np.nonzero(self.cell < 0), strict=True):
            gaps = ((self.places - (column + 0.5, row + 0.5)) ** 2).sum(axis=1)
            self.cell[row, column] = -2 - int(gaps.argmin())  # negative: not reachable itself
        self.cell[:] = np.where(self.cell < -1, -2 - self.cell, self.cell)

    def _corners(self) -> list[tuple[int, int]]:
        """The convex corners of walls."""
        height, width = self.walkable.shape
        return [
            (x, y)
            for y in range(1, height)
            for x in range(1, width)
            if len(np.unique(self.walkable[y - 1 : y + 1, x - 1 : x + 1])) > 1
            if _sticks_out(self.walkable, self.crosses, x, y)
        ]

    def _candidates(self, corners: list[tuple[int, int]]) -> Floats:
        """Free points around each corner, [K,2], that some reachable cell sees."""
        angles = np.radians(45) * np.arange(8)
        ring = WAYPOINT_DISTANCE * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = [
            (x + dx, y + dy)
            for x, y in corners
            for dx, dy in ring
            if is_free_of_walls(self.walkable, x + dx, y + dy, CLEARANCE, self.crosses)
        ]
        waypoints = np.array(points).reshape(-1, 2)
        reached = _views(self.walkable, self.crosses, waypoints, self.places, CLEARANCE).any(axis=1)
        return waypoints[reached]

    def _find_ways(self, waypoints: Floats) -> None:
        """Fill `first` with shortest paths (Floyd-Warshall); drop the waypoints that none uses."""
        places = self.places
        sees = _views(self.walkable, self.crosses, places, None, CLEARANCE)  # [C,C]
        known = _views(self.walkable, self.crosses, waypoints, None, CLEARANCE)  # [K,K]
        between = np.where(known, _distances(waypoints, waypoints), np.inf)  # [K,K]
        for middle in range(len(waypoints)):
            between = np.minimum(between, between[:, middle, None] + between[middle])
        seen = _views(self.walkable, self.crosses, waypoints, places, CLEARANCE)  # [K,C]
        last = np.where(seen, _distances(waypoints, places), np.inf)
        rest = np.array([(row[:, None] + last).min(axis=0) for row in between])  # [K,C]
        starts = np.concatenate([places, waypoints])
        hop = np.where(np.concatenate([seen.T, known]), _distances(starts, waypoints), np.inf)
        own = np.arange(len(waypoints))
        hop[len(places) + own, own] = np.inf  # from a waypoint to another one
        first = np.array([(row[:, None] + rest).argmin(axis=0) for row in hop], dtype=np.int16)
        direct = np.concatenate([sees, seen])
        lost = np.array([np.isinf((row[:, None] + rest).min(axis=0)) for row in hop])
        first[direct | lost] = DIRECT
        used = np.unique(first[first != DIRECT])
        number = np.full(len(waypoints) + 1, DIRECT, dtype=np.int16)  # the last for DIRECT itself
        number[used] = np.arange(len(used))
        self.waypoints = waypoints[used]
        self.first = number[first][np.concatenate([np.arange(len(places)), len(places) + used])]


def _sticks_out(walkable: Cells, crosses: int, x: int, y: int) -> bool:
    """Whether walls fill some, but less than half, of a small circle around (x, y)."""
    angles = np.radians(22.5) * np.arange(0.5, 16)  # off all edges and diagonals
    spots = zip(x + 0.1 * np.cos(angles), y + 0.1 * np.sin(angles), strict=True)
    walls = sum(not is_free_of_walls(walkable, *spot, 0.0, crosses) for spot in spots)
    return 0 < walls < 8


def _squared(one: Point, other: Point) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2


def _distances(ones: Floats, others: Floats) -> Floats:
    """Distances [I,J] between points [I,2] and [J,2]."""
    return np.sqrt(((ones[:, None] - others[None]) ** 2).sum(axis=-1))


def _views(
    walkable: Cells, crosses: int, ones: Floats, others: Floats | None, radius: float
) -> NDArray[np.bool_]:
    """[I,J] whether the line from point [I,2] to point [J,2] keeps `radius` from all walls.

    others=None: among `ones` themselves.
    """
    ends = ones if others is None else others
    seen = np.zeros((len(ones), len(ends)), dtype=np.bool_)
    _fill_views(walkable, crosses, ones, ends, radius, others is None, seen)
    return seen | seen.T if others is None else seen


@compiled
def _fill_views(
    walkable: Cells,
    crosses: int,
    ones: Floats,
    others: Floats,
    radius: float,
    is_half: bool,
    out: NDArray[np.bool_],
) -> None:
    """Fill out [I,J] of `_views`; is_half: only on and above the diagonal."""
    for i in range(ones.shape[0]):
        for j in range(i if is_half else 0, others.shape[0]):
            x, y, to_x, to_y = ones[i, 0], ones[i, 1], others[j, 0], others[j, 1]
            out[i, j] = is_clear(walkable, x, y, to_x, to_y, radius, crosses)

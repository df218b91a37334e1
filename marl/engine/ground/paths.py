"""Ways round walls: for each cell and each goal where to head first.

The game's path-finder is not public; ours takes the shortest way. Where a straight line would not
leave CLEARANCE to the walls, the way goes by way of turns: points just off the corners of the
walls. All is computed once for a terrain; on the way a unit reads two numbers. Terrains without a
corner in anybody's way (strip, open, octagons, pentagon) have no tables.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.compiled.jit import compiled, inlined
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
TURN_DISTANCE = 1.12 * CLEARANCE  # of a turn from its corner: it may bend by 53 degrees
SHALLOW = 0.05  # a line that leaves this much needs no turn: units slide round the corner
AT_TURN = 0.25  # so near to a turn, one heads for the next
PAST_TURN = 1.0  # ... or so near, and nearer to the next than the turn is

# Where in a cell a place with CLEARANCE is looked for, from its middle outwards.
_SHARES = (0.5, 0.4375, 0.5625, 0.3, 0.7, 0.15, 0.85, 0.0625, 0.9375, 0.01, 0.99)
SPOTS = sorted(product(_SHARES, _SHARES), key=lambda s: (s[0] - 0.5) ** 2 + (s[1] - 0.5) ** 2)

DIRECT = -1  # entry of Paths.first: straight to the goal


class Paths(NamedTuple):
    """Where to head first. L layers: units on the ground, then cliff walkers; 0 if none needs it.

    C cells that can be reached, K turns.
    """

    cell: NDArray[np.int16]  # [L,H,W] number of the cell, or of the nearest that can be reached
    first: NDArray[np.int16]  # [L,C+K,C] the turn to head for from a cell (or turn) to a cell
    turns: Floats  # [L,K,2] x, y


NO_PATHS = Paths(
    np.zeros((0, 1, 1), dtype=np.int16),
    np.zeros((0, 1, 1), dtype=np.int16),
    np.zeros((0, 1, 2), dtype=np.float64),
)


@inlined
def next_stop(
    paths: Paths, unit: Unit, crosses: int, goal_x: float, goal_y: float
) -> tuple[float, float, bool]:
    """Where the unit heads for on its way to the goal, and whether that is the goal."""
    if paths.cell.shape[0] == 0 or crosses == CROSSES_WALLS:
        return goal_x, goal_y, True
    layer = min(crosses, paths.cell.shape[0] - 1)
    return _next_turn(
        paths.cell[layer], paths.first[layer], paths.turns[layer], unit, goal_x, goal_y
    )


@compiled
def _next_turn(
    cell: Numbers, first: Numbers, turns: Floats, unit: Unit, goal_x: float, goal_y: float
) -> tuple[float, float, bool]:
    """`next_stop` in one layer of the paths; remembers the turn in the unit."""
    goal = _cell_at(cell, goal_x, goal_y)
    turn = int(first[_cell_at(cell, unit.x, unit.y), goal])
    if turn != unit.turn and _stays(first, turns, unit, turn, goal, goal_x, goal_y):
        turn = unit.turn
    while turn != DIRECT and _is_past(first, turns, unit, turn, goal, goal_x, goal_y):
        turn = int(first[first.shape[1] + turn, goal])
    unit.turn = turn
    x, y = _place(turns, turn, goal_x, goal_y)
    return x, y, turn == DIRECT


@compiled
def _stays(
    first: Numbers,
    turns: Floats,
    unit: Unit,
    turn: int,
    goal: int,
    goal_x: float,
    goal_y: float,
) -> bool:
    """Whether a unit whose cell has another turn goes on to the one that it was nearing.

    The cells know the way from one place each. Next to where their ways part a unit would go to and
    fro, so it keeps to its turn where the two follow each other.
    """
    x, y = _place(turns, unit.turn, goal_x, goal_y)
    is_nearing = (x - unit.x) * unit.velocity_x + (y - unit.y) * unit.velocity_y > 0.0
    cells = first.shape[1]
    is_before = unit.turn != DIRECT and first[cells + unit.turn, goal] == turn
    is_after = turn != DIRECT and first[cells + turn, goal] == unit.turn
    return is_nearing and (is_before or is_after)


@compiled
def _is_past(
    first: Numbers,
    turns: Floats,
    unit: Unit,
    turn: int,
    goal: int,
    goal_x: float,
    goal_y: float,
) -> bool:
    """Whether the unit is at the turn or beyond it, so that it heads for the next."""
    x, y = turns[turn, 0], turns[turn, 1]
    gap = (x - unit.x) ** 2 + (y - unit.y) ** 2
    if gap <= AT_TURN**2:
        return True
    to_x, to_y = _place(turns, int(first[first.shape[1] + turn, goal]), goal_x, goal_y)
    left = (to_x - unit.x) ** 2 + (to_y - unit.y) ** 2
    return gap < PAST_TURN**2 and left < (to_x - x) ** 2 + (to_y - y) ** 2


@inlined
def _place(turns: Floats, turn: int, goal_x: float, goal_y: float) -> tuple[float, float]:
    """Where a turn is; DIRECT: the goal."""
    if turn == DIRECT:
        return goal_x, goal_y
    return turns[turn, 0], turns[turn, 1]


@inlined
def _cell_at(cell: Numbers, x: float, y: float) -> int:
    """The number of the cell at (x, y), or of the nearest that can be reached."""
    height, width = cell.shape
    return int(cell[min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)])


def make_paths(walkable: Cells, starts: tuple[Point, ...] = ()) -> Paths:
    """The paths of a terrain, as far as they can be reached from `starts` (none: everywhere)."""
    return _make_paths(walkable.tobytes(), walkable.shape, starts)


@cache
def _make_paths(cells: bytes, shape: tuple[int, int], starts: tuple[Point, ...]) -> Paths:
    walkable = np.frombuffer(cells, dtype=np.uint8).reshape(shape).copy()
    kinds = (CROSSES_NOTHING, CROSSES_CLIFFS) if CLIFF in walkable else (CROSSES_NOTHING,)
    layers = [_Layer(walkable, crosses, starts) for crosses in kinds]
    if all(layer.is_convex for layer in layers):
        return NO_PATHS
    n_cells = max(len(layer.places) for layer in layers)
    n_turns = max(len(layer.turns) for layer in layers)
    paths = Paths(
        np.zeros((len(layers), *shape), dtype=np.int16),
        np.full((len(layers), n_cells + n_turns, n_cells), DIRECT, dtype=np.int16),
        np.zeros((len(layers), n_turns, 2)),
    )
    for n, layer in enumerate(layers):
        rows, columns = len(layer.places), len(layer.turns)
        paths.cell[n] = layer.cell
        paths.turns[n, :columns] = layer.turns
        paths.first[n, :rows, :rows] = layer.first[:rows]
        paths.first[n, n_cells : n_cells + columns, :rows] = layer.first[rows:]
    return paths


class _Layer:
    """One kind of walker's ground while its paths are computed."""

    def __init__(self, walkable: Cells, crosses: int, starts: tuple[Point, ...]) -> None:
        self.walkable, self.crosses = walkable, crosses
        self.cell = np.full(walkable.shape, -1, dtype=np.int16)
        self.places = self._reachable(starts)  # [C,2] one for each cell, free by CLEARANCE
        self._number_others()
        corners = self._corners()
        shallow = len(corners) == 0 or _views(walkable, crosses, self.places, None, SHALLOW).all()
        self.is_convex = bool(shallow)
        self.turns = np.zeros((0, 2))  # [K,2]
        self.first = np.full((len(self.places),) * 2, DIRECT, dtype=np.int16)  # [C+K,C]
        if not self.is_convex:
            self._find_ways(self._candidates(corners))

    def _reachable(self, starts: tuple[Point, ...]) -> Floats:
        """A place in each cell that can be reached, [C,2]; numbers the cells."""
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
            for row, column in reached:  # grows while it is gone through
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
        """The free place nearest to a cell's middle, None if there is none."""
        for dx, dy in SPOTS:
            x, y = column + dx, row + dy
            if is_free_of_walls(self.walkable, x, y, CLEARANCE, self.crosses):
                return x, y
        return None

    def _number_others(self) -> None:
        """Give every other cell the number of the nearest reachable one."""
        for row, column in zip(*np.nonzero(self.cell < 0), strict=True):
            gaps = ((self.places - (column + 0.5, row + 0.5)) ** 2).sum(axis=1)
            self.cell[row, column] = -2 - int(gaps.argmin())  # not a cell to be nearest to
        self.cell[:] = np.where(self.cell < -1, -2 - self.cell, self.cell)

    def _corners(self) -> list[tuple[int, int]]:
        """The corners of walls that stick out into the open."""
        height, width = self.walkable.shape
        return [
            (x, y)
            for y in range(1, height)
            for x in range(1, width)
            if len(np.unique(self.walkable[y - 1 : y + 1, x - 1 : x + 1])) > 1
            if _sticks_out(self.walkable, self.crosses, x, y)
        ]

    def _candidates(self, corners: list[tuple[int, int]]) -> Floats:
        """Free points around each corner, [K,2], as far as they can be reached."""
        angles = np.radians(45) * np.arange(8)
        ring = TURN_DISTANCE * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = [
            (x + dx, y + dy)
            for x, y in corners
            for dx, dy in ring
            if is_free_of_walls(self.walkable, x + dx, y + dy, CLEARANCE, self.crosses)
        ]
        turns = np.array(points).reshape(-1, 2)
        reached = _views(self.walkable, self.crosses, turns, self.places, CLEARANCE).any(axis=1)
        return turns[reached]

    def _find_ways(self, turns: Floats) -> None:
        """The first turn of each shortest way; turns that no way takes are dropped."""
        places = self.places
        sees = _views(self.walkable, self.crosses, places, None, CLEARANCE)  # [C,C]
        known = _views(self.walkable, self.crosses, turns, None, CLEARANCE)  # [K,K]
        between = np.where(known, _distances(turns, turns), np.inf)  # [K,K]
        for middle in range(len(turns)):
            between = np.minimum(between, between[:, middle, None] + between[middle])
        seen = _views(self.walkable, self.crosses, turns, places, CLEARANCE)  # [K,C]
        last = np.where(seen, _distances(turns, places), np.inf)
        rest = np.array([(row[:, None] + last).min(axis=0) for row in between])  # [K,C]
        starts = np.concatenate([places, turns])
        hop = np.where(np.concatenate([seen.T, known]), _distances(starts, turns), np.inf)
        own = np.arange(len(turns))
        hop[len(places) + own, own] = np.inf  # from a turn to another one
        first = np.array([(row[:, None] + rest).argmin(axis=0) for row in hop], dtype=np.int16)
        direct = np.concatenate([sees, seen])
        lost = np.array([np.isinf((row[:, None] + rest).min(axis=0)) for row in hop])
        first[direct | lost] = DIRECT
        used = np.unique(first[first != DIRECT])
        number = np.full(len(turns) + 1, DIRECT, dtype=np.int16)  # the last for DIRECT itself
        number[used] = np.arange(len(used))
        self.turns = turns[used]
        self.first = number[first][np.concatenate([np.arange(len(places)), len(places) + used])]


def _sticks_out(walkable: Cells, crosses: int, x: int, y: int) -> bool:
    """Whether walls fill more than nothing and less than half of what is around (x, y)."""
    angles = np.radians(22.5) * np.arange(0.5, 16)  # off all edges and diagonals
    spots = zip(x + 0.1 * np.cos(angles), y + 0.1 * np.sin(angles), strict=True)
    walls = sum(not is_free_of_walls(walkable, *spot, 0.0, crosses) for spot in spots)
    return 0 < walls < 8


def _squared(one: Point, other: Point) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2


def _distances(ones: Floats, others: Floats) -> Floats:
    """[I,J] of ones [I,2] and others [J,2]."""
    return np.sqrt(((ones[:, None] - others[None]) ** 2).sum(axis=-1))


def _views(
    walkable: Cells, crosses: int, ones: Floats, others: Floats | None, radius: float
) -> NDArray[np.bool_]:
    """[I,J] whether the line from one [I,2] to the other [J,2] leaves `radius` to all walls.

    others None: from each one to each.
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
    """is_half: fill only what is not before the diagonal."""
    for i in range(ones.shape[0]):
        for j in range(i if is_half else 0, others.shape[0]):
            x, y, to_x, to_y = ones[i, 0], ones[i, 1], others[j, 0], others[j, 1]
            out[i, j] = is_clear(walkable, x, y, to_x, to_y, radius, crosses)

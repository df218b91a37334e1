"""Walls: cells of a grid that units can't enter.

walkable: [H,W], indexed [y,x], y from the south; a cell is 1 x 1.
crosses: which walls a unit ignores (UnitTypes.crosses), CROSSES_*.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined

BLOCKED = 0
OPEN = 1
DIAGONAL = 2  # half open: the half towards the open neighbours
CLIFF = 3  # blocked, except for cliff walkers

CROSSES_NOTHING = 0
CROSSES_CLIFFS = 1
CROSSES_WALLS = 2  # all of them; only the map's edge stops it

SAMPLE = 0.125  # distance of the points at which a line is checked

Cells = NDArray[np.uint8]


@inlined
def is_free_of_walls(walkable: Cells, x: float, y: float, radius: float, crosses: int) -> bool:
    """Whether a circle around (x, y) touches no wall. The map's edge is a wall."""
    height, width = walkable.shape
    if x < radius or y < radius or x + radius > width or y + radius > height:
        return False
    if crosses == CROSSES_WALLS:
        return True
    # The circle may end exactly on the far edge of the map, hence the min.
    first_x, last_x = int(x - radius), min(int(x + radius), width - 1)
    first_y, last_y = int(y - radius), min(int(y + radius), height - 1)
    for cell_y in range(first_y, last_y + 1):
        for cell_x in range(first_x, last_x + 1):
            if walkable[cell_y, cell_x] != OPEN and touches_wall(
                walkable, cell_x, cell_y, x, y, radius, crosses
            ):
                return False
    return True


@compiled
def touches_wall(
    walkable: Cells, cell_x: int, cell_y: int, x: float, y: float, radius: float, crosses: int
) -> bool:
    """Whether the circle overlaps the closed part of a cell that is not OPEN."""
    gap_x = x - min(max(x, cell_x), cell_x + 1.0)
    gap_y = y - min(max(y, cell_y), cell_y + 1.0)
    gap = gap_x * gap_x + gap_y * gap_y
    if gap > radius * radius or (gap == radius * radius and radius > 0.0):
        return False
    open_x, open_y = open_half(walkable, cell_x, cell_y, crosses)
    if open_x == 0 or open_y == 0:
        return is_open(walkable, cell_x, cell_y, crosses) == 0
    # Side of the diagonal that the centre is on; positive: the open one.
    side = (x - cell_x - 0.5) * open_x + (y - cell_y - 0.5) * open_y
    at_x, at_y = _onto_closed_half(cell_x, cell_y, open_x, open_y, x, y)
    gap = (x - at_x) * (x - at_x) + (y - at_y) * (y - at_y)
    return side < 0.0 or gap < radius * radius


@compiled
def open_half(walkable: Cells, cell_x: int, cell_y: int, crosses: int) -> tuple[int, int]:
    """The corner of a diagonal cell's open half, (1, -1) = south-east; a 0: it has none."""
    if walkable[cell_y, cell_x] != DIAGONAL:
        return 0, 0
    east = is_open(walkable, cell_x + 1, cell_y, crosses)
    west = is_open(walkable, cell_x - 1, cell_y, crosses)
    north = is_open(walkable, cell_x, cell_y + 1, crosses)
    south = is_open(walkable, cell_x, cell_y - 1, crosses)
    return east - west, north - south


@compiled
def is_open(walkable: Cells, cell_x: int, cell_y: int, crosses: int) -> int:
    """1 if the whole cell is on the map and open to units of this `crosses`, else 0."""
    height, width = walkable.shape
    if cell_x < 0 or cell_y < 0 or cell_x >= width or cell_y >= height:
        return 0
    cell = walkable[cell_y, cell_x]
    return int(cell == OPEN or (cell == CLIFF and crosses == CROSSES_CLIFFS))


@compiled
def is_clear(
    walkable: Cells,
    x: float,
    y: float,
    to_x: float,
    to_y: float,
    radius: float,
    crosses: int,
) -> bool:
    """Whether a circle moved straight from (x, y) to (to_x, to_y) touches no wall."""
    way_x, way_y = to_x - x, to_y - y
    points = int(math.sqrt(way_x * way_x + way_y * way_y) / SAMPLE) + 1
    for n in range(points + 1):
        share = n / points
        if not is_free_of_walls(walkable, x + share * way_x, y + share * way_y, radius, crosses):
            return False
    return True


@compiled
def nearest_wall(
    walkable: Cells, x: float, y: float, radius: float, crosses: int
) -> tuple[float, float]:
    """The vector to (x, y) from the nearest point of a wall within `radius`; (0, 0) if none.

    Everything beyond the map's edge counts as wall.
    """
    height, width = walkable.shape
    best_x, best_y, least = 0.0, 0.0, math.inf
    for cell_y in range(math.floor(y - radius), math.floor(y + radius) + 1):
        for cell_x in range(math.floor(x - radius), math.floor(x + radius) + 1):
            is_off = cell_x < 0 or cell_y < 0 or cell_x >= width or cell_y >= height
            if crosses == CROSSES_WALLS and not is_off:
                continue
            if is_off:
                open_x, open_y = 0, 0
            elif is_open(walkable, cell_x, cell_y, crosses) == 1:
                continue
            else:
                open_x, open_y = open_half(walkable, cell_x, cell_y, crosses)
            at_x, at_y = min(max(x, cell_x), cell_x + 1.0), min(max(y, cell_y), cell_y + 1.0)
            if open_x != 0 and open_y != 0:
                at_x, at_y = _onto_closed_half(cell_x, cell_y, open_x, open_y, x, y)
            gap = (x - at_x) * (x - at_x) + (y - at_y) * (y - at_y)
            if gap < least:
                best_x, best_y, least = x - at_x, y - at_y, gap
    return best_x, best_y


@inlined
def _onto_closed_half(
    cell_x: int, cell_y: int, open_x: int, open_y: int, x: float, y: float
) -> tuple[float, float]:
    """The point of a diagonal cell's closed half that is nearest to (x, y)."""
    at_x, at_y = min(max(x, cell_x), cell_x + 1.0), min(max(y, cell_y), cell_y + 1.0)
    if (at_x - cell_x - 0.5) * open_x + (at_y - cell_y - 0.5) * open_y <= 0.0:
        return at_x, at_y
    # Distance along the diagonal from the cell's middle, at most to its ends.
    along = ((x - cell_x - 0.5) * open_y - (y - cell_y - 0.5) * open_x) / 2.0
    along = min(max(along, -0.5), 0.5)
    return cell_x + 0.5 + along * open_y, cell_y + 0.5 - along * open_x

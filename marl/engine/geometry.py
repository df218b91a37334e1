"""Where a unit may stand: walls as cells of a grid.

walkable: [H,W], indexed [y,x], y from the south; a cell is 1 x 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.engine.jit import compiled, inlined

BLOCKED = 0
OPEN = 1
DIAGONAL = 2  # cut by its diagonal; the half towards its open neighbours is open
CLIFF = 3  # blocked but for cliff walkers

SQRT_HALF = 0.5**0.5

Cells = NDArray[np.uint8]


@inlined
def is_free_of_walls(walkable: Cells, x: float, y: float, radius: float) -> bool:
    """Whether a circle around (x, y) touches no wall; the map's edge is a wall."""
    height, width = walkable.shape
    if x < radius or y < radius or x + radius > width or y + radius > height:
        return False
    # The circle may end exactly on the far edge of the map, hence the min.
    first_x, last_x = int(x - radius), min(int(x + radius), width - 1)
    first_y, last_y = int(y - radius), min(int(y + radius), height - 1)
    for cell_y in range(first_y, last_y + 1):
        for cell_x in range(first_x, last_x + 1):
            if walkable[cell_y, cell_x] != OPEN and touches_wall(
                walkable, cell_x, cell_y, x, y, radius
            ):
                return False
    return True


@compiled
def touches_wall(
    walkable: Cells, cell_x: int, cell_y: int, x: float, y: float, radius: float
) -> bool:
    """Whether the circle reaches into the closed part of a cell that is not open."""
    gap_x = x - min(max(x, cell_x), cell_x + 1.0)
    gap_y = y - min(max(y, cell_y), cell_y + 1.0)
    gap = gap_x * gap_x + gap_y * gap_y
    if gap > radius * radius or (gap == radius * radius and radius > 0.0):
        return False
    if walkable[cell_y, cell_x] == BLOCKED:
        return True
    open_x = is_open(walkable, cell_x + 1, cell_y) - is_open(walkable, cell_x - 1, cell_y)
    open_y = is_open(walkable, cell_x, cell_y + 1) - is_open(walkable, cell_x, cell_y - 1)
    if open_x == 0 or open_y == 0:
        return True  # no diagonal parts open from closed here
    # Signed distance from the diagonal, positive on the open half.
    inside = (x - cell_x - 0.5) * open_x + (y - cell_y - 0.5) * open_y
    return inside * SQRT_HALF < radius


@compiled
def is_open(walkable: Cells, cell_x: int, cell_y: int) -> int:
    """1 for a wholly open cell of the map, else 0."""
    height, width = walkable.shape
    if cell_x < 0 or cell_y < 0 or cell_x >= width or cell_y >= height:
        return 0
    return int(walkable[cell_y, cell_x] == OPEN)

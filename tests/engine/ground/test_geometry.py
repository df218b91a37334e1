from __future__ import annotations

import numpy as np
import pytest

from marl.engine.facts.scenario import load_terrain
from marl.engine.ground.geometry import (
    CLIFF,
    CROSSES_CLIFFS,
    CROSSES_NOTHING,
    CROSSES_WALLS,
    DIAGONAL,
    is_free_of_walls,
    nearest_wall,
    open_half,
)

TERRAINS = (
    "strip",
    "open",
    "octagon22",
    "octagon16",
    "pentagon",
    "corridor",
    "diagonal_lane",
    "ravine",
)


def with_cells(**cells: int) -> np.ndarray:
    """Open ground with other cells, e.g. x10y12=0."""
    walkable = np.ones((32, 32), dtype=np.uint8)
    for name, value in cells.items():
        x, y = name[1:].split("y")
        walkable[int(y), int(x)] = value
    return walkable


def is_free(walkable: np.ndarray, x: float, y: float, radius: float, crosses: int = 0) -> bool:
    return bool(is_free_of_walls(walkable, x, y, radius, crosses))


@pytest.mark.parametrize("name", TERRAINS)
def test_every_diagonal_cell_has_an_open_half_between_two_open_neighbours(name: str):
    walkable = load_terrain(name).walkable
    for y, x in np.argwhere(walkable == DIAGONAL).tolist():
        east, north = open_half(walkable, x, y, CROSSES_NOTHING)
        assert abs(east) == abs(north) == 1
        assert walkable[y, x + east] == walkable[y + north, x] == 1


def test_the_neck_of_the_corridor_lies_between_two_straight_diagonals():
    walkable = load_terrain("corridor").walkable
    for along in np.linspace(12, 14.5, 26):  # x + y = 2 along; the neck is 2 sqrt 2 wide
        for aside, free in ((0.99, True), (-0.99, True), (1.01, False), (-1.01, False)):
            assert is_free(walkable, along + aside, along - aside, 0.0) is free


def test_a_circle_beside_a_wall_is_free_up_to_its_radius():
    walkable = with_cells(x10y10=0)
    assert is_free(walkable, 9.5, 10.5, 0.5)
    assert not is_free(walkable, 9.51, 10.5, 0.5)
    corner = 11 + 0.5 / np.sqrt(2)
    assert is_free(walkable, corner + 1e-9, corner + 1e-9, 0.5)
    assert not is_free(walkable, corner - 1e-3, corner - 1e-3, 0.5)


def test_a_diagonal_wall_ends_with_its_cell():
    # (10, 10) is cut from (10, 11) to (11, 10), open towards the south-west.
    walkable = with_cells(x10y10=DIAGONAL, x11y10=0, x10y11=0, x11y11=0)
    assert is_free(walkable, 10.14, 10.14, 0.5)  # the diagonal is 0.509 away
    assert not is_free(walkable, 10.16, 10.16, 0.5)
    # Beyond its end (11, 10): 0.53 from the corner, though 0.41 from the diagonal, drawn out.
    assert is_free(walkable, 10.9, 9.48, 0.5)


def test_cliffs_stop_all_but_cliff_walkers_and_walls_all_but_flyers():
    walkable = with_cells(x10y10=CLIFF, x20y20=0)
    for crosses, cliff, wall in (
        (CROSSES_NOTHING, False, False),
        (CROSSES_CLIFFS, True, False),
        (CROSSES_WALLS, True, True),
    ):
        assert is_free(walkable, 10.5, 10.5, 0.5, crosses) is cliff
        assert is_free(walkable, 20.5, 20.5, 0.5, crosses) is wall
        assert is_free(walkable, 0.5, 31.5, 0.5, crosses)
        assert not is_free(walkable, 0.4, 31.5, 0.5, crosses)


def test_the_nearest_wall_is_seen_from_its_nearest_point():
    walkable = with_cells(x10y10=0)
    assert nearest_wall(walkable, 9.7, 10.5, 0.5, 0) == pytest.approx((-0.3, 0))
    assert nearest_wall(walkable, 9.7, 9.8, 0.5, 0) == pytest.approx((-0.3, -0.2))
    assert nearest_wall(walkable, 5.0, 5.0, 0.5, 0) == (0, 0)
    assert nearest_wall(walkable, 0.3, 5.0, 0.5, CROSSES_WALLS) == pytest.approx((0.3, 0))
    walkable = with_cells(x10y10=DIAGONAL, x11y10=0, x10y11=0, x11y11=0)
    assert nearest_wall(walkable, 10.3, 10.3, 0.5, 0) == pytest.approx((-0.2, -0.2))

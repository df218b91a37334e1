from __future__ import annotations

import math

import numpy as np
import pytest
from arena import NAMES, OPEN, TYPES, Arena

from marl.engine.facts.choices import Choices
from marl.engine.ground.geometry import CLIFF
from marl.engine.world import ORDER_MOVE, ORDER_NONE, ORDER_STOP

WALL = OPEN.copy()
WALL[14:18, :] = 0  # from west to east
CLIFFS = OPEN.copy()
CLIFFS[14:16, :] = CLIFF
SPEED = 2.75 / 16  # of a medivac, cells a loop
ACCELERATION = 2.3125 / 256  # cells a loop and loop


def send(arena: Arena, i: int, x: float, y: float) -> Arena:
    arena.order[i], arena.order_x[i], arena.order_y[i] = ORDER_MOVE, x, y
    return arena


def test_a_medivac_takes_nineteen_loops_to_its_full_speed():
    arena = send(Arena([("Medivac", 4, 16)]), 0, 30, 16)
    gone = [float(arena.run().velocity_x[0]) for _ in range(25)]
    assert gone[:3] == pytest.approx([ACCELERATION, 2 * ACCELERATION, 3 * ACCELERATION])
    assert math.ceil(SPEED / ACCELERATION) == 20
    assert gone[18] < SPEED
    assert gone[19:] == pytest.approx([SPEED] * 6)


def test_a_medivac_brakes_for_its_goal_and_does_not_pass_it():
    arena = send(Arena([("Medivac", 4, 16)]), 0, 12, 16)
    places = [float(arena.run().x[0]) for _ in range(110)]
    steps = np.diff(places)
    assert max(places) <= 12 + 1e-9
    assert places[-1] == 12
    assert arena.order[0] == ORDER_NONE
    assert (np.diff(steps) >= -1.5 * ACCELERATION).all()  # never harder than it can


@pytest.mark.parametrize(("drifts", "end"), [(True, 1.0), (False, 0.0)])
def test_a_medivac_told_to_stop_drifts_on_if_flyers_do(drifts: bool, end: float):
    arena = send(Arena([("Medivac", 4, 16)], choices=Choices(flyers_drift=drifts)), 0, 30, 16)
    at = float(arena.run(40).x[0])
    arena.order[0] = ORDER_STOP
    # v * v / (2 a) = 1.63 less half a loop's way
    assert float(arena.run(40).x[0]) - at == pytest.approx(end * 1.55, abs=0.02)
    assert arena.velocity_x[0] == 0


def test_a_medivac_that_turns_back_drifts_on_first_if_flyers_do():
    arena = send(Arena([("Medivac", 4, 16)]), 0, 30, 16).run(40)
    at = float(arena.x[0])
    send(arena, 0, 4, 16).run(8)
    assert arena.x[0] > at
    assert arena.run(60).x[0] < at


def test_flyers_cross_walls_but_not_the_edge_of_the_map():
    arena = send(Arena([("Medivac", 16, 10)], walkable=WALL), 0, 16, 40).run(300)
    assert 31 < arena.y[0] <= 32 - 0.75


def test_ground_units_do_not_cross_cliffs_and_colossi_do():
    names = ("Zealot", "Colossus", "Medivac")
    arena = Arena([(name, 8 + 6 * k, 11) for k, name in enumerate(names)], walkable=CLIFFS)
    for i in range(3):
        send(arena, i, arena.x[i], 20)
    arena.run(120)
    assert arena.y[0] <= 14 - TYPES.inner_radius[NAMES.index("Zealot")]
    assert arena.y[1:].tolist() == [20, 20]


def test_a_colossus_can_stand_on_a_cliff_but_not_in_a_wall():
    arena = send(Arena([("Colossus", 16, 11)], walkable=CLIFFS), 0, 16, 15).run(60)
    assert arena.y[0] == 15
    arena = send(Arena([("Colossus", 16, 11)], walkable=WALL), 0, 16, 15).run(60)
    assert 13 < arena.y[0] <= 14 - 0.5625


def test_who_is_in_another_plane_is_in_nobodys_way():
    arena = Arena([("Medivac", 8, 16), ("Marine", 12, 16), ("Colossus", 16, 16)])
    arena.order[:] = ORDER_STOP
    send(arena, 1, 20, 16).run(80)
    assert arena.x[1] == 20  # right through below the colossus
    assert (arena.y == 16).all()
    assert arena.x[2] == 16


def test_structures_are_walked_round_and_never_move():
    arena = Arena([("Zealot", 10, 16)], [("SpineCrawler", 14, 16)])
    arena.health[0] = 1e6
    send(arena, 0, 18, 16).run(100)
    assert arena.x[0] == 18
    friend = Arena([("Zealot", 10, 16), ("SpineCrawler", 14, 16)])
    send(friend, 0, 18, 16)
    send(friend, 1, 20, 16).run(100)
    assert friend.x[0] == 18
    assert (friend.x[1], friend.y[1]) == (14, 16)


def test_a_unit_rounds_a_convex_corner_at_full_speed():
    walkable = OPEN.copy()
    walkable[:10, 10:] = 0
    arena = send(Arena([("Zealot", 9.62, 5)], walkable=walkable), 0, 14, 10.6)
    way = (10 - 5) + math.pi / 2 * 0.375 + (14 - 10)  # up, round the corner, along
    arena.run(math.ceil(way / (2.25 / 16)) + 4)
    assert arena.order[0] == ORDER_NONE


def test_a_unit_pushing_into_a_wall_stays_where_it_is():
    arena = send(Arena([("Zealot", 16, 11)], walkable=WALL), 0, 16, 15).run(40)
    assert arena.x[0] == 16
    assert 13.4 < arena.y[0] <= 14 - 0.375

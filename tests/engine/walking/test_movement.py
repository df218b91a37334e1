from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from arena import OPEN, TYPES, Arena

from marl.engine.facts.choices import Choices
from marl.engine.world import ORDER_ATTACK_MOVE, ORDER_MOVE, ORDER_NONE

STRIP = OPEN.copy()
STRIP[:8], STRIP[24:] = 0, 0  # walls south of y = 8 and north of y = 24


def overlaps(arena: Arena) -> float:
    """How much nearer than allowed the nearest pair of living units is (negative: not)."""
    worst = -math.inf
    alive = np.flatnonzero(arena.health > 0)
    for i, j in itertools.combinations(alive, 2):
        ki, kj = arena.kind[i], arena.kind[j]
        friends = arena.side[i] == arena.side[j]
        radius = TYPES.inner_radius if friends else TYPES.separation
        gap = math.hypot(arena.x[i] - arena.x[j], arena.y[i] - arena.y[j])
        worst = max(worst, radius[ki] + radius[kj] - gap)
    return worst


def cluster(name: str, count: int, x: float, y: float) -> list[tuple[str, float, float]]:
    return [(name, x + 1.3 * (k // 4), y + 1.3 * (k % 4) - 2) for k in range(count)]


@pytest.mark.parametrize(("action", "dx", "dy"), [(2, 0, 1), (3, 0, -1), (4, 1, 0), (5, -1, 0)])
def test_a_step_covers_the_speed_of_eight_loops(action, dx, dy):
    for name, speed in (("Marine", 1.125), ("Stalker", 1.47655)):
        arena = Arena([(name, 16, 16)]).act(action).run(8)
        assert arena.x[0] == pytest.approx(16 + dx * speed)
        assert arena.y[0] == pytest.approx(16 + dy * speed)


def test_a_move_ends_at_its_goal():
    arena = Arena([("Stalker", 16, 16)]).act(4).run(20)
    assert (arena.x[0], arena.y[0]) == (18, 16)
    assert arena.run(20).x[0] == 18


def test_turning_a_quarter_takes_two_loops():
    arena = Arena([("Marine", 16, 16)]).act(4).run(1)
    turned = math.atan2(arena.facing_y[0], arena.facing_x[0])
    assert turned == pytest.approx(math.radians(-90 + 999.8437 / 16))
    arena.run(1)
    assert (arena.facing_x[0], arena.facing_y[0]) == (1, 0)


def test_walls_stop_a_unit_at_its_inner_radius():
    arena = Arena([("Marine", 16, 23), ("Stalker", 4, 9)], walkable=STRIP)
    for _ in range(4):
        arena.act(2, 3).run(8)
    assert 24 - 0.375 - 0.141 < arena.y[0] <= 24 - 0.375
    assert 8 + 0.5 <= arena.y[1] < 8 + 0.5 + 0.185
    assert (arena.x[0], arena.x[1]) == (16, 4)


def test_the_edge_of_the_map_is_a_wall():
    arena = Arena([("Marine", 31, 16), ("Marine", 1, 1)])
    for _ in range(4):
        arena.act(4, 3).run(8)
    assert 31.4 < arena.x[0] <= 32 - 0.375
    assert 0.375 <= arena.y[1] < 0.6


def test_a_unit_slides_along_a_wall():
    arena = Arena([], [("Marine", 10, 23.5)], walkable=STRIP).send_enemies(20, 30).run(80)
    assert arena.x[0] > 14
    assert arena.y[0] <= 24 - 0.375


def test_a_diagonal_cell_is_open_on_the_side_of_its_open_neighbours():
    walkable = OPEN.copy()
    walkable[10, 10], walkable[11, 10], walkable[10, 11] = 2, 0, 0  # open towards south and west
    arena = Arena([], [("Marine", 9, 9)], walkable=walkable).send_enemies(13, 13).run(60)
    # The diagonal is x + y = 21; its distance from the centre stays at least the inner radius.
    assert 0.375 <= (21 - arena.x[0] - arena.y[0]) / math.sqrt(2) < 0.375 + 0.141


def test_a_stalker_outruns_a_zealot():
    arena = Arena([("Stalker", 12, 16)], [("Zealot", 10.7, 16)])
    arena.cooldown[1] = 20  # its first attack takes a moment, as after a hit
    for _ in range(12):
        arena.act(4).run(8)
    assert arena.vitality()[0] == 160
    # 96 loops at 0.7031 / 16 more per loop: the gap of 1.3 grows by 4.2
    assert arena.x[0] - arena.x[1] == pytest.approx(1.3 + 96 * 0.7031 / 16, abs=0.5)


def test_five_zealots_surround_one_stalker_and_all_hit_it():
    arena = Arena([("Stalker", 10, 16)], [("Zealot", 20 + 0.9 * k, 16) for k in range(5)])
    arena.health[0] = 1e6
    arena.send_enemies(9, 16).run(140)
    fighting = np.hypot(arena.x[1:] - 10, arena.y[1:] - 16) <= 0.1 + 0.5 + 0.625 + 1e-9
    assert fighting.all()
    assert (arena.cooldown[1:] > 0).sum() >= 4  # each but one just ready at most


def test_a_row_of_units_from_wall_to_wall_lets_nobody_through():
    row = [("Stalker", 16, 8.6 + 1.05 * k) for k in range(15)]  # gaps of 0.05, reach the walls
    arena = Arena(row, [("Marine", 20, 16)], walkable=STRIP)
    arena.health[:] = 1e6
    arena.cooldown[15] = 1e6
    for _ in range(40):
        arena.order[15], arena.target[15] = 1, -1  # a plain move, no fighting
        arena.order_x[15], arena.order_y[15] = 4, 16
        arena.run(8)
    assert arena.x[15] > 16


def test_a_unit_walks_round_one_that_stands_in_its_way():
    arena = Arena([("Marine", 10, 16), ("Zealot", 12, 16)], [("Marine", 12.8, 16)])
    arena.health[:] = 1e6
    for _ in range(6):
        arena.act(4, 6).run(8)  # the zealot fights on; the marine goes east
    assert arena.x[0] > 13.5


def test_an_idle_friend_is_pushed_aside():
    arena = Arena([("Marine", 10, 16), ("Marine", 11.5, 16)])
    for _ in range(4):
        arena.act(4, 1).run(8)
    assert arena.x[0] > 13
    assert math.hypot(arena.x[1] - 11.5, arena.y[1] - 16) > 0.1


def test_an_idle_friend_against_a_wall_is_walked_round():
    arena = Arena([("Marine", 28, 16), ("Marine", 31.625, 16)])
    arena.act(4, 1)
    arena.order_x[0], arena.order_y[0] = 31.5, 17.2
    arena.y[0] = 14.5
    arena.run(60)
    assert math.hypot(arena.x[0] - 31.5, arena.y[0] - 17.2) < 0.5


def test_idle_units_of_one_wave_make_way_for_the_one_that_fights():
    enemies = [("Zealot", 9, 16), ("Zealot", 9.76, 16), ("Zealot", 8.24, 16)]
    arena = Arena([("Stalker", 3.5, 16)], enemies).send_enemies(9, 16)
    arena.order[1:] = 0
    arena.health[0] = 1e6
    arena.run(60)
    assert arena.vitality()[0] < 1e6 + 80


def test_a_column_keeps_its_line():
    arena = Arena([], [("Marine", 20 + 0.8 * k, 16) for k in range(6)]).send_enemies(4, 16)
    arena.run(1)
    arena.y[:] = 16
    assert np.abs(arena.run(60).y - 16).max() < 0.75


def test_a_wave_comes_to_rest_around_its_goal():
    arena = Arena([], cluster("Zealot", 12, 20, 16)).send_enemies(9, 16).run(400)
    assert (arena.order == 0).all()
    assert np.hypot(arena.x - 9, arena.y - 16).max() < 4
    before = arena.x.copy()
    assert (arena.run(40).x == before).all()


@pytest.mark.parametrize("seed", range(6))
def test_nobody_ever_overlaps_or_enters_a_wall_in_random_battles(seed):
    draw = np.random.default_rng(seed)
    names = [("Marine", "Marine"), ("Stalker", "Zealot"), ("Zealot", "Stalker")][seed % 3]
    allies = cluster(names[0], 8, 12, 16)
    arena = Arena(allies, cluster(names[1], 9, 17, 16), seed=seed, walkable=STRIP)
    arena.health[:] *= 3  # fight longer
    arena.send_enemies(9, 16)
    assert overlaps(arena) < 0
    for _ in range(60):
        arena.act(*draw.integers(1, 6 + 9, size=8))
        for _ in range(8):
            arena.run(1)
            assert overlaps(arena) < 1e-9
            alive = arena.health > 0
            inner = TYPES.inner_radius[arena.kind]
            assert (arena.y - inner >= 8)[alive].all()
            assert (arena.y + inner <= 24)[alive].all()
            assert (arena.x - inner >= 0)[alive].all()
            assert np.hypot(arena.facing_x, arena.facing_y) == pytest.approx(1, abs=1e-9)


def test_a_unit_wedged_between_fighting_friends_finds_its_way_out():
    """The only open heading is nearly straight back; it once stood there until the battle's end."""
    arena = Arena(
        [("Marine", 8.6, 16.4)],
        [("Marine", 14.25, 16.75), ("Marine", 14.25, 15.95), ("Marine", 14.589, 16.38)],
    )
    arena.units["health"][:] = 1000.0
    arena.send_enemies(8.6, 16.4)
    shot = False
    for _ in range(160):
        arena.run()
        shot = shot or arena.cooldown[3] > 0
    assert shot


def send(arena: Arena, who: range, dx: float, dy: float = 0.0) -> Arena:
    """A plain move, each unit by (dx, dy)."""
    for i in who:
        arena.order[i], arena.target[i] = ORDER_MOVE, -1
        arena.order_x[i], arena.order_y[i] = arena.x[i] + dx, arena.y[i] + dy
    return arena


def test_two_columns_of_friends_pass_each_other():
    right = [("Marine", 6 + 1.0 * k, 16) for k in range(5)]
    left = [("Marine", 20 + 1.0 * k, 16.1) for k in range(5)]
    arena = Arena([*right, *left])
    send(send(arena, range(5), 16), range(5, 10), -16)
    for _ in range(150):
        arena.run()
        assert overlaps(arena) < 1e-9
    # 16 cells take 114 loops; they meet half way
    assert (arena.order == ORDER_NONE).all()


def test_a_unit_rounds_a_block_of_structures():
    block = [("SpineCrawler", 14 + 1.8 * (k // 3), 14.2 + 1.8 * (k % 3)) for k in range(9)]
    arena = Arena([("Marine", 10, 16), *block])
    send(arena, range(1), 12)
    for _ in range(120):  # 12 cells take 86; the block is 5.4 high and wide
        arena.run()
        assert overlaps(arena) < 1e-9
    assert arena.order[0] == ORDER_NONE
    assert (arena.x[0], arena.y[0]) == (22, 16)


def turned_back(arena: Arena, who: range, loops: int) -> float:
    """Share of the moves that turn by more than 120 degrees from the last one."""
    last, moves, back = np.zeros((arena.units.size, 2)), 0, 0
    for _ in range(loops):
        before = np.stack([arena.x, arena.y], axis=1)
        arena.run()
        step = np.stack([arena.x, arena.y], axis=1) - before
        length = np.linalg.norm(step, axis=1)
        was = np.linalg.norm(last, axis=1)
        for i in who:
            if length[i] > 1e-6 and was[i] > 1e-6:
                moves += 1
                back += step[i] @ last[i] < -0.5 * length[i] * was[i]
        last[length > 1e-6] = step[length > 1e-6]
    return back / moves


def test_a_crowd_around_its_prey_does_not_tremble():
    """Thirty melee units at one target, most of which find no place; it was one move in ten."""
    enemies = cluster("Zealot", 30, 12, 16)
    arena = Arena([("Stalker", 9, 16)], enemies).send_enemies(9, 16)
    arena.health[0] = 1e6
    assert turned_back(arena, range(1, 31), 200) < 0.08


def test_pursuers_run_straight_after_one_that_flees():
    arena = Arena([("Stalker", 12, 16)], cluster("Zealot", 5, 6, 16)).send_enemies(9, 16)
    arena.health[0] = 1e6
    send(arena, range(1), 18)
    assert turned_back(arena, range(1, 6), 90) < 0.01


@pytest.mark.parametrize("pushed", [True, False])
def test_idle_friends_make_way_if_they_are_pushed(pushed: bool):
    choices = Choices(idle_pushed=pushed)
    arena = Arena([("Marine", 10, 16), ("Marine", 12, 16)], choices=choices)
    send(arena, range(1), 5).run(50)
    assert arena.x[0] == 15
    assert (math.hypot(arena.x[1] - 12, arena.y[1] - 16) > 0.1) is pushed


@pytest.mark.parametrize("queues", [True, False])
def test_units_follow_a_slower_friend_if_they_queue(queues: bool):
    choices = Choices(queue_behind_friends=queues)
    arena = Arena([("Stalker", 10, 16), ("Marine", 11.2, 16)], choices=choices)
    send(arena, range(2), 14).run(70)
    assert (arena.x[0] < arena.x[1]) == queues  # else it overtakes
    assert (arena.y[0] == 16) == queues


@pytest.mark.parametrize("stops", [True, False])
def test_a_wave_stops_on_touch_if_it_does(stops: bool):
    choices = Choices(wave_stops_on_touch=stops)
    arena = Arena([], [("Zealot", 9, 16), ("Zealot", 14, 16)], choices=choices)
    arena.send_enemies(9, 16).run(80)
    assert arena.order[1] == ORDER_NONE
    # It stops at its friend, or pushes it away from the point.
    assert (arena.x[0] == 9) == stops
    assert (arena.x[1] == pytest.approx(9.75, abs=0.02)) == stops


def test_a_wave_makes_a_crowd_and_no_line():
    line = [("Zergling", 12 + 0.9 * k, 16) for k in range(12)]
    arena = Arena([], line).send_enemies(9, 16)
    assert (arena.order == ORDER_ATTACK_MOVE).all()
    arena.run(200)
    assert (arena.order == ORDER_NONE).all()
    assert np.hypot(arena.x - 9, arena.y - 16).max() < 6  # a line of twelve is 8.25 long

from __future__ import annotations

import itertools

import numpy as np
import pytest
from arena import NAMES, TYPES, Arena

from marl.engine.facts.choices import Choices
from marl.engine.world import ORDER_ATTACK


def gaps(drops: list[tuple[int, float]]) -> list[int]:
    return [b[0] - a[0] for a, b in itertools.pairwise(drops)]


@pytest.mark.parametrize("seed", range(8))
def test_marines_shoot_every_13_to_16_loops_and_kill_a_marine_in_8_shots(seed):
    # Period 0.8608 s = 13.77 loops, lengthened by -1..+2: 12.77 to 15.77, in whole loops 13 to 16.
    arena = Arena([("Marine", 10, 16)], [("Marine", 14, 16)], seed=seed)
    arena.cooldown[1] = 1e6  # the victim does not shoot back
    drops = arena.act(6).drops(1, 130)
    # Loop 1 turns 62.5 degrees, loop 2 faces and swings, loop 3 (0.8 loops later) is the shot.
    assert drops[0] == (3, 6)
    assert [loss for _, loss in drops] == [6] * 7 + [3]
    assert set(gaps(drops)) <= {13, 14, 15, 16}
    assert 3 + 7 * 13 <= drops[-1][0] <= 3 + 7 * 16
    assert arena.health[1] == 0


def test_shots_are_one_period_and_the_mean_delay_apart():
    arena = Arena([("Marine", 10, 16)], [("Marine", 14, 16)])
    arena.cooldown[1], arena.health[1] = 1e9, 1e9
    spaces = gaps(arena.act(6).drops(1, 8000))
    # U(12.77, 15.77) rounded up: 13 with 0.23 / 3, 14 and 15 with 1 / 3 each, 16 with 0.77 / 3.
    expected = (13 * 0.2272 + 14 + 15 + 16 * 0.7728) / 3
    assert np.mean(spaces) == pytest.approx(expected, abs=0.15)  # 5 standard errors


@pytest.mark.parametrize("seed", range(4))
def test_a_stalker_kills_a_stalker_with_twelve_missiles(seed):
    arena = Arena([("Stalker", 10, 16)], [("Stalker", 15, 16)], seed=seed)
    arena.cooldown[1] = 1e6
    drops = arena.act(6).drops(1, 330)
    # Faces in loop 2, swings 2.67 loops: launch in loop 5. Edge to edge 5 - 1.25 = 3.75 at 1.172 a
    # loop: arrival in the 4th loop after, or in the one before it if the missile is moved first.
    assert drops[0] == (9, 14)
    assert [loss for _, loss in drops] == [14] * 5 + [13] + [13] * 5 + [12]
    assert set(gaps(drops)) <= {23, 24, 25, 26}  # 23.04 - 1 .. 23.04 + 2


@pytest.mark.parametrize("seed", range(4))
def test_a_zealot_strikes_twice_per_attack_and_kills_a_zealot_with_21_hits(seed):
    arena = Arena([("Zealot", 10, 16)], [("Zealot", 11, 16)], seed=seed)
    arena.cooldown[1] = 1e6
    drops = arena.act(6).drops(1, 250)
    assert drops[0][0] == 2  # no damage point: strikes as soon as it faces
    assert [loss for _, loss in drops] == [8] * 6 + [7] + [7] * 13 + [4]
    spaces = gaps(drops)
    assert set(spaces[::2]) == {5}  # 0.28 s = 4.48 loops
    pairs = [first + second for first, second in zip(spaces[::2], spaces[1::2], strict=True)]
    assert set(pairs) <= {19, 20, 21, 22}  # 19.2 - 1 .. 19.2 + 2


def test_a_weapon_reaches_its_range_between_edges():
    reach = 5 + 0.375 + 0.375
    for gap, loss in ((reach - 1e-6, 6), (reach + 0.2, 0)):
        arena = Arena([("Marine", 10, 16)], [("Marine", 10, 16 - gap)])
        arena.cooldown[1] = 1e6
        assert 45 - arena.act(6).run(2).health[1] == loss


def test_a_unit_behind_its_target_turns_first():
    arena = Arena([("Zealot", 10, 16)], [("Zealot", 10, 17)])  # faces south, the target is north
    assert [t for t, _ in arena.act(6).drops(1, 8)] == [3, 8]


def test_ordering_the_same_attack_again_does_not_restart_the_swing():
    arena = Arena([("Stalker", 10, 16)], [("Zealot", 10, 10)])
    for _ in range(4):
        arena.act(6).run(1)
    assert arena.missile[0] >= 0


def test_another_target_or_a_move_cuts_the_swing():
    arena = Arena([("Stalker", 10, 16)], [("Zealot", 9.5, 10), ("Zealot", 10.5, 10)])
    for k in range(12):
        arena.act(6 + k % 2).run(1)
    assert arena.missile[0] < 0
    arena.act(6).run(2).act(2).run(1)
    assert arena.missile[0] < 0
    assert arena.swing[0] == -1


def test_a_move_cuts_a_zealots_second_hit():
    arena = Arena([("Zealot", 10, 16)], [("Zealot", 10, 15)])
    arena.act(6).run(1)
    assert arena.shield[1] == 42
    assert arena.act(1).run(10).shield[1] == 42


def test_a_target_that_leaves_within_the_slop_is_still_hit():
    for gap, fired in ((7.5, True), (8.3, False)):  # reach 7.125, slop 1
        arena = Arena([("Stalker", 10, 16)], [("Zealot", 10, 9.5)])
        arena.act(6).run(1)
        arena.y[1] = 16 - gap
        arena.run(3)
        assert (arena.missile[0] >= 0) == fired


def test_a_missile_follows_its_target_and_hits_though_its_shooter_died():
    arena = Arena([("Stalker", 10, 16)], [("Zealot", 10, 10)])
    arena.act(6).run(4)
    assert arena.missile[0] >= 0
    arena.health[0] = 0
    arena.x[1], arena.y[1] = 16, 16  # far to the side of where it was aimed
    assert [loss for _, loss in arena.drops(1, 12)] == [10]
    assert arena.missile[0] == -1


def test_missiles_overkill():
    arena = Arena([("Stalker", 9, 16), ("Stalker", 11, 16)], [("Zealot", 10, 10)])
    arena.health[2], arena.shield[2] = 5, 0
    arena.act(6, 6).run(4)
    assert (arena.missile[:2] >= 0).all()
    assert arena.run(8).health[2] == 0
    assert (arena.missile[:2] == -1).all()
    assert (arena.cooldown[:2] > 0).all()  # both shots are spent


def test_a_missile_flies_for_the_gap_between_the_edges():
    for gap, first in ((2.0, 4 + 2), (4.0, 4 + 4), (4.8, 4 + 5)):  # 1.171875 a loop
        arena = Arena([("Stalker", 10, 16)], [("Marine", 10, 16 - gap - 1)])
        arena.cooldown[1] = 1e6  # so that it stands: the stalker is in its range
        assert arena.act(6).drops(1, 12) == [(first, 10)]  # launched in loop 4


def test_a_cooling_unit_stands_and_faces_its_target():
    arena = Arena([("Marine", 10, 16)], [("Marine", 14, 16)])
    arena.cooldown[:] = 50
    arena.act(6).run(8)
    assert (arena.x[0], arena.y[0]) == (10, 16)
    assert (arena.facing_x[0], arena.facing_y[0]) == (1, 0)


def test_the_delay_is_drawn_between_its_bounds():
    kind = NAMES.index("Marine")
    arena = Arena([("Marine", 10, 16)], [("Marine", 14, 16)])
    arena.health[:] = 1e9
    seen = []
    for _ in range(4000):
        before = arena.cooldown[0]
        arena.act(6).run(1)
        if arena.cooldown[0] > before:
            seen.append(arena.cooldown[0] - TYPES.period[kind])
    assert -1 <= min(seen) < -0.8
    assert 1.8 < max(seen) < 2


def test_a_swing_begins_before_the_weapon_is_ready_or_only_then():
    # A stalker swings 2.67 loops, in whole loops 3. 23.04 - 1 .. 23.04 + 2 from shot to shot.
    for extends, least, most in ((False, 23, 26), (True, 26, 29)):
        arena = Arena(
            [("Stalker", 10, 16)],
            [("Stalker", 15, 16)],
            choices=Choices(damage_point_extends_period=extends),
        )
        arena.cooldown[1], arena.health[1] = 1e6, 1e6
        found = gaps(arena.act(6).drops(1, 900))
        assert len(found) > 25
        assert least <= min(found) <= max(found) <= most


def test_missiles_fly_from_edge_to_edge_or_from_centre_to_centre():
    # 3 apart, less 0.625 and 0.375 for the edges; 1.171875 a loop; launched in loop 4.
    for edges, first in ((True, 4 + 2), (False, 4 + 3)):
        arena = Arena(
            [("Stalker", 10, 16)],
            [("Marine", 10, 13)],
            choices=Choices(missile_edge_to_edge=edges),
        )
        arena.cooldown[1] = 1e6
        assert arena.act(6).drops(1, 12) == [(first, 10)]


def test_a_hydralisk_strikes_at_once_what_is_within_half_a_grid_unit():
    # Far: swings 3.33 -> 4 loops, leaves in loop 5, 4 at 2.5 a loop. Near: 4.8 -> 5 loops, loop 6.
    # 0.7 away it sends a missile, which arrives in the loop after.
    for gap, first in ((4, 5 + 2), (0.5 - 1e-6, 6), (0.7, 5 + 1)):
        arena = Arena([("Marine", 10, 15 - gap)], [("Hydralisk", 10, 16)])
        arena.health[0] = 1e6
        drops = arena.drops(0, 40)
        assert drops[0] == (first, 12)
        assert set(gaps(drops)) <= {13, 14, 15, 16}  # 13.28 - 1 .. 13.28 + 2, either way


def test_a_spine_crawler_reaches_7_and_never_moves():
    # Swings 5.33 -> 6 loops; its tentacle leaves in loop 7 and crosses 7 at 1.456 a loop.
    reach = 7 + 0.875 + 0.375
    for gap, drops in ((reach - 1e-6, [(7 + 5, 25)]), (reach + 1e-6, [])):
        arena = Arena([("Marine", 10, 16 - gap)], [("SpineCrawler", 10, 16)])
        arena.send_enemies(20, 20)
        assert arena.drops(0, 20) == drops
        assert (arena.x[1], arena.y[1]) == (10, 16)


def test_a_spine_crawler_fires_again_at_who_comes_back_within_its_reach():
    arena = Arena([("Stalker", 10, 9)], [("SpineCrawler", 10, 16)])
    arena.run(12)
    assert arena.shield[0] == 80 - 30
    arena.y[0] = 4
    arena.run(60)
    assert (arena.shield[0], arena.y[1]) == (50, 16)
    arena.y[0] = 9
    assert arena.run(20).shield[0] == 20


def test_a_stock_unit_begins_a_new_swing_when_its_target_dies_of_another():
    # A stalker swings 3 loops, from loop 2, when it faces west; at loop 3 its target is gone.
    arena = Arena([("Zealot", 10, 16), ("Zealot", 9, 15)], [("Stalker", 14, 16)])
    arena.cooldown[:2] = 1e6
    arena.run(3)
    assert arena.swing[2] == 2
    arena.health[0] = 0
    arena.run(1)
    assert (arena.target[2], arena.swing[2]) == (1, 3)


def test_a_unit_told_whom_to_attack_looks_for_nobody_else():
    ring = [("Zealot", 16 + x, 16 + y) for x, y in ((0.85, 0), (-0.85, 0), (0, 0.85), (0, -0.85))]
    arena = Arena([("Stalker", 16, 16), ("Stalker", 22, 16)], [*ring, ("Zealot", 18.2, 16)])
    arena.health[:] = 1e6
    arena.order[6], arena.order_target[6] = ORDER_ATTACK, 0
    for _ in range(24):
        assert arena.run().target[6] == 0

"""An enemy colossus, in the north, against standing agents: the shot leaves in loop 3.

It aims at the nearest, which is straight south, where it looks already, and swings 1.33 loops, in
whole loops 2. The eleven points of a beam come 0.4992 loops apart: two in each of loops 4 to 8, the
last in loop 9. Hits follow 4 loops later, those on the target itself 11 * 0.4992 + 6 = 11.49 loops
after the shot: in loop 15.
"""

from __future__ import annotations

import numpy as np
import pytest
from arena import NAMES, OPEN, TYPES, Arena, Place

from marl.engine.facts.choices import Choices
from marl.engine.field import make_field

COLOSSUS = ("Colossus", 16, 21)
TARGET = ("Zergling", 16, 16)
AT_THE_END = 15
EDGE = 1.25 + 0.15 + 0.375  # how far along the line a zergling's centre is touched
MUCH = 1000.0


def fired(*others: Place, choices: Choices = Choices(), more: tuple[Place, ...] = ()) -> Arena:  # noqa: B008
    """A colossus fires at a zergling, with other agents near; they have so much life."""
    arena = Arena([TARGET, *others], [COLOSSUS, *more], choices=choices)
    arena.health[: len(others) + 1] = MUCH
    return arena


def losses(arena: Arena, loops: int = 25) -> list[list[tuple[int, float]]]:
    """(loop, loss) of each unit."""
    found: list[list[tuple[int, float]]] = [[] for _ in arena.health]
    for loop in range(1, loops + 1):
        before = arena.vitality()
        for i, loss in enumerate(before - arena.run().vitality()):
            if loss > 0:
                found[i].append((loop, loss))
    return found


def test_one_attack_kills_a_zergling():
    arena = Arena([TARGET], [COLOSSUS])
    assert losses(arena)[0] == [(AT_THE_END, 35)]


def test_the_target_takes_a_hit_of_each_beam_at_the_end_and_none_before():
    assert losses(fired())[0] == [(AT_THE_END, 40)]


def test_who_stands_on_the_line_is_hit_once_by_each_beam():
    east = losses(fired(("Zergling", 17.7, 16)))[1]  # 1.7: reached by the point at 1.25 alone
    assert east == [(3 + 1 + 4, 20), (3 + 6 + 4, 20)]
    middle = losses(fired(("Zergling", 16, 15.9)))[1]  # the points at -0.5 and 0.5 are the first
    assert middle == [(3 + 2 + 4, 40)]


def test_the_line_is_2_5_long_and_crosses_the_shot_at_a_right_angle():
    places = [
        ("Zergling", 16 + EDGE - 1e-6, 16),
        ("Zergling", 16 + EDGE + 1e-6, 16),
        ("Zergling", 16 - EDGE + 1e-6, 16),
        ("Zergling", 16 - EDGE - 1e-6, 16),
        ("Zergling", 16.25, 15.48),  # a beam's point of 0.15 and a zergling of 0.375: 0.525
        ("Zergling", 16.25, 15.47),
    ]
    arena = fired(*places).run(AT_THE_END)
    assert (MUCH - arena.health[1:7]).tolist() == [40, 0, 40, 0, 40, 0]


def test_the_radius_of_who_is_touched_counts_or_not():
    for counts, loss in ((True, [40, 40]), (False, [40, 0])):
        arena = fired(
            ("Zergling", 17.39, 16),
            ("Zergling", 17.41, 16),
            choices=Choices(sweep_counts_radius=counts),
        )
        assert (MUCH - arena.run(AT_THE_END).health[1:3]).tolist() == loss


def test_armour_counts_for_each_hit():
    arena = fired(("Zealot", 16.5, 15.7))
    arena.shield[1], arena.shield_wait[1] = 0, 160
    assert sum(loss for _, loss in losses(arena)[1]) == 2 * 19


def test_beams_spare_friends_and_what_flies():
    table = TYPES.table.copy()
    table["targets"][NAMES.index("Marauder")] = 0  # so that it stands where it is
    arena = fired(("Medivac", 16.5, 16), more=(("Marauder", 15.5, 16),))
    arena.field = make_field(table, OPEN, Choices().record())
    found = losses(arena)
    assert found[0] == [(AT_THE_END, 40)]
    assert found[1] == found[3] == []


def test_two_colossi_hit_twice_as_often():
    arena = fired(("Zergling", 16.4, 15.8), more=(("Colossus", 15.5, 21),))
    assert sum(loss for _, loss in losses(arena)[1]) == 4 * 20


def test_each_attack_hits_anew():
    arena = fired(("Zergling", 16.4, 15.8))
    # A period is 35.2 loops, -1 to +2: the second shot leaves in loops 38 to 41.
    assert sum(loss for _, loss in losses(arena, 60)[1]) == 2 * 40


def test_beams_end_with_the_colossus_and_hits_under_way_land():
    arena = fired(("Zergling", 17.7, 16))
    arena.run(5)
    arena.health[2] = 0
    assert losses(arena) == [[], [(8 - 5, 20)], []]


@pytest.mark.parametrize("cuts", [True, False])
def test_another_order_ends_the_beams_or_not(cuts: bool):
    arena = Arena([COLOSSUS], [TARGET], choices=Choices(order_cuts_burst=cuts))
    arena.health[1], arena.cooldown[1] = MUCH, MUCH
    arena.act(6).run(4).act(1).run(12)
    assert arena.health[1] == (MUCH if cuts else MUCH - 40)


@pytest.mark.parametrize("follows", [True, False])
def test_the_line_follows_the_target_or_stays(follows: bool):
    arena = fired(
        ("Zergling", 16.4, 15.9),
        ("Zergling", 12.4, 15.9),
        choices=Choices(sweep_follows_target=follows),
    )
    arena.run(3)
    arena.x[0] = 12
    arena.run(12)
    lost = MUCH - arena.health[:3]
    assert lost.tolist() == ([40, 0, 40] if follows else [40, 40, 0])


def test_a_colossus_stands_until_its_beams_have_ended_though_the_target_died():
    arena = fired()
    arena.send_enemies(16, 2).run(4)
    arena.health[0] = 0
    arena.run(10)
    assert (arena.x[1], arena.y[1]) == (16, 21)
    assert arena.run(4).y[1] < 21


def test_the_battle_keeps_no_trace_of_beams_once_they_are_over():
    arena = fired(("Zergling", 16.4, 15.8)).run(AT_THE_END)
    assert np.all(arena.beam_due == 0)
    assert arena.burst[2] == -1

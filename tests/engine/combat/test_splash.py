from __future__ import annotations

import pytest
from arena import Arena, Place

from marl.engine.combat.vitals import die
from marl.engine.facts.choices import Choices
from marl.engine.world import NO_UNIT

RADIUS = 2.2


def exploded(victims: list[Place], friends: list[Place] = [], **choices: bool) -> list[float]:  # noqa: B006
    """The victims' losses when an enemy baneling at (16, 16) dies among them, not armed."""
    arena = Arena(victims, [("Baneling", 16, 16), *friends], choices=Choices(**choices))
    before = arena.vitality()
    die(arena.field, arena.units, len(victims))
    arena.run(1)
    lost = (before - arena.vitality()).tolist()
    return lost[: len(victims)] + lost[len(victims) + 1 :]


def test_it_hits_for_20_and_15_more_what_is_light():
    # 35 on a marine and on a shield; the marauder's armour takes 1 of 20.
    assert exploded([("Marine", 16, 18), ("Zealot", 18, 16), ("Marauder", 14, 16)]) == [35, 35, 19]


def test_its_radius_is_2_2_to_an_edge_or_to_a_centre():
    gaps = (RADIUS + 0.375 - 1e-6, RADIUS + 0.375 + 1e-6, RADIUS - 1e-6, RADIUS + 1e-6)
    victims: list[Place] = [
        ("Marine", 16 - gaps[0], 16),
        ("Marine", 16 + gaps[1], 16),
        ("Marine", 16, 16 - gaps[2]),
        ("Marine", 16, 16 + gaps[3]),
    ]
    assert exploded(victims) == [35, 0, 35, 35]
    assert exploded(victims, splash_counts_radius=False) == [0, 0, 35, 0]


def test_buildings_lose_80_less_armour_and_what_flies_nothing():
    assert exploded([("SpineCrawler", 18, 16), ("Medivac", 15, 16)]) == [78, 0]


def test_friends_are_spared():
    assert exploded([("Marine", 15, 16)], [("Zealot", 30, 30), ("Medivac", 16, 17)]) == [35, 0, 0]


def test_five_banelings_kill_a_zealot_and_four_do_not():
    # 35 of 50 shield; then 15 and 20 - 1 life; then 34 life each: 81, 47, 13, dead.
    for count, left in ((4, 13), (5, 0)):
        arena = Arena([("Zealot", 16, 16)], [("Baneling", 17, 16)] * count)
        for i in range(count):
            die(arena.field, arena.units, 1 + i)
        assert arena.run(1).vitality()[0] == left


def test_it_explodes_on_reaching_its_target_without_standing_still():
    # Reach 0.25 + 0.375 + 0.5 = 1.125; 3.05 - 1.125 = 1.925 at 0.15625 a loop: after 13 loops.
    arena = Arena([("Zealot", 16, 16)], [("Baneling", 16, 19.05)])
    assert arena.run(13).vitality().tolist() == [150, 30]
    assert arena.y[1] == pytest.approx(19.05 - 13 * 0.15625)
    assert arena.run(1).vitality().tolist() == [115, 0]


def test_it_explodes_when_it_is_shot():
    arena = Arena([("Marine", 16, 16), ("Zealot", 17, 14)], [("Baneling", 16, 14)])
    arena.health[2] = 6
    arena.act(6, 0)
    assert [loss for _, loss in arena.drops(1, 6)] == [35]
    assert arena.health[2] == 0


def test_the_dead_explode_once():
    arena = Arena([("Zealot", 16, 16)], [("Baneling", 16, 17)])
    arena.run(20)
    assert arena.vitality().tolist() == [115, 0]


def test_one_explosion_sets_off_the_next_in_the_same_loop():
    # 2 apart, turn about on either side: each reaches its neighbours alone, and kills them.
    row = [("Baneling", 8.0 + 2.0 * k, 16.0) for k in range(6)]
    arena = Arena(row[::2], row[1::2])  # agents at 8, 12, 16; enemies at 10, 14, 18
    arena.health[:] = 15
    die(arena.field, arena.units, 0)
    arena.all.units["order"] = 1  # everybody walks where it is
    arena.order_x[:], arena.order_y[:] = arena.x, arena.y
    assert arena.run(1).health.tolist() == [0] * 6
    assert (arena.fuse == 0).all()


def test_a_baneling_goes_for_a_building_only_when_told():
    arena = Arena([("SpineCrawler", 16, 13)], [("Baneling", 16, 16)])
    arena.cooldown[0] = 1e6
    assert arena.run(40).target[1] == NO_UNIT
    ordered = Arena([("Baneling", 16, 16)], [("SpineCrawler", 16, 13)])
    ordered.cooldown[1] = 1e6
    assert ordered.act(6).run(20).health.tolist() == [0, pytest.approx(300 - 78, abs=0.35)]

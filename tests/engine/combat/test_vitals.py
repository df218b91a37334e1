from __future__ import annotations

import pytest
from arena import Arena

from marl.engine.combat.vitals import hit
from marl.engine.facts.choices import Choices


def hits_needed(shooter: str, victim: str) -> list[float]:
    """Loss of health and shield at each hit until the victim is dead."""
    arena = Arena([(shooter, 4, 4)], [(victim, 20, 20)])
    losses = []
    while arena.health[1] > 0:
        before = arena.vitality()[1]
        hit(arena.field, arena.units, 0, 1)
        losses.append(before - arena.vitality()[1])
    return losses


def test_a_marine_dies_of_eight_marine_hits():
    assert hits_needed("Marine", "Marine") == [6] * 7 + [3]  # 45 life, no armour


def test_a_stalker_dies_of_six_hits_on_its_shield_and_six_more():
    # 80 shield: 5 x 14, the sixth takes 10 and spills 4 - 1 armour = 3 life. Then 77 life by 13:
    # 13 x 5, 12.
    assert hits_needed("Stalker", "Stalker") == [14] * 5 + [13] + [13] * 5 + [12]


def test_a_zealot_dies_of_seven_hits_on_its_shield_and_fourteen_more():
    # 50 shield: 6 x 8, the seventh takes 2 and spills 6 - 1 = 5 life. Then 95 life by 7: 13 x 7, 4.
    assert hits_needed("Zealot", "Zealot") == [8] * 6 + [7] + [7] * 13 + [4]


def test_the_bonus_counts_only_against_its_attribute():
    assert hits_needed("Stalker", "Zealot")[0] == 10
    assert hits_needed("Stalker", "Stalker")[0] == 14


def test_a_hit_takes_at_least_half_a_life_point():
    arena = Arena([("Marine", 4, 4)], [("Zealot", 20, 20)])
    arena.shield[1] = 5.5  # the rest of 0.5 is below the armour of 1
    hit(arena.field, arena.units, 0, 1)
    assert arena.health[1] == 99.5
    assert arena.shield[1] == 0


def test_what_a_shield_leaves_of_a_hit_may_be_too_little_to_hurt():
    arena = Arena([("Marine", 4, 4)], [("Zealot", 20, 20)], choices=Choices(overflow_minimum=False))
    arena.shield[1] = 5.5
    hit(arena.field, arena.units, 0, 1)
    assert arena.vitality()[1] == 100
    arena.shield[1] = 0
    hit(arena.field, arena.units, 0, 1)
    assert arena.vitality()[1] == 95


def test_a_marauder_needs_no_more_than_its_bonus_says():
    assert hits_needed("Marauder", "Marine") == [10] * 4 + [5]
    assert hits_needed("Marauder", "Stalker")[0] == 20


def test_zerg_life_grows_back():
    arena = Arena([("Zergling", 4, 4)])
    arena.health[0] = 20
    assert arena.run(160).health[0] == pytest.approx(20 + 2.734)
    assert arena.run(1600).health[0] == 35


def test_a_shield_that_takes_the_whole_hit_leaves_life_alone():
    arena = Arena([("Marine", 4, 4)], [("Zealot", 20, 20)])
    arena.shield[1] = 6
    hit(arena.field, arena.units, 0, 1)
    assert (arena.health[1], arena.shield[1]) == (100, 0)


def test_a_shield_regenerates_an_eighth_per_loop_ten_seconds_after_the_last_hit():
    arena = Arena([("Marine", 4, 4)], [("Zealot", 20, 20)])
    hit(arena.field, arena.units, 0, 1)
    arena.run(100)
    hit(arena.field, arena.units, 0, 1)  # the wait starts anew
    assert arena.run(159).shield[1] == 50 - 12
    assert arena.run(1).shield[1] == 38.125
    assert arena.run(7).shield[1] == 39
    assert arena.run(200).shield[1] == 50


def test_other_life_does_not():
    arena = Arena([("Marine", 4, 4)], [("Zealot", 20, 20)])
    arena.health[:] = 20
    assert arena.run(400).health.tolist() == [20, 20]


def test_the_dead_change_nothing():
    arena = Arena([("Marine", 10, 10)], [("Zealot", 11, 10), ("Zealot", 12, 10)])
    arena.health[1:] = 0
    arena.act(6).run(80)
    assert arena.x.tolist() == [10, 11, 12]
    assert arena.health.tolist() == [45, 0, 0]
    arena.act(4).run(8)  # walks east through the two bodies
    assert arena.x[0] == pytest.approx(10 + 8 * 2.25 / 16)
    assert arena.y[0] == 10

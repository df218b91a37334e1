from __future__ import annotations

import pytest
from arena import Arena

from marl.engine.combat.orders import ACTION_NO_OP, FIRST_ATTACK
from marl.engine.facts.choices import Choices
from marl.engine.world import NO_UNIT, ORDER_HEAL, ORDER_NONE

HEAL = FIRST_ATTACK  # + the agent's number
MEDIVAC = ("Medivac", 16, 16)  # faces south
REACH = 4 + 0.75 + 0.375  # from a medivac's centre to a marine's
SCAN = 6 + 0.75 + 0.375


def ordered(*friends: tuple[str, float, float]) -> Arena:
    """An agent's medivac, ordered to heal the first of the others, which has 20 health."""
    arena = Arena([MEDIVAC, *friends])
    arena.health[1] = 20
    return arena.act(HEAL + 1, *[ACTION_NO_OP] * len(friends))


def test_a_medivac_gives_9_life_a_second_for_a_third_of_an_energy_each():
    arena = ordered(("Marine", 16, 12)).run(16)
    assert arena.health[1] == 29
    assert arena.energy[0] == pytest.approx(50 - 9 * 0.33 + 0.5625)  # 0.5625 comes back a second


def test_an_energy_store_fills_up_to_200():
    arena = Arena([MEDIVAC])
    arena.energy[0] = 199.9
    assert arena.run(1).energy[0] == pytest.approx(199.9 + 0.5625 / 16)
    assert arena.run(10).energy[0] == 200


def test_a_heal_ends_when_the_patient_is_whole_and_costs_no_more_than_was_lost():
    arena = ordered(("Marine", 16, 12))
    arena.health[1] = 44.9
    arena.run(1)
    assert arena.health[1] == 45
    assert arena.energy[0] == pytest.approx(50 + 0.5625 / 16 - 0.1 * 0.33)
    assert arena.run(1).order[0] == ORDER_NONE


def test_a_heal_ends_when_the_energy_does():
    arena = ordered(("Marine", 16, 12))
    arena.energy[0] = 0.33 - 3 * 0.5625 / 16  # and the gain of two or three loops
    arena.run(8)
    assert arena.order[0] == ORDER_NONE
    assert arena.health[1] == pytest.approx(21, abs=0.11)  # 0.107 life is one loop's energy


def test_a_medivac_comes_as_near_as_4_between_edges_and_stays_there():
    arena = ordered(("Marine", 16, 6))
    arena.run(1)
    while arena.health[1] == 20:
        assert arena.y[0] - 6 > REACH - 0.2
        arena.run(1)
    assert arena.y[0] - 6 <= REACH
    before = arena.y[0]
    arena.run(8)
    assert before - arena.y[0] < 1.0  # it may have to brake


@pytest.mark.parametrize("friend", ["Stalker", "SpineCrawler", "Medivac"])
def test_machines_and_buildings_are_not_healed(friend: str):
    arena = ordered((friend, 16, 13)).run(8)
    assert arena.order[0] == ORDER_NONE
    assert arena.health[1] <= 20.2  # the crawler grows 0.0171 a loop by itself


def test_orders_to_heal_the_whole_itself_or_nobody_are_refused():
    arena = Arena([MEDIVAC, ("Marine", 16, 13)], [("Zealot", 30, 30)])
    arena.health[0] = 100
    for action in (HEAL, HEAL + 1, HEAL + 2):
        assert arena.act(action, ACTION_NO_OP).order[0] == ORDER_NONE
    arena.health[1] = 44
    arena.energy[0] = 0
    assert arena.act(HEAL + 1, ACTION_NO_OP).order[0] == ORDER_NONE
    arena.energy[0] = 1
    assert arena.act(HEAL + 1, ACTION_NO_OP).order[0] == ORDER_HEAL


def test_agents_medivacs_heal_only_when_told():
    for by_themselves in (False, True):
        arena = Arena(
            [MEDIVAC, ("Marine", 16, 12)], choices=Choices(ally_medivac_autocast=by_themselves)
        )
        arena.health[1] = 20
        assert (arena.run(16).health[1] > 20) == by_themselves


def test_a_stock_medivac_heals_who_has_the_least_share_of_its_life_then_the_nearest():
    arena = Arena([], [MEDIVAC, ("Marauder", 16, 12), ("Marine", 16, 13), ("Marine", 16, 14)])
    arena.health[1:] = 75, 20, 20  # of 125, 45, 45: 0.6, 0.44, 0.44
    assert arena.run(1).target[0] == 3
    arena.health[2] = 10  # a patient is kept until it is whole
    assert arena.run(1).target[0] == 3
    arena.health[3] = 45
    assert arena.run(1).target[0] == 2


def test_a_stock_medivac_looks_6_around_between_edges_and_begins_with_5_energy():
    for gap, energy, target in (
        (SCAN - 0.01, 5, 1),
        (SCAN + 0.01, 5, NO_UNIT),
        (SCAN - 0.01, 4.9, NO_UNIT),
    ):
        arena = Arena([], [MEDIVAC, ("Marine", 16, 16 - gap)])
        arena.health[1], arena.energy[0] = 20, energy
        assert arena.run(1).target[0] == target


def test_two_medivacs_may_share_a_patient_or_not():
    for shared, targets in ((True, [2, 2]), (False, [2, 3])):
        enemies = [MEDIVAC, ("Medivac", 18, 16), ("Marine", 16, 13), ("Marine", 18, 13)]
        arena = Arena([], enemies, choices=Choices(patient_shared=shared))
        arena.health[2:] = 20, 30
        assert sorted(arena.run(2).target[:2]) == targets


@pytest.mark.parametrize(("drifts", "end"), [(True, 1.55), (False, 0.0)])
def test_a_medivac_that_begins_to_heal_drifts_on_if_flyers_do(drifts: bool, end: float):
    # Brakes from 2.75 at 2.3125 a second: v * v / (2 a) = 1.63, less half a loop's way.
    arena = Arena([MEDIVAC, ("Marine", 16, 12)], choices=Choices(flyers_drift=drifts))
    arena.velocity_y[0] = -2.75 / 16
    arena.health[1] = 20
    arena.act(HEAL + 1, ACTION_NO_OP).run(16)
    assert arena.health[1] == 29
    arena.run(8)
    assert 16 - arena.y[0] == pytest.approx(end, abs=0.02)


@pytest.mark.parametrize("follows", [True, False])
def test_a_medivac_under_attack_move_stays_with_its_army_or_flies_ahead(follows: bool):
    enemies = [("Medivac", 30, 16), ("Marine", 30, 14), ("Marine", 30, 18)]
    arena = Arena([], enemies, choices=Choices(enemy_medivac_follows=follows))
    arena.send_enemies(2, 16).run(128)  # marines walk 18, a medivac alone could fly 22
    assert arena.x[1:] == pytest.approx([12, 12], abs=0.5)
    if follows:
        # It flies as if to stop at the army's centre: 2.25^2 / (2 * 2.3125) = 1.09 behind it.
        assert arena.x[0] == pytest.approx(12 + 1.09, abs=0.4)
    else:
        assert arena.x[0] < 11
    arena.run(16 * 20)
    assert (arena.order == ORDER_NONE).all()
    assert arena.x[0] == pytest.approx(2, abs=0.5)


def test_a_medivac_under_attack_move_stops_to_heal():
    arena = Arena([], [("Medivac", 20, 16), ("Marine", 20, 12)])
    arena.health[1] = 20
    arena.send_enemies(19.9, 16).run(16)
    assert arena.health[1] > 20

from __future__ import annotations

import numpy as np
import pytest
from arena import MOVE_AMOUNT, Arena

from marl.engine.combat import orders
from marl.engine.combat.orders import ACTION_NORTH, ACTION_STOP, FIRST_ATTACK
from marl.engine.facts.choices import Choices
from marl.engine.world import ORDER_ATTACK, ORDER_HEAL, ORDER_MOVE, ORDER_NONE, ORDER_STOP

FIRST_AFTER_VIEWS = FIRST_ATTACK + 12  # SMACv2's twelve directions come between


def test_targets_of_healers_are_agents_and_those_of_others_enemies():
    arena = Arena([("Marine", 10, 16), ("Medivac", 10, 12)], [("Marine", 14, 16)])
    arena.health[0] = 20
    arena.act(FIRST_ATTACK, FIRST_ATTACK)
    assert arena.order[:2].tolist() == [ORDER_ATTACK, ORDER_HEAL]
    assert arena.order_target[:2].tolist() == [2, 0]


def test_turns_of_the_view_leave_the_order_alone():
    arena = Arena([("Marine", 10, 16)], [("Marine", 14, 16), ("Marine", 14, 18)])
    for action, order in (
        (ACTION_NORTH, ORDER_MOVE),
        (FIRST_ATTACK, ORDER_MOVE),
        (FIRST_AFTER_VIEWS - 1, ORDER_MOVE),
        (FIRST_AFTER_VIEWS + 1, ORDER_ATTACK),
    ):
        orders.give_agent_orders(
            arena.field, arena.units, 1, np.array([action]), MOVE_AMOUNT, FIRST_AFTER_VIEWS
        )
        assert arena.order[0] == order
    assert arena.order_target[0] == 2


@pytest.mark.parametrize("stops", [False, True])
def test_who_is_told_to_attack_what_it_cannot_hit_goes_on_or_stops(stops: bool):
    arena = Arena(
        [("Marauder", 10, 16)], [("Medivac", 14, 16)], choices=Choices(refused_order_stops=stops)
    )
    arena.act(ACTION_NORTH).run(4).act(FIRST_ATTACK).run(4)
    assert arena.order[0] == (ORDER_STOP if stops else ORDER_MOVE)
    assert arena.y[0] == pytest.approx(16 + (4 if stops else 8) * 2.25 / 16)


def test_unarmed_units_have_nothing_to_attack_with():
    arena = Arena([("Medivac", 10, 16)], [("Marine", 14, 16)])
    orders.order_attack(arena.field, arena.units, 0, 1)
    assert arena.order[0] == ORDER_NONE


@pytest.mark.parametrize("resets", [False, True])
def test_the_same_attack_again_goes_on_with_the_swing_or_begins_it_anew(resets: bool):
    arena = Arena(
        [("Stalker", 10, 16)], [("Zealot", 10, 10)], choices=Choices(reissue_resets_swing=resets)
    )
    for _ in range(8):
        arena.act(FIRST_ATTACK).run(1)
    assert (arena.cooldown[0] > 0) == (not resets)


@pytest.mark.parametrize("cuts", [False, True])
def test_another_order_takes_away_the_second_hit_or_not(cuts: bool):
    arena = Arena(
        [("Zealot", 10, 16)], [("Zealot", 10, 15)], choices=Choices(order_cuts_burst=cuts)
    )
    arena.cooldown[1] = 1e6
    arena.act(FIRST_ATTACK).run(1).act(ACTION_STOP).run(10)
    assert arena.shield[1] == (42 if cuts else 34)

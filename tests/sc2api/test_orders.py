"""What becomes of raw commands."""

from __future__ import annotations

import numpy as np
import pytest

from marl.sc2api.places import intended
from tests.sc2api.player import ATTACK, HEAL, MOVE, STOP, Player

GENERAL = {STOP: 3665, MOVE: 3794, ATTACK: 3674}
SMART = 1


@pytest.mark.parametrize("general", [False, True])
def test_specific_and_general_abilities_give_the_same_orders(general: bool):
    player = Player("3m")
    allies, enemies = player.teams()

    def ability(number: int) -> int:
        return GENERAL[number] if general else number

    player.order(ability(MOVE), allies[0].tag, at=(12.0, 17.0))
    player.order(ability(ATTACK), allies[1].tag, unit=enemies[2].tag)
    player.order(ability(ATTACK), allies[2].tag, at=(12.0, 14.0))
    orders = [unit.orders[0] for unit in player.teams()[0]]
    assert [order.ability_id for order in orders] == [MOVE, ATTACK, ATTACK]
    point = orders[0].target_world_space_pos
    assert (point.x, point.y) == (12.0, 17.0)
    assert orders[1].target_unit_tag == enemies[2].tag
    player.step(8)
    assert all(
        unit.pos.x > before.pos.x for unit, before in zip(player.teams()[0], allies, strict=True)
    )
    player.order(ability(STOP), *(unit.tag for unit in allies))
    assert not any(unit.orders for unit in player.teams()[0])


def test_a_right_click_attacks_enemies_heals_friends_and_walks_to_places():
    player = Player("MMM")
    allies, enemies = player.teams()
    medivac = next(unit.tag for unit in allies if unit.energy > 0)
    marine = next(unit.tag for unit in allies if unit.health_max == 45)
    player.order(SMART, marine, unit=enemies[0].tag)
    assert given(player)[marine] == ATTACK
    player.order(SMART, marine, at=(9.0, 16.0))
    assert given(player)[marine] == MOVE
    while not (wounded := [u.tag for u in player.teams()[0] if u.health < u.health_max]):
        player.step(1)
    player.order(SMART, medivac, unit=wounded[0])
    assert given(player)[medivac] == HEAL


def given(player: Player) -> dict[int, int]:
    """The ability of each unit's order."""
    return {unit.tag: unit.orders[0].ability_id for unit in player.units() if unit.orders}


def test_an_attack_order_on_a_dead_enemy_is_a_stop_as_in_the_engine():
    player = Player("3m")
    allies, enemies = player.teams()
    player.order(MOVE, allies[0].tag, at=(12.0, 16.0))
    player.kill(enemies[0].tag)
    player.step(1)
    player.order(ATTACK, allies[0].tag, unit=enemies[0].tag)
    assert not player.units()[0].orders


def test_a_place_counted_from_what_was_told_is_meant_from_where_the_unit_is():
    rng = np.random.default_rng(1)
    for here in rng.uniform(0, 32, 2000):
        for away in (0.0, 2.0, -2.0, 3.0, 0.5):
            said = float(np.float32(float(np.float32(here)) + away))
            assert intended(here, said) == here + away


def test_any_other_place_is_taken_as_it_is_said():
    rng = np.random.default_rng(2)
    for here, said in np.float32(rng.uniform(0, 32, (2000, 2))).tolist():
        assert abs(intended(here + 1e-7, said) - said) < 4e-6
    assert intended(3.0, 1e30) == np.float32(1e30) or intended(3.0, 1e30) == 1e30
    assert np.isnan(intended(3.0, float("nan")))
    assert intended(3.0, float("inf")) == float("inf")

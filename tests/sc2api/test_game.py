"""The game's answers: what clients are told, and what is refused."""

from __future__ import annotations

from s2clientprotocol import sc2api_pb2 as api

from tests.sc2api.player import Player


def test_a_battle_of_3m_goes_from_creation_to_respawn():
    player = Player("3m", seed=3)
    allies, enemies = player.teams()
    assert (len(allies), len(enemies)) == (3, 3)
    assert {unit.unit_type for unit in enemies} == {48}
    player.kill(*(unit.tag for unit in allies + enemies))
    player.step(2)
    assert player.units() == []
    player.step(1)
    player.step(1)
    assert player.units() == []
    player.step(1)
    again = player.units()
    assert [unit.pos for unit in again] == [unit.pos for unit in allies + enemies]
    assert not {unit.tag for unit in again} & {unit.tag for unit in allies + enemies}
    assert player.status == api.in_game

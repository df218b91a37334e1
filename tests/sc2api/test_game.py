"""The game's answers, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
from s2clientprotocol import common_pb2, debug_pb2, error_pb2, query_pb2
from s2clientprotocol import sc2api_pb2 as api

from marl.engine.facts.scenario import load_scenario, scenario_names
from marl.engine.smacv2.generation import load_facts
from marl.replay.film import Film
from tests.sc2api.player import ATTACK, MOVE, STOP, Player, creation

STOCK_MARINE, STOCK_MARAUDER, STOCK_ZEALOT = 48, 51, 73


def test_a_map_starts_again_three_loops_after_a_look_at_it_empty():
    player = Player("3m", seed=3)
    allies, enemies = player.teams()
    assert (len(allies), len(enemies)) == (3, 3)
    player.kill(*(unit.tag for unit in allies + enemies))
    player.step(2)
    assert player.units() == []
    for _ in range(2):
        player.step(1)
        assert player.units() == []
    player.step(1)
    again = player.units()
    assert [unit.pos for unit in again] == [unit.pos for unit in allies + enemies]
    assert not {unit.tag for unit in again} & {unit.tag for unit in allies + enemies}
    assert player.status == api.in_game


def test_a_map_does_not_start_again_before_anybody_saw_it_empty():
    player = Player("3m")
    player.kill(*(unit.tag for unit in player.units()))
    player.step(50)
    assert player.units() == []


@pytest.mark.parametrize("name", scenario_names())
def test_every_map_shows_its_units_in_a_stable_order(name: str):
    player, scenario = Player(name), load_scenario(name)
    allies, enemies = player.teams()
    assert (len(allies), len(enemies)) == (scenario.count("ally"), scenario.count("enemy"))
    first = [unit.tag for unit in player.units()]
    assert first == sorted(set(first))
    player.step(8)
    left = [unit.tag for unit in player.units()]
    assert left == [tag for tag in first if tag in set(left)]


@pytest.mark.parametrize("name", scenario_names())
def test_agents_types_follow_each_other_by_name_after_all_stock_types(name: str):
    player = Player(name)
    allies, enemies = player.teams()
    data = player.ask(data=api.RequestData(unit_type_id=True)).data
    names = {unit.unit_id: unit.name for unit in data.units}
    assert sorted(names) == list(range(len(data.units)))
    own = sorted({unit.unit_type for unit in allies})
    assert own == list(range(len(data.units) - len(own), len(data.units)))
    assert [names[number] for number in own] == sorted(names[number] for number in own)
    assert all(unit.unit_type < min(own) and names[unit.unit_type] for unit in enemies)


def test_smac_v2_finds_nine_agent_types_at_the_end_of_the_table():
    data = Player("32x32_flat").ask(data=api.RequestData(unit_type_id=True)).data
    names = [unit.name.removesuffix("_RL").lower() for unit in data.units[-9:]]
    expected = "baneling colossus hydralisk marauder marine medivac stalker zealot zergling"
    assert names == expected.split()
    drawn = {name for race in load_facts().races.values() for name in race.unit_types}
    assert set(names) == drawn


def test_health_and_shields_are_those_that_smac_counts_its_reward_from():
    _, enemies = Player("3s_vs_5z").teams()
    assert sum(unit.health_max + unit.shield_max for unit in enemies) == 5 * 150
    assert {(unit.health, unit.shield, unit.weapon_cooldown) for unit in enemies} == {(100, 50, 0)}


def test_game_info_describes_ground_and_players():
    info = Player("corridor").ask(game_info=api.RequestGameInfo()).game_info
    raw, walkable = info.start_raw, load_scenario("corridor").walkable
    assert (raw.map_size.x, raw.map_size.y) == (32, 32)
    assert (raw.playable_area.p1.x, raw.playable_area.p1.y) == (32, 32)
    bits = [byte >> n & 1 for byte in raw.pathing_grid.data for n in range(7, -1, -1)]
    assert bits == [int(cell == 1) for cell in walkable.ravel()]
    assert (raw.pathing_grid.bits_per_pixel, len(raw.terrain_height.data)) == (1, 1024)
    players = [(p.player_id, p.type, p.race_requested) for p in info.player_info]
    assert players == [(1, api.Participant, 1), (2, api.Computer, 1)]
    assert info.options.raw
    assert info.local_map_path == "SMAC_Maps/corridor.SC2Map"


def test_who_keeps_score_is_told_how_the_game_ended():
    player = Player("3m", score=True)
    _, enemies = player.teams()
    player.kill(*(unit.tag for unit in enemies))
    player.step(8)
    assert player.status == api.ended
    results = [(entry.player_id, entry.result) for entry in player.observe().player_result]
    assert results == [(1, api.Victory), (2, api.Defeat)]
    assert player.say(step=api.RequestStep(count=1)).error == ["Game has already ended"]
    player.ask(restart_game=api.RequestRestartGame())
    assert (player.status, len(player.units())) == (api.in_game, 6)


@pytest.mark.parametrize(("dead", "result"), [([0], api.Defeat), ([0, 1], api.Tie)])
def test_a_side_without_units_has_lost_and_two_such_sides_are_even(dead: list[int], result: int):
    player = Player("3m", score=True)
    player.kill(*(unit.tag for side in dead for unit in player.teams()[side]))
    player.step(1)
    assert player.observe().player_result[0].result == result


def test_an_empty_map_does_not_end_before_both_sides_have_had_units():
    player = Player("32x32_flat", score=True)
    player.create((STOCK_MARINE, 1, 4.0, 4.0))
    player.step(8)
    assert player.status == api.in_game
    player.create((STOCK_MARINE, 2, 28.0, 28.0))
    player.step(8)
    assert player.status == api.in_game
    player.kill(player.teams()[0][0].tag)
    player.step(1)
    assert player.status == api.ended


def test_the_enemies_of_an_empty_map_hunt_who_is_nearest():
    player = Player("10gen_terran")
    player.create((STOCK_MARINE, 2, 28.0, 16.0), (STOCK_MARINE, 1, 2.0, 16.0))
    player.create((STOCK_MARINE, 1, 6.0, 16.0))
    player.step(1)
    assert not player.teams()[1][0].orders
    player.step(8)
    allies, (enemy,) = player.teams()
    nearest = max(allies, key=lambda unit: unit.pos.x)
    assert enemy.orders[0].target_unit_tag == nearest.tag
    assert enemy.pos.x < 28.0


def test_a_second_game_begins_in_the_same_process():
    player = Player("3m", score=True)
    player.ask(create_game=creation("8m"))
    assert player.status == api.init_game
    player.ask(join_game=api.RequestJoinGame(race=1, options=api.InterfaceOptions(raw=True)))
    assert len(player.units()) == 16
    player.ask(leave_game=api.RequestLeaveGame())
    assert player.status == api.launched
    player.ask(quit=api.RequestQuit())
    assert player.status == api.quit


def test_games_without_a_seed_differ_and_games_of_one_seed_do_not():
    def course(seed: int | None) -> list[tuple[float, float]]:
        player = Player("3m", seed=seed)
        player.step(100)
        return [(unit.health, unit.weapon_cooldown) for unit in player.units()]

    assert course(5) == course(5)
    assert len({tuple(course(None)) for _ in range(6)}) > 1


def test_the_replay_is_a_film_of_the_battle():
    player = Player("3m", seed=3)
    for _ in range(30):
        player.step(8)
    film = Film.from_bytes(player.ask(save_replay=api.RequestSaveReplay()).save_replay.data)
    assert (film.map_name, len(film.loops), film.loops[-1]) == ("3m", 31, 240)
    assert film.side.tolist() == [0, 0, 0, 1, 1, 1]
    assert film.outcome == {"battle_won": False, "dead_allies": 3, "dead_enemies": 0}
    health = film.values("health")[20]
    assert health.sum() < film.values("health")[0].sum()


def test_the_replay_of_a_battle_that_has_not_begun_is_the_one_before():
    player = Player("3m")
    player.step(16)
    player.kill(*(unit.tag for unit in player.units()))
    player.step(2)
    player.units()
    player.step(3)
    assert len(player.units()) == 6
    film = Film.from_bytes(player.ask(save_replay=api.RequestSaveReplay()).save_replay.data)
    assert (film.outcome["dead_allies"], film.outcome["dead_enemies"]) == (3, 3)


def test_an_answer_repeats_the_requests_id():
    player = Player("3m")
    assert player.ask(ping=api.RequestPing(), id=999999999).id == 999999999
    assert not player.ask(ping=api.RequestPing()).HasField("id")


REFUSED: list[dict[str, Any]] = [
    {},
    {"query": query_pb2.RequestQuery()},
    {"start_replay": api.RequestStartReplay()},
    {"replay_info": api.RequestReplayInfo()},
    {"quick_save": api.RequestQuickSave()},
    {"quick_load": api.RequestQuickLoad()},
    {"map_command": api.RequestMapCommand(trigger_cmd="x")},
    {"save_map": api.RequestSaveMap(map_path="x", map_data=b"y")},
    {"obs_action": api.RequestObserverAction()},
    {"join_game": api.RequestJoinGame(options=api.InterfaceOptions(raw=True))},
    {"step": api.RequestStep(count=4_000_000_000)},
    {"create_game": api.RequestCreateGame(realtime=True)},
    {"action": api.RequestAction(actions=[api.Action()] * 10_001)},
]
for command in (
    debug_pb2.DebugCommand(game_state=debug_pb2.god),
    debug_pb2.DebugCommand(test_process=debug_pb2.DebugTestProcess(test=1)),
    debug_pb2.DebugCommand(),
    debug_pb2.DebugCommand(create_unit=debug_pb2.DebugCreateUnit(unit_type=1, owner=1)),
    debug_pb2.DebugCommand(create_unit=debug_pb2.DebugCreateUnit(unit_type=48, owner=16)),
    debug_pb2.DebugCommand(
        create_unit=debug_pb2.DebugCreateUnit(
            unit_type=48, owner=1, pos=common_pb2.Point2D(x=float("nan"), y=1)
        )
    ),
    debug_pb2.DebugCommand(
        create_unit=debug_pb2.DebugCreateUnit(unit_type=48, owner=1, quantity=4_000_000_000)
    ),
):
    REFUSED.append({"debug": api.RequestDebug(debug=[command])})


@pytest.mark.parametrize("request_", REFUSED, ids=lambda item: str(item)[:60])
def test_what_is_not_supported_is_an_error_and_changes_nothing(request_: dict[str, Any]):
    player = Player("3m", seed=2)
    before = [unit.SerializeToString() for unit in player.units()]
    answer = player.say(**request_)
    assert answer.error
    assert player.status == api.in_game
    assert [unit.SerializeToString() for unit in player.units()] == before


def test_bytes_that_are_no_request_are_an_error():
    player = Player("3m")
    for message in (b"\xff" * 30, b"\x0a\xff\xff", bytes(range(256))):
        answer = api.Response.FromString(player.game.answer(message))
        assert answer.error
        assert answer.status == api.in_game
    assert len(player.units()) == 6


def test_text_that_is_no_utf8_is_read_as_far_as_it_can_be():
    player = Player("3m")
    create = creation("3m").SerializeToString().replace(b"SMAC_Maps", b"SMAC\xffMaps")
    message = api.Request().SerializeToString() + b"\x0a" + bytes([len(create)]) + create
    answer = api.Response.FromString(player.game.answer(message))
    assert (answer.status, list(answer.error)) == (api.init_game, [])
    join = api.RequestJoinGame(options=api.InterfaceOptions(raw=True), player_name="abc")
    words = join.SerializeToString().replace(b"abc", b"a\xffc")
    player.game.answer(b"\x12" + bytes([len(words)]) + words)
    info = player.ask(game_info=api.RequestGameInfo()).game_info
    assert info.player_info[0].player_name == "a\ufffdc"
    assert info.local_map_path == "SMAC\ufffdMaps/3m.SC2Map"


def test_a_game_must_be_created_before_it_is_joined_and_joined_before_it_is_played():
    player = Player("3m")
    player.ask(leave_game=api.RequestLeaveGame())
    for request in (
        {"join_game": api.RequestJoinGame()},
        {"observation": api.RequestObservation()},
        {"step": api.RequestStep(count=1)},
        {"restart_game": api.RequestRestartGame()},
    ):
        assert player.say(**request).error
    assert player.status == api.launched


def test_maps_and_players_that_do_not_fit_are_refused_by_their_own_errors():
    errors = api.ResponseCreateGame
    player = Player("3m")

    def error_of(**changes: Any) -> int:
        create = creation(changes.pop("map_name", "3m"))
        for name, value in changes.items():
            if name == "players":
                del create.player_setup[:]
                create.player_setup.extend(api.PlayerSetup(type=kind) for kind in value)
            else:
                setattr(create, name, value)
        return player.ask(create_game=create).create_game.error

    assert error_of(map_name="Simple64") == errors.InvalidMapPath
    assert error_of(map_name="../../etc/passwd\0") == errors.InvalidMapPath
    assert error_of(battlenet_map_name="Simple64") == errors.InvalidMapName
    assert error_of(players=[]) == errors.MissingPlayerSetup
    assert error_of(players=[2, 1]) == errors.InvalidPlayerSetup
    assert error_of(players=[1, 1]) == errors.MultiplayerUnsupported
    assert player.status == api.in_game
    assert player.ask(create_game=api.RequestCreateGame(player_setup=[api.PlayerSetup(type=1)]))


@pytest.mark.parametrize(
    ("join", "error"),
    [
        (api.RequestJoinGame(race=1), api.ResponseJoinGame.MissingOptions),
        (
            api.RequestJoinGame(
                options=api.InterfaceOptions(raw=True, render=api.SpatialCameraSetup())
            ),
            api.ResponseJoinGame.FeatureUnsupported,
        ),
        (
            api.RequestJoinGame(
                options=api.InterfaceOptions(raw=True), client_ports=[api.PortSet(game_port=1)]
            ),
            api.ResponseJoinGame.NetworkError,
        ),
        (
            api.RequestJoinGame(observed_player_id=1, options=api.InterfaceOptions(raw=True)),
            api.ResponseJoinGame.InvalidObservedPlayerId,
        ),
    ],
)
def test_interfaces_that_are_not_there_cannot_be_joined(join: api.RequestJoinGame, error: int):
    player = Player("3m")
    player.ask(create_game=creation("3m"))
    assert player.ask(join_game=join).join_game.error == error
    assert player.status == api.init_game


def test_actions_are_answered_one_by_one():
    player = Player("3m")
    allies, enemies = player.teams()
    one, foe = allies[0].tag, enemies[0].tag
    assert player.order(STOP, one) == error_pb2.Success
    assert player.order(ATTACK, one, unit=foe) == error_pb2.Success
    assert player.order(ATTACK, foe, unit=one) == error_pb2.YouCantIssueCommandsToThatUnit
    assert player.order(ATTACK, one, unit=allies[1].tag) == error_pb2.CantTargetFriendlyUnits
    assert player.order(ATTACK, one, unit=77) == error_pb2.MustTargetVisibleUnit
    assert player.order(ATTACK, one) == error_pb2.MustTargetUnit
    assert player.order(MOVE, one, at=(1e30, 0.0)) == error_pb2.MustTargetWalkableLocation
    assert player.order(MOVE, one, at=(float("nan"), 0)) == error_pb2.MustTargetWalkableLocation
    assert player.order(12345, one) == error_pb2.NotSupported
    assert player.order(386, one, unit=allies[1].tag) == error_pb2.RequiresHealTarget

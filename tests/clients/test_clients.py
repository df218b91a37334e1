"""pysc2 and python-sc2, unmodified and in an environment of their own, play against our server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from marl.replay.film import Film
from tests.clients.clientkit import launches, left_over, run_client

LOOPS = 8  # of the game in one step
# Agents and enemies, and the health and shields of both sides: 45 a marine, 125 a marauder, 150 a
# medivac, 160 a stalker, 150 a zealot.
SIZES = {
    "3m": (3, 3, 135, 135),
    "2s3z": (5, 5, 770, 770),
    "3s_vs_5z": (3, 5, 480, 750),
    "MMM": (10, 10, 7 * 45 + 2 * 125 + 150, 7 * 45 + 2 * 125 + 150),
}


def check_replay(path: Path, map_name: str, steps: int, battle: dict[str, Any]) -> None:
    """What was saved opens, and shows the battle that was played."""
    film = Film.load(path)
    agents, enemies, *_ = SIZES[map_name]
    assert film.map_name == map_name
    assert (film.side == 0).sum() == agents
    assert (film.side == 1).sum() == enemies
    assert len(film.loops) == steps + 1
    assert film.loops[-1] == steps * LOOPS
    health = film.values("health") + film.values("shield")
    first = health[0][film.side == 1].sum()
    assert first == pytest.approx(battle["first"], abs=1)
    assert health[-1][film.side == 1].sum() == pytest.approx(battle["last"], abs=enemies)


@pytest.mark.parametrize(
    ("map_name", "race", "company"),
    [("3m", "terran", "bot"), ("2s3z", "protoss", "bot"), ("3s_vs_5z", "protoss", "alone")],
)
def test_pysc2_plays_two_battles_to_the_end(map_name: str, race: str, company: str, sc2path: Path):
    """With a bot it creates the second game anew, alone it asks for a restart."""
    before = launches(sc2path)
    seen = run_client("play_pysc2.py", sc2path, map_name, race, company, map_name)
    agents, enemies, own, theirs = SIZES[map_name]
    for battle in seen["battles"]:
        assert (battle["allies"], battle["enemies"]) == (agents, enemies)
        assert battle["health"] == [own, theirs]
        assert battle["over"]
        assert battle["loops"] == list(range(0, LOOPS * battle["steps"] + 1, LOOPS))
        assert min(battle["left"]) == 0 < max(battle["left"])
        assert battle["reward"] == (1 if battle["left"][0] else -1)
    if company == "bot":
        assert seen["battles"][0] == seen["battles"][1]  # the same seed gives the same game
    last = seen["battles"][-1]
    facts = {"first": theirs, "last": last["left"][1]}
    check_replay(Path(seen["replay"]), map_name, last["steps"], facts)
    assert launches(sc2path) == before + 1  # it was never started anew
    assert left_over(sc2path) == []


@pytest.mark.parametrize(
    ("map_name", "race", "types"),
    [
        ("3m", "Terran", ["MARINE"]),
        ("2s3z", "Protoss", ["STALKER", "ZEALOT"]),
        ("MMM", "Terran", ["MARAUDER", "MARINE", "MEDIVAC"]),
    ],
)
def test_python_sc2_plays_a_battle_to_the_end(
    map_name: str, race: str, types: list[str], sc2path: Path, tmp_path: Path
):
    before = launches(sc2path)
    replay = tmp_path / "game.SC2Replay"
    seen = run_client("play_python_sc2.py", sc2path, map_name, race, str(replay))
    agents, enemies, _, theirs = SIZES[map_name]
    assert (seen["map"], seen["size"]) == (map_name, [32, 32])
    assert (seen["allies"], seen["enemies"]) == (agents, enemies)
    assert seen["enemy_types"] == types
    assert seen["started"] == 1
    assert seen["health"][0] == theirs
    assert min(seen["health"]) < theirs  # our units hit somebody ...
    assert seen["damaged"] > 0  # ... and were hit
    assert seen["returned"] == seen["result"]
    deaths = len(seen["dead"])
    assert deaths >= (enemies if seen["result"] == "Victory" else agents)
    assert all(seen["dead"])  # no death of a unit that was never seen
    film = Film.load(replay)
    assert film.map_name == map_name
    assert film.loops[0] == 0
    assert film.outcome["battle_won"] == (seen["result"] == "Victory")
    assert launches(sc2path) == before + 1
    assert left_over(sc2path) == []

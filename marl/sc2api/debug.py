"""Debug commands: create and kill units, end the game. Drawing is accepted and ignored."""

from __future__ import annotations

import math
from collections.abc import Iterable

from s2clientprotocol import debug_pb2, sc2api_pb2

from marl.errors import EnvError
from marl.sc2api.battle import MAX_UNITS, Battle, UnitRequest
from marl.sc2api.observation import OWNERS

ENDS = {
    debug_pb2.DebugEndGame.Surrender: sc2api_pb2.Defeat,
    debug_pb2.DebugEndGame.DeclareVictory: sc2api_pb2.Victory,
}


def run(
    battle: Battle, commands: Iterable[debug_pb2.DebugCommand]
) -> sc2api_pb2.Result.ValueType | None:
    """Carry out all commands, or none if one is wrong (EnvError); the result of an ended game.

    Killing a dead unit does nothing.
    """
    requests: list[UnitRequest] = []
    tags: list[int] = []
    result = None
    for command in commands:
        kind = command.WhichOneof("command")
        if kind == "create_unit":
            requests += _unit_requests(battle, command.create_unit)
        elif kind == "kill_unit":
            tags += command.kill_unit.tag
        elif kind == "end_game" and command.end_game.end_result in ENDS:
            result = ENDS[command.end_game.end_result]
        elif kind != "draw":
            raise EnvError(f"debug {kind}: not supported by this server")
        if len(requests) > MAX_UNITS:
            break
    battle.create(requests)
    for tag in tags:
        battle.kill(tag)
    return result


def _unit_requests(battle: Battle, create: debug_pb2.DebugCreateUnit) -> list[UnitRequest]:
    """The requests of one command."""
    kind = battle.map.ids.kind_of.get(create.unit_type)
    if kind is None:
        known = sorted(battle.map.ids.kind_of)
        raise EnvError(f"create_unit: type {create.unit_type} is not one of {known}")
    if create.owner not in OWNERS:
        raise EnvError(f"create_unit: owner {create.owner} is not one of {list(OWNERS)}")
    height, width = battle.map.scenario.walkable.shape
    x, y = create.pos.x, create.pos.y
    if not (math.isfinite(x) and math.isfinite(y)):
        raise EnvError(f"create_unit: ({x}, {y}) is not finite")
    x, y = min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))
    count = min(create.quantity if create.HasField("quantity") else 1, MAX_UNITS + 1)
    return [UnitRequest(kind, OWNERS.index(create.owner), x, y, create.unit_type)] * count

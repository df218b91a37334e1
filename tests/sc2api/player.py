"""A client in the server's own process: it asks a Game and reads its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s2clientprotocol import debug_pb2, raw_pb2
from s2clientprotocol import sc2api_pb2 as api

from marl.sc2api.game import Game

STOP, MOVE, ATTACK, HEAL = 4, 16, 23, 386


class Player:
    """Plays one map from its creation on; every answer must have a status, and no error."""

    def __init__(self, map_name: str, seed: int | None = 1, score: bool = False) -> None:
        self.game = Game(Path("nowhere"))
        self.status = api.unknown
        self.ask(create_game=creation(map_name, seed))
        options = api.InterfaceOptions(raw=True, score=score)
        self.ask(join_game=api.RequestJoinGame(race=1, options=options))
        self.seen = self.observe()

    def ask(self, **request: Any) -> api.Response:
        """The answer to one request, which must not be an error."""
        answer = self.say(**request)
        assert not answer.error, answer.error
        return answer

    def say(self, **request: Any) -> api.Response:
        """The answer to one request, whatever it is."""
        message = api.Request(**request).SerializeToString()
        answer = api.Response.FromString(self.game.answer(message))
        assert answer.HasField("status")
        self.status = answer.status
        return answer

    def observe(self) -> api.ResponseObservation:
        """The present observation."""
        self.seen = self.ask(observation=api.RequestObservation()).observation
        return self.seen

    def units(self) -> list[raw_pb2.Unit]:
        """All units observed now, in the order of the list."""
        return list(self.observe().observation.raw_data.units)

    def teams(self) -> tuple[list[raw_pb2.Unit], list[raw_pb2.Unit]]:
        """Units of both players."""
        units = self.units()
        return [u for u in units if u.owner == 1], [u for u in units if u.owner == 2]

    def step(self, loops: int = 8) -> None:
        """Run game loops."""
        self.ask(step=api.RequestStep(count=loops))

    def order(self, ability: int, *tags: int, unit: int = 0, at: Any = None) -> int:
        """Give one raw command; its result."""
        action = api.Action()
        command = action.action_raw.unit_command
        command.ability_id = ability
        command.unit_tags.extend(tags)
        if unit:
            command.target_unit_tag = unit
        if at is not None:
            command.target_world_space_pos.x, command.target_world_space_pos.y = at
        answer = self.ask(action=api.RequestAction(actions=[action]))
        return answer.action.result[0]

    def kill(self, *tags: int) -> None:
        """Debug: kill these units."""
        command = debug_pb2.DebugCommand(kill_unit=debug_pb2.DebugKillUnit(tag=tags))
        self.ask(debug=api.RequestDebug(debug=[command]))

    def create(self, *units: tuple[int, int, float, float]) -> None:
        """Debug: create units (type, owner, x, y)."""
        commands = []
        for kind, owner, x, y in units:
            command = debug_pb2.DebugCommand()
            command.create_unit.unit_type, command.create_unit.owner = kind, owner
            command.create_unit.pos.x, command.create_unit.pos.y = x, y
            command.create_unit.quantity = 1
            commands.append(command)
        self.ask(debug=api.RequestDebug(debug=commands))


def creation(map_name: str, seed: int | None = 1) -> api.RequestCreateGame:
    """What SMAC's clients ask for, but for the map's content."""
    create = api.RequestCreateGame(realtime=False)
    create.local_map.map_path = f"SMAC_Maps/{map_name}.SC2Map"
    if seed is not None:
        create.random_seed = seed
    create.player_setup.add(type=api.Participant)
    create.player_setup.add(type=api.Computer, race=1, difficulty=7)
    return create

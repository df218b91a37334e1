"""The game: a status, and an answer to every request.

A request that is wrong, unsupported, or not allowed in the present status is answered with an error
and changes nothing. Sources: s2clientprotocol's sc2api.proto; pysc2 4.0.0 and python-sc2, which
show how clients use the answers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError
from s2clientprotocol import sc2api_pb2
from s2clientprotocol.sc2api_pb2 import Request, RequestCreateGame, Response, ResponseJoinGame

from marl.errors import EnvError
from marl.sc2api import debug, messages, orders
from marl.sc2api.battle import Battle
from marl.sc2api.filming import Filming
from marl.sc2api.maps import SUFFIX, Map, find_map, map_names
from marl.sc2api.observation import OWNERS, ObservationWriter, constant_part

LAUNCHED, INIT_GAME, IN_GAME = sc2api_pb2.launched, sc2api_pb2.init_game, sc2api_pb2.in_game
ENDED, QUIT = sc2api_pb2.ended, sc2api_pb2.quit
# The version of the game in SMAC v2's published results.
GAME_VERSION, BUILD = "4.10.0.75689", 75689
MAX_LOOPS = 10_000  # of one step request: ten minutes of the game
MAX_ORDERS = 10_000  # of one action request, one for each unit
ALREADY_ENDED = "Game has already ended"  # clients compare this string
ALLOWED = {
    "ping": (LAUNCHED, INIT_GAME, IN_GAME, ENDED),
    "available_maps": (LAUNCHED, INIT_GAME, IN_GAME, ENDED),
    "create_game": (LAUNCHED, INIT_GAME, IN_GAME, ENDED),
    "join_game": (INIT_GAME,),
    "restart_game": (IN_GAME, ENDED),
    "leave_game": (INIT_GAME, IN_GAME, ENDED),
    "game_info": (IN_GAME, ENDED),
    "data": (IN_GAME, ENDED),
    "observation": (IN_GAME, ENDED),
    "action": (IN_GAME,),
    "step": (IN_GAME,),
    "debug": (IN_GAME,),
    "save_replay": (IN_GAME, ENDED),
}


class Refused(Exception):  # noqa: N818 - a client's mistake, not ours
    """A request that is not carried out, and why."""


class Game:
    """One client's game."""

    def __init__(self, folder: Path) -> None:
        """folder: of map files."""
        self.status = LAUNCHED
        self._folder = folder
        self._answers: dict[str, Callable[[Request], Response | bytes]] = {
            name: getattr(self, f"_{name}") for name in ALLOWED
        }
        self._map: Map | None = None
        self._seed = 0
        self._setup = RequestCreateGame()
        self._join = sc2api_pb2.RequestJoinGame()
        self._kept: dict[str, bytes] = {}  # answers that never change during a game
        self._result: sc2api_pb2.Result.ValueType | None = None

    def answer(self, message: bytes) -> bytes:
        """The answer to any message."""
        try:
            request = Request.FromString(message)
        except DecodeError as error:
            return self.failure(f"not a request: {error}")
        kind = request.WhichOneof("request")
        try:
            answer = self._dispatch(kind, request)
        except (Refused, EnvError) as error:
            answer = Response(error=[str(error)])
        return self._close(answer, request)

    def failure(self, message: str) -> bytes:
        """The answer with an error."""
        return self._close(Response(error=[message]), None)

    def _close(self, answer: Response | bytes, request: Request | None) -> bytes:
        """The answer's bytes with status and id appended; concatenated messages are merged."""
        end = Response(status=self.status)
        if request is not None and request.HasField("id"):
            end.id = request.id
        body = answer if isinstance(answer, bytes) else answer.SerializeToString()
        return body + end.SerializeToString()

    def _dispatch(self, kind: str | None, request: Request) -> Response | bytes:
        if kind == "quit":
            self.status = QUIT
            answer = Response()
            answer.quit.SetInParent()
            return answer
        if kind is None:
            raise Refused("the message has no request")
        if kind not in ALLOWED:
            raise Refused(f"{kind}: not supported by this server")
        if self.status not in ALLOWED[kind]:
            if self.status == ENDED:
                raise Refused(ALREADY_ENDED)
            raise Refused(f"{kind}: not possible while {sc2api_pb2.Status.Name(self.status)}")
        return self._answers[kind](request)

    def _ping(self, request: Request) -> Response:
        answer = Response()
        ping = answer.ping
        ping.game_version, ping.data_version = GAME_VERSION, ""
        ping.data_build = ping.base_build = BUILD
        return answer

    def _available_maps(self, request: Request) -> Response:
        answer = Response()
        paths = [f"SMAC_Maps/{name}{SUFFIX}" for name in map_names()]
        answer.available_maps.local_map_paths.extend(paths)
        return answer

    def _create_game(self, request: Request) -> Response:
        setup, answer = request.create_game, Response()
        create = answer.create_game
        create.SetInParent()
        players = [player.type for player in setup.player_setup]
        if setup.realtime:
            raise Refused("create_game: realtime games are not supported")
        if players.count(sc2api_pb2.Participant) > 1:
            create.error = sc2api_pb2.ResponseCreateGame.MultiplayerUnsupported
            create.error_details = "one client plays; others may be computers"
        elif not players:
            create.error = sc2api_pb2.ResponseCreateGame.MissingPlayerSetup
        elif players[0] != sc2api_pb2.Participant or len(players) > 2:
            create.error = sc2api_pb2.ResponseCreateGame.InvalidPlayerSetup
            create.error_details = "a participant comes first, and at most one computer after it"
        elif setup.WhichOneof("Map") is None:
            create.error = sc2api_pb2.ResponseCreateGame.MissingMap
        elif setup.WhichOneof("Map") != "local_map":
            create.error = sc2api_pb2.ResponseCreateGame.InvalidMapName
            create.error_details = "there is no Battle.net here; use local_map"
        else:
            local = setup.local_map
            local.map_path = readable(local.map_path)
            found = find_map(local.map_path, local.map_data, self._folder)
            if found is None:
                create.error = sc2api_pb2.ResponseCreateGame.InvalidMapPath
                create.error_details = (
                    f"{local.map_path[:100]!r} is none of {', '.join(map_names())}"
                )
            else:
                self._prepare(found, setup)
        return answer

    def _prepare(self, found: Map, setup: RequestCreateGame) -> None:
        self._map, self._setup = found, setup
        setup.local_map.ClearField("map_data")
        seeded = setup.HasField("random_seed")
        self._seed = setup.random_seed if seeded else secrets.randbits(32)
        self._kept.clear()
        self.status = INIT_GAME

    def _join_game(self, request: Request) -> Response:
        join, answer = request.join_game, Response()
        options = join.options
        if join.HasField("observed_player_id"):
            answer.join_game.error = ResponseJoinGame.InvalidObservedPlayerId
            answer.join_game.error_details = "there is no player to observe"
        elif join.HasField("server_ports") or join.client_ports:
            answer.join_game.error = ResponseJoinGame.NetworkError
            answer.join_game.error_details = "games of several clients are not supported"
        elif not options.raw:
            answer.join_game.error = ResponseJoinGame.MissingOptions
            answer.join_game.error_details = "options.raw is needed"
        elif options.HasField("feature_layer") or options.HasField("render"):
            answer.join_game.error = ResponseJoinGame.FeatureUnsupported
            answer.join_game.error_details = "only the raw interface is supported"
        else:
            self._join = join
            join.player_name = readable(join.player_name)
            self._begin()
            answer.join_game.player_id = OWNERS[0]
        return answer

    def _begin(self, battles_before: int = 0) -> None:
        """battles_before: the number of the game's earlier battles."""
        assert self._map is not None
        self._result = None
        self._met = False  # both sides have had units
        self._battle = Battle(self._map, self._seed, battles_before)
        self._observation_writer = ObservationWriter(self._map)
        self._filming = Filming(self._battle)
        self._constant_part = constant_part(self._map, self._join.options.score)
        self.status = IN_GAME
        self._look_for_end()

    def _restart_game(self, request: Request) -> Response:
        self._begin(self._battle.battles_before)
        answer = Response()
        answer.restart_game.need_hard_reset = False
        return answer

    def _leave_game(self, request: Request) -> Response:
        self.status = LAUNCHED
        answer = Response()
        answer.leave_game.SetInParent()
        return answer

    def _game_info(self, request: Request) -> bytes:
        if "game_info" not in self._kept:
            assert self._map is not None
            path = self._setup.local_map.map_path
            info = messages.game_info(self._map, path, self._setup, self._join)
            self._kept["game_info"] = info.SerializeToString()
        return self._kept["game_info"]

    def _data(self, request: Request) -> bytes:
        key = f"data {request.data.ability_id} {request.data.unit_type_id}"
        if key not in self._kept:
            assert self._map is not None
            self._kept[key] = messages.data(self._map, request.data).SerializeToString()
        return self._kept[key]

    def _observation(self, request: Request) -> bytes:
        answer = Response()
        observation = answer.observation.observation
        observation.game_loop = self._battle.loops
        dead = self._battle.observe()
        if dead:
            observation.raw_data.event.dead_units.extend(dead)
        self._observation_writer.write_units(self._battle, observation.raw_data)
        if self._result is not None:
            answer.observation.player_result.add(player_id=OWNERS[0], result=self._result)
            if len(self._setup.player_setup) > 1:
                other = OPPOSITE[self._result]
                answer.observation.player_result.add(player_id=OWNERS[1], result=other)
        return self._constant_part + answer.SerializeToString()

    def _action(self, request: Request) -> Response:
        answer = Response()
        answer.action.SetInParent()
        named = [action.action_raw.unit_command.unit_tags for action in request.action.actions]
        if len(named) + sum(map(len, named)) > MAX_ORDERS:
            raise Refused(f"action: more than {MAX_ORDERS} orders at once")
        for action in request.action.actions:
            answer.action.result.append(orders.act(self._battle, action))
        return answer

    def _step(self, request: Request) -> Response:
        loops = request.step.count or 1
        if loops > MAX_LOOPS:
            raise Refused(f"step: {loops} loops at once, at most {MAX_LOOPS} are run")
        self._battle.step(loops)
        self._filming.record_frame(self._battle)
        self._look_for_end()
        answer = Response()
        answer.step.simulation_loop = self._battle.loops
        return answer

    def _look_for_end(self) -> None:
        """End the game of a client that joined with score once a side has no units left.

        SMAC's maps have no victory condition and SMAC's clients want none; they join without score.
        """
        left = [self._battle.living(side) for side in (0, 1)]
        self._met = self._met or min(left) > 0
        if self._join.options.score and self._met and min(left) == 0:
            won = sc2api_pb2.Victory if left[0] else sc2api_pb2.Defeat
            self._end(won if max(left) else sc2api_pb2.Tie)

    def _end(self, result: sc2api_pb2.Result.ValueType) -> None:
        self._result = result
        self.status = ENDED

    def _debug(self, request: Request) -> Response:
        answer = Response()
        result = debug.run(self._battle, request.debug.debug)
        if result is not None:
            self._end(result)
        answer.debug.SetInParent()
        return answer

    def _save_replay(self, request: Request) -> Response:
        answer = Response()
        answer.save_replay.data = self._filming.film().to_bytes()
        return answer


def readable(value: str | bytes) -> str:
    """A message's string; protobuf gives bytes if a client wrote no UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


OPPOSITE = {
    sc2api_pb2.Victory: sc2api_pb2.Defeat,
    sc2api_pb2.Defeat: sc2api_pb2.Victory,
    sc2api_pb2.Tie: sc2api_pb2.Tie,
}

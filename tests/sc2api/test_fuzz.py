"""Random and mutated requests: each has its answer, and the server does not grow.

The long form has 10,000 messages; the default run a few hundred of the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from s2clientprotocol import sc2api_pb2 as api

from marl.sc2api.catalogue import ABILITIES
from marl.sc2api.game import Game
from tests.sc2api.player import creation
from tests.sc2api.serverkit import served

MAPS = ("3m", "MMM", "2c_vs_64zg", "32x32_flat", "corridor", "bane_vs_bane")
DEEPEST = 6
MAX_ITEMS = 4
SECONDS = 60.0  # for one answer: ten minutes of the game with a crowd, on a busy machine
ROOM = 48 << 10  # kilobytes that the process may grow by, once it is warm
KINDS = [field.name for field in api.Request.DESCRIPTOR.oneofs[0].fields if field.name != "quit"]
QUIT = bytes([api.Request.DESCRIPTOR.fields_by_name["quit"].number << 3 | 2])
USEFUL = (0, 1, 2, 3, 4, 9, 16, 23, 48, 73, 105, 200, 201, 386, 3665, 3674, 3794)


class Client:
    """Says random things, some of them sensible, so that battles go on."""

    def __init__(self, seed: int, answer: Callable[[bytes], bytes]) -> None:
        self.luck = random.Random(seed)
        self.status, self._answer = api.launched, answer
        self.tags: list[int] = []

    def talk(self) -> None:
        """One message and its answer."""
        luck = self.luck.random()
        if luck < 0.35:
            message = self.sensible().SerializeToString()
        elif luck < 0.7:
            message = self.random_request().SerializePartialToString()
        else:
            message = self.mutated(self.sensible().SerializeToString())
        answer = api.Response.FromString(self._answer(message))
        assert answer.HasField("status")
        units = answer.observation.observation.raw_data.units
        self.tags = [unit.tag for unit in units] or self.tags
        self.status = answer.status
        assert not any("internal" in error for error in answer.error), answer.error

    def sensible(self) -> api.Request:
        """What a client could say now."""
        status, luck = self.status, self.luck
        if status in (api.launched, api.ended) or luck.random() < 0.02:
            return api.Request(create_game=creation(luck.choice(MAPS), luck.randrange(2**32)))
        if status == api.init_game:
            options = api.InterfaceOptions(raw=True, score=luck.random() < 0.3)
            return api.Request(join_game=api.RequestJoinGame(race=1, options=options))
        kind = luck.choice(("step", "action", "action", "observation", "debug", "create"))
        if kind == "observation":
            return api.Request(observation=api.RequestObservation())
        if kind == "step":
            return api.Request(step=api.RequestStep(count=luck.choice((0, 1, 2, 8, 8, 50))))
        request = api.Request()
        if kind == "action":
            for _ in range(luck.randrange(6)):
                command = request.action.actions.add().action_raw.unit_command
                command.ability_id = luck.choice(list(ABILITIES))
                command.unit_tags.extend(self.some_tags())
                if luck.random() < 0.5:
                    command.target_unit_tag = luck.choice(self.tags or [1])
                else:
                    place = command.target_world_space_pos
                    place.x, place.y = luck.uniform(-5, 40), luck.uniform(-5, 40)
        elif kind == "debug" and luck.random() < 0.5:
            request.debug.debug.add().kill_unit.tag.extend(self.some_tags())
        else:
            for _ in range(luck.randrange(4)):
                create = request.debug.debug.add().create_unit
                create.unit_type, create.owner = luck.choice(USEFUL), luck.randrange(1, 3)
                create.quantity = luck.choice((1, 1, 3))
                create.pos.x, create.pos.y = luck.uniform(-2, 34), luck.uniform(-2, 34)
        return request

    def some_tags(self) -> list[int]:
        return [self.luck.choice(self.tags or [1]) for _ in range(self.luck.randrange(4))]

    def random_request(self) -> api.Request:
        """A request of any kind but quit, with any content."""
        request = api.Request()
        kind = self.luck.choice(KINDS)
        getattr(request, kind).SetInParent()
        self.fill(getattr(request, kind), 0)
        return request

    def fill(self, message: Any, depth: int) -> None:
        """Any values for some fields of a message."""
        for field in message.DESCRIPTOR.fields:
            if self.luck.random() < 0.4 or depth > DEEPEST:
                continue
            is_message = field.type == FieldDescriptor.TYPE_MESSAGE
            if field.is_repeated:
                for _ in range(self.luck.randrange(MAX_ITEMS)):
                    if is_message:
                        self.fill(getattr(message, field.name).add(), depth + 1)
                    else:
                        getattr(message, field.name).append(self.value(field))
            elif is_message:
                getattr(message, field.name).SetInParent()
                self.fill(getattr(message, field.name), depth + 1)
            else:
                setattr(message, field.name, self.value(field))

    def value(self, field: Any) -> Any:
        """Any value of a field's type."""
        luck, kind = self.luck, field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return luck.choice(field.enum_type.values).number
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return luck.random() < 0.5
        if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
            odd = (float("nan"), float("inf"), -1e38, 3e38, 1e-40, -0.0, 32.0)
            return luck.choice((*odd, luck.uniform(0, 32), luck.uniform(-100, 100)))
        if kind == FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return luck.randbytes(luck.randrange(50))
            return luck.choice(("", "3m", "SMAC_Maps/8m.SC2Map", "\0", "../..", "ä" * 40))
        signed = kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
        wide = kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
        top = 2 ** ((64 if wide else 32) - signed) - 1
        return luck.choice((*USEFUL, luck.choice(self.tags or [1]) & top, top, top // 2))

    def mutated(self, message: bytes) -> bytes:
        """The message with bytes changed, lost, doubled, or mixed with another one's."""
        words, luck = bytearray(message), self.luck
        for _ in range(luck.randrange(1, 5)):
            at = luck.randrange(len(words) + 1)
            change = luck.randrange(5)
            if change == 0 and at < len(words):
                words[at] = luck.randrange(256)
            elif change == 1 and at < len(words):
                words[at] ^= 1 << luck.randrange(8)
            elif change == 2:
                del words[at : at + luck.randrange(8)]
            elif change == 3:
                words[at:at] = luck.randbytes(luck.randrange(8))
            else:
                words += self.random_request().SerializePartialToString()
        return bytes(words.replace(QUIT, b""))


def talk(client: Client, messages: int) -> None:
    for _ in range(messages):
        client.talk()


def test_random_and_mutated_messages_are_all_answered():
    talk(Client(1, Game(Path("nowhere")).answer), 800)


@pytest.mark.slow
def test_ten_thousand_messages_are_answered_by_one_process_that_does_not_grow():
    with served() as server, server.connect() as line:

        def answer(message: bytes) -> bytes:
            line.send(message)
            said = line.recv(timeout=SECONDS)
            assert isinstance(said, bytes)
            return said

        talk(Client(2, answer), 4000)  # every map and every kind of answer has been met
        before = room(server.process.pid)
        talk(Client(3, answer), 10_000)
        assert room(server.process.pid) - before < ROOM


def room(pid: int) -> int:
    """The memory that a process holds, kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def test_what_cannot_be_read_is_told_from_what_can():
    """The fuzz says enough that is read, and enough that is not."""
    client, read = Client(4, Game(Path("nowhere")).answer), 0
    for _ in range(300):
        message = client.mutated(client.sensible().SerializeToString())
        try:
            api.Request.FromString(message)
            read += 1
        except DecodeError:
            pass
    assert 30 < read < 270

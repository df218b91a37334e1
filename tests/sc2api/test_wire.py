"""The wire by itself: whatever bytes come, it gives whole messages or ends."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from marl.sc2api import wire
from marl.sc2api.wire import Wire
from tests.sc2api.serverkit import BINARY, GREETING, HEAD, MORE, PING, SECONDS, TEXT, frame, greet


class Line:
    """A client's socket whose other end answers each message with the same bytes."""

    def __init__(self) -> None:
        self.client, end = socket.socketpair()
        self.client.settimeout(SECONDS)
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, args=(end,), daemon=True)
        self._thread.start()

    def _serve(self, end: socket.socket) -> None:
        line = Wire(end)
        while (is_accepted := line.shake_hands()) is None:
            pass
        if is_accepted:
            for message in line.requests():
                self.heard.append(message)
                line.send(message)
        line.close()

    def is_over(self) -> bool:
        """Whether the other end is done, given time."""
        self._thread.join(SECONDS)
        return not self._thread.is_alive()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.client.close()
    assert made.is_over()


def served() -> tuple[int, threading.Thread]:
    """The port at which one client is awaited, and answered with the same bytes."""
    server = wire.listen("127.0.0.1", 0)
    port = server.getsockname()[1]

    def serve() -> None:
        line = wire.await_client(server)
        assert line is not None
        for message in line.requests():
            line.send(message)
        line.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return port, thread


def test_who_is_no_client_of_the_api_keeps_nobody_out_and_nobody_comes_after_one():
    port, thread = served()
    lost = GREETING.replace(b"/sc2api", b"/other")
    for words in (b"", b"HELO\r\n\r\n", bytes(1000), GREETING[:40], lost):
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as caller:
            caller.sendall(words)
            caller.shutdown(socket.SHUT_WR)
            said = caller.recv(1000)
            assert said.startswith(b"HTTP/1.1 404") == (words == lost)
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        greet(client)
        client.sendall(frame(b"words"))
        assert client.recv(100) == b"\x82\x05words"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    thread.join(SECONDS)
    assert not thread.is_alive()


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def test_silent_connections_delay_no_client():
    port, thread = served()
    with ExitStack() as stack:
        silent = [stack.enter_context(call(port)) for _ in range(wire.MOST_WAITING + 20)]
        for half in silent[:5]:
            half.sendall(GREETING[:40])
        began = time.monotonic()
        client = stack.enter_context(call(port))
        greet(client)
        assert time.monotonic() - began < wire.PATIENCE / 2
        client.sendall(frame(b"words"))
        assert client.recv(100) == b"\x82\x05words"
        for other in silent:  # and all of them are let go
            with suppress(ConnectionResetError):
                assert other.recv(1) == b""
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_one_who_says_nothing_is_let_go_in_time(monkeypatch):
    monkeypatch.setattr(wire, "PATIENCE", 0.2)
    port, thread = served()
    with call(port) as silent, suppress(ConnectionResetError):
        assert silent.recv(1) == b""
    with call(port) as client:
        greet(client)
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_message_comes_back_as_a_binary_frame_whatever_its_pieces(line: Line):
    greet(line.client)
    words = frame(b"\xff\xfe", MORE - 1) + frame(b"", 0x00) + frame(b"!", PING)
    words += frame(b"\x80", 0x80)
    for n in range(len(words)):  # byte by byte
        line.client.sendall(words[n : n + 1])
    said = b""
    while len(said) < 3 + 5:
        said += line.client.recv(100)
    assert said == b"\x8a\x01!" + b"\x82\x03\xff\xfe\x80"
    assert line.heard == [b"\xff\xfe\x80"]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 1 << 20])
def test_messages_of_all_lengths_come_through(line: Line, size: int):
    greet(line.client)
    content = random.Random(size).randbytes(size)
    line.client.sendall(frame(content, TEXT))
    while not line.heard:
        line.client.recv(1 << 16)
    assert line.heard == [content]


BREAKAGES = {
    "half a frame": frame(bytes(1000))[:100],
    "half a message": frame(bytes(4), MORE),
    "a frame without a mask": b"\x82\x01a",
    "a reserved opcode": frame(b"", 0x83),
    "reserved bits": frame(b"", 0xF2),
    "a piece of nothing": frame(b"", 0x80),
    "a frame that is too long": HEAD.pack(BINARY, 0xFF, wire.MAX_BYTES + 1) + bytes(1000),
    "an endless frame": HEAD.pack(BINARY, 0xFF, 2**63 - 1) + bytes(1000),
    "a length beyond all lengths": HEAD.pack(BINARY, 0xFF, 2**64 - 1) + bytes(1000),
    "a long ping": frame(bytes(200), PING),
    "a close frame": frame(b"\x03\xe8", 0x88),
    "a close frame of one byte": frame(b"\x03", 0x88),
}


@pytest.mark.parametrize("words", BREAKAGES.values(), ids=BREAKAGES.keys())
def test_after_a_broken_frame_or_half_a_message_the_connection_ends(line: Line, words: bytes):
    greet(line.client)
    line.client.sendall(words)
    line.client.shutdown(socket.SHUT_WR)
    assert line.is_over()
    assert line.heard == []


def test_a_message_in_too_many_pieces_is_not_collected_for_ever(line: Line):
    greet(line.client)
    piece = frame(bytes(1 << 20), 0x00)
    line.client.sendall(frame(b"", MORE))
    with suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(2 * (wire.MAX_BYTES >> 20)):
            line.client.sendall(piece)
    assert line.is_over()
    assert line.heard == []


@pytest.mark.parametrize("seed", range(40))
def test_random_bytes_end_the_connection_or_are_waited_out(line: Line, seed: int):
    luck = random.Random(seed)
    if seed % 2:
        greet(line.client)
    words = bytearray(frame(luck.randbytes(luck.randrange(300))) * 3)
    for _ in range(luck.randrange(1, 8)):
        words[luck.randrange(len(words))] = luck.randrange(256)
    line.client.sendall(words)
    line.client.shutdown(socket.SHUT_WR)
    assert line.is_over()


@pytest.mark.parametrize(
    ("origin", "answer"),
    [(b"http://127.0.0.1:5000", b"101"), (b"https://elsewhere.example", b"403")],
)
def test_pages_of_other_places_may_not_play(line: Line, origin: bytes, answer: bytes):
    line.client.sendall(GREETING.replace(b"Upgrade: ", b"Origin: " + origin + b"\r\nUpgrade: ", 1))
    assert line.client.recv(4096).startswith(b"HTTP/1.1 " + answer)

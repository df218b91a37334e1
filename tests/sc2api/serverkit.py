"""Server processes, and websocket clients by hand."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s2clientprotocol import sc2api_pb2 as api
from websockets.sync.client import ClientConnection, connect

from marl.sc2api.__main__ import LOOPBACK
from marl.sc2api.warmup import compile_all

ROOT = Path(__file__).parents[2]
SECONDS = 60  # for anything at all, on a busy machine


class Server:
    """A server process."""

    def __init__(self, *flags: str) -> None:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "marl.sc2api", "-listen", LOOPBACK, "-port"]
        self.process = subprocess.Popen([*command, str(self.port), *flags], cwd=ROOT)

    def call(self) -> socket.socket:
        """A connected socket that has said nothing yet."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                return socket.create_connection((LOOPBACK, self.port), timeout=SECONDS)
            except ConnectionRefusedError:
                assert time.monotonic() < end
                assert self.process.poll() is None
                time.sleep(0.1)

    def connect(self, path: str = "/sc2api") -> ClientConnection:
        """A websocket client."""
        address = f"ws://{LOOPBACK}:{self.port}{path}"
        return connect(address, sock=self.call(), max_size=None, compression="deflate")

    def ends(self) -> bool:
        """Whether the process ends by itself, without an error."""
        return self.process.wait(timeout=SECONDS) == 0


@contextmanager
def served(*flags: str) -> Iterator[Server]:
    """A server with an engine that is compiled, so that answers come at once."""
    compile_all()
    server = Server(*flags)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def ask(client: ClientConnection, *, text: bool = False, **request: object) -> api.Response:
    message = api.Request(**request).SerializeToString()  # type: ignore[arg-type]
    client.send(message, text=text)
    answer = client.recv(timeout=SECONDS)
    assert isinstance(answer, bytes)
    return api.Response.FromString(answer)


HEAD = struct.Struct("!BBQ")
TEXT, BINARY, MORE, PING = 0x81, 0x82, 0x02, 0x89
GREETING = (
    b"GET /sc2api HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def greet(client: socket.socket) -> None:
    """Introduce oneself as a websocket client."""
    client.sendall(GREETING)
    said = b""
    while b"\r\n\r\n" not in said:
        said += client.recv(4096)
    assert said.startswith(b"HTTP/1.1 101")


def frame(content: bytes, opcode: int = BINARY) -> bytes:
    """One masked frame; the mask is zero."""
    size = len(content)
    if size < 126:
        head = bytes([opcode, 0x80 | size])
    elif size < 1 << 16:
        head = struct.pack("!BBH", opcode, 0xFE, size)
    else:
        head = HEAD.pack(opcode, 0xFF, size)
    return head + bytes(4) + content

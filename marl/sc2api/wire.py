"""The websocket to one client: requests are text or binary frames, answers binary ones.

pysc2 sends protobuf bytes in text frames, so text is not checked to be UTF-8. One client is served,
and a second one is refused; the server ends with its client.
"""

from __future__ import annotations

import os
import re
import select
import socket
import time
from collections.abc import Iterator
from http import HTTPStatus

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

PATH = "/sc2api"
MAX_BYTES = 8 << 20  # of one request; a map file is some tens of kilobytes
CHUNK = 1 << 16
PATIENCE = 2.0  # seconds that a client has for the handshake
# Programs send no origin, or the server's own address (websocket-client). Web pages of other
# origins, open in a browser on this machine, are refused.
ORIGINS = (None, re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?"))
MOST_WAITING = 64  # connections without a handshake
WATCH = 1.0  # seconds between two checks that the parent process lives
DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Wire:
    """A connected client."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)  # of the handshake
        self._socket = connection
        # No extensions: compressing costs more than a loopback's bytes.
        self._protocol = ServerProtocol(origins=ORIGINS, max_size=MAX_BYTES)

    def shake_hands(self) -> bool | None:
        """Read what has arrived: whether that is the handshake for PATH; None: not all is there."""
        if not self._receive():
            return False
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                is_accepted = self._answer(event)
                self._socket.settimeout(None)
                return is_accepted
        return None

    def requests(self) -> Iterator[bytes]:
        """The client's messages, until it disconnects."""
        message = bytearray()
        is_connected = True
        while is_connected:
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode in DATA:
                    message += event.data
                    if event.fin:
                        yield bytes(message)
                        message.clear()
            is_connected = self._receive()

    def send(self, message: bytes) -> None:
        """Send one answer; a disconnected client is noticed by `requests`."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(message)
            self._flush()

    def close(self) -> None:
        """Close the connection, with a close frame if it is still open."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close()
            self._flush()
        self._socket.close()

    def _answer(self, request: Request) -> bool:
        """Accept the client, or refuse it with the reason."""
        if request.path.partition("?")[0] == PATH:
            response = self._protocol.accept(request)
        else:
            response = self._protocol.reject(HTTPStatus.NOT_FOUND, f"the API is at {PATH}\n")
        self._protocol.send_response(response)
        self._flush()
        return self._protocol.state is State.OPEN

    def _receive(self) -> bool:
        """Receive data and answer pings; whether the client is still connected."""
        try:
            data = self._socket.recv(CHUNK)
        except OSError:
            return False
        if not data:
            return False
        self._protocol.receive_data(data)
        return self._flush()

    def _flush(self) -> bool:
        """Send the protocol's pending data; whether the connection stays open."""
        try:
            for data in self._protocol.data_to_send():
                if not data:  # the end of our side
                    self._socket.shutdown(socket.SHUT_WR)
                    return False
                self._socket.sendall(data)
        except OSError:
            return False
        return True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; OSError if the address can't be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=8)


def await_client(server: socket.socket) -> Wire | None:
    """The first client that completes the handshake; then stops listening.

    Those that say nothing keep nobody waiting: each has its own PATIENCE, and of many the first
    ones are turned away. None: the parent process has ended, so no client will come.
    """
    parent = os.getppid()
    waiting: dict[socket.socket, tuple[Wire, float]] = {}  # the end of each one's time
    with server:
        try:
            while os.getppid() == parent:
                for connection in select.select([server, *waiting], [], [], WATCH)[0]:
                    if connection is server:
                        arrived = server.accept()[0]
                        arrived.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        arrived.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                        waiting[arrived] = Wire(arrived), time.monotonic() + PATIENCE
                        continue
                    wire, _ = waiting[connection]
                    is_accepted = wire.shake_hands()
                    if is_accepted is not None:
                        del waiting[connection]
                    if is_accepted:
                        return wire
                    if is_accepted is False:
                        wire.close()
                _turn_away(waiting)
        finally:
            for wire, _ in waiting.values():
                wire.close()
    return None


def _turn_away(waiting: dict[socket.socket, tuple[Wire, float]]) -> None:
    """Close those whose time is over, and the first ones of too many."""
    now = time.monotonic()
    too_many = len(waiting) - MOST_WAITING
    for number, (connection, (wire, end)) in enumerate(list(waiting.items())):
        if now > end or number < too_many:
            del waiting[connection]
            wire.close()

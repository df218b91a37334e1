"""Messages between the training and a worker: a JSON header and raw numbers, over a socket.

No pickle: the two ends may differ in their versions of Python and numpy.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LENGTH = struct.Struct("<II")  # bytes of the header and of the raw numbers
LARGEST = 1 << 28  # bytes; a longer message is garbled
CHUNK = 1 << 16

Message = tuple[dict[str, Any], bytes]  # header, raw numbers


class GarbledError(Exception):
    """The bytes received are no message."""


def encode(header: dict[str, Any], raw: bytes = b"") -> bytes:
    """The bytes of one message."""
    text = json.dumps(header).encode()
    return LENGTH.pack(len(text), len(raw)) + text + raw


class Inbox:
    """Assembles messages from received chunks."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that this chunk completes, in order."""
        self._pending += chunk
        messages: list[Message] = []
        while (message := self._take()) is not None:
            messages.append(message)
        return messages

    def _take(self) -> Message | None:
        if len(self._pending) < LENGTH.size:
            return None
        text_size, raw_size = LENGTH.unpack_from(self._pending)
        if text_size + raw_size > LARGEST:
            raise GarbledError(f"a message of {text_size + raw_size} bytes")
        middle = LENGTH.size + text_size
        if len(self._pending) < middle + raw_size:
            return None
        text = bytes(self._pending[LENGTH.size : middle])
        raw = bytes(self._pending[middle : middle + raw_size])
        del self._pending[: middle + raw_size]
        try:
            header = json.loads(text)
        except ValueError:
            raise GarbledError("a header that is not JSON") from None
        if not isinstance(header, dict):
            raise GarbledError("a header that is not a mapping")
        return header, raw


def receive(connection: socket.socket, inbox: Inbox) -> list[Message]:
    """The messages completed by the next chunk; EOFError once the other end is gone."""
    chunk = connection.recv(CHUNK)
    if not chunk:
        raise EOFError
    return inbox.feed(chunk)

"""A worker process: one official client, told what to do over a socket.

Started by process.py. Requests are {"do": "make" | "reset" | "step" | "close", ...}; each has one
answer: {"ok": true, ...}, {"broken": reason} where the battle can't go on, or {"refused": reason}
where it never can. While a request takes long, {"beat": true} says that the process lives.
"""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from typing import Any

from marl.envs.game.client import Client, GameLostError, RefusedError, make_client
from marl.envs.game.lifeline import bind_children
from marl.envs.game.message import Inbox, encode, receive

BEAT_SECONDS = 1.0
WORDS = 600  # characters of a reason


class Worker:
    """Answers requests until the other end is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.client: Client | None = None
        self._sending = threading.Lock()
        self._busy = threading.Event()

    def serve(self) -> None:
        """The whole life of the process."""
        threading.Thread(target=self._beat, daemon=True).start()
        inbox = Inbox()
        while True:
            try:
                messages = receive(self.connection, inbox)
            except (EOFError, ConnectionError):  # the training is gone, or wants no more
                self._close()
                return
            for request, _ in messages:
                self._busy.set()
                header, raw = self._answer(request)
                self._busy.clear()
                self._send(header, raw)
                if request["do"] == "close":
                    return

    def _answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        try:
            return self._do(request)
        except GameLostError as lost:
            return {"broken": str(lost)}, b""
        except RefusedError as refused:
            return {"refused": str(refused)}, b""
        except Exception as error:  # whatever a client raises, this battle is over
            traceback.print_exc()
            return {"broken": f"{type(error).__name__}: {error}"[:WORDS]}, b""

    def _do(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        what = request["do"]
        if what == "make":
            self.client = make_client(request)
            return {"ok": True, "sizes": self.client.sizes()}, b""
        if what == "close":
            self._close()
            return {"ok": True}, b""
        assert self.client is not None  # `make` is the first request
        if what == "reset":
            self.client.reset(int(request["seed"]), request.get("episode"))
            return {"ok": True}, self.client.look()
        header = self.client.step(request["actions"])
        return {"ok": True, **header}, self.client.look()

    def _close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            client.close()

    def _beat(self) -> None:
        tick = threading.Event()
        while not tick.wait(BEAT_SECONDS):
            if self._busy.is_set():
                self._send({"beat": True}, b"")

    def _send(self, header: dict[str, Any], raw: bytes) -> None:
        with self._sending:
            try:
                self.connection.sendall(encode(header, raw))
            except OSError:  # the other end is gone: the next receive says so
                return


def main(descriptor: int) -> None:
    """Serve the socket that was handed over."""
    bind_children()
    sys.setswitchinterval(0.05)  # the beat is the only other thread
    Worker(socket.socket(fileno=descriptor)).serve()

"""A worker process: one official client, controlled over a socket.

Started by process.py. Requests are {"do": "make" | "reset" | "step" | "close", ...}; each has one
answer: {"ok": true, ...}, {"broken": reason} where this battle can't go on, or {"refused": reason}
where no battle can. During a long request {"beat": true} is the heartbeat.
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
REASON_LENGTH = 600  # characters of a reason


class Worker:
    """Answers requests until the training closes its end."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.client: Client | None = None
        self._sending = threading.Lock()
        self._busy = threading.Event()

    def serve(self) -> None:
        """Answer requests; returns when the process shall end."""
        threading.Thread(target=self._beat, daemon=True).start()
        inbox = Inbox()
        while True:
            try:
                messages = receive(self.connection, inbox)
            except (EOFError, ConnectionError):  # the training is gone, or has closed its end
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
        except Exception as error:  # a client may raise anything; the battle is over
            traceback.print_exc()
            return {"broken": f"{type(error).__name__}: {error}"[:REASON_LENGTH]}, b""

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
            except OSError:  # the training is gone: the next receive raises
                return


def main(descriptor: int) -> None:
    """Serve the inherited socket. descriptor: its file descriptor."""
    bind_children()
    sys.setswitchinterval(0.05)  # the beat is the only other thread
    Worker(socket.socket(fileno=descriptor)).serve()

"""The process of a worker, on the training's side: start, messages, end.

Each worker leads a session of its own. So Ctrl-C does not reach it, its memory can be added to its
game's, and ending the session ends both and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import marl
from marl.envs.game.message import Inbox, Message, encode, receive

PACKAGE = Path(marl.__file__).parent
LOG_TAIL = 2000  # bytes
# Binds the worker to the training, then imports this package, by its path and not through sys.path:
# the worker's Python must not find the training's other packages.
BOOT = """
import importlib.util, sys
folder, parent, descriptor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.argv[:] = ["worker"]
spec = importlib.util.spec_from_file_location(
    "marl", folder + "/__init__.py", submodule_search_locations=[folder])
module = importlib.util.module_from_spec(spec)
sys.modules["marl"] = module
spec.loader.exec_module(module)
from marl.envs.game.lifeline import die_with
die_with(parent)
from marl.envs.game.worker import main
main(descriptor)
"""


class WorkerProcess:
    """One worker process. The thread that starts it must outlive it."""

    def __init__(self, python: str, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"marl-{name}-"))  # the game's too: TMPDIR
        ours, theirs = socket.socketpair()
        try:
            with open(self.log_path, "wb") as log:
                self._process = subprocess.Popen(
                    [python, "-c", BOOT, str(PACKAGE), str(os.getpid()), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env={**os.environ, "TMPDIR": str(self.folder)},
                )
        except BaseException:
            ours.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            theirs.close()
        self.connection = ours
        self.connection.setblocking(False)
        self._inbox = Inbox()
        self.session = self._process.pid

    @property
    def log_path(self) -> Path:
        """The output of the worker and its game."""
        return self.folder / "worker.log"

    def send(self, request: dict[str, object]) -> None:
        """Send a request; OSError where the worker is gone or does not read."""
        self.connection.sendall(encode(request))

    def messages(self) -> list[Message]:
        """The messages received so far; EOFError or ConnectionError once the worker is gone."""
        try:
            return receive(self.connection, self._inbox)
        except BlockingIOError:
            return []

    def log_tail(self) -> str:
        """The last lines of the output, in one line."""
        try:
            with open(self.log_path, "rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - LOG_TAIL))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return " | ".join(line.strip() for line in lines[-3:])

    def end(self) -> None:
        """Kill the worker and its game at once; safe to repeat."""
        if self._process.returncode is not None:
            return
        # Before `wait`: until then the session's id can't be reused.
        with suppress(ProcessLookupError):
            os.killpg(self.session, signal.SIGKILL)
        self._process.wait()
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def memory_of_sessions() -> dict[int, int]:
    """Resident bytes of all processes of each session; empty where there is no /proc."""
    total: dict[int, int] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name in brackets, of any characters: state, ppid, pgrp, session ...
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        session, pages = int(fields[3]), int(fields[21])
        total[session] = total.get(session, 0) + pages * page
    return total

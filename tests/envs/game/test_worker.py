"""What runs inside a worker process: light enough for another Python, and sound messages."""

from __future__ import annotations

import ast
import random
import subprocess
import sys

import pytest

from marl.envs.game import client, lifeline, message, worker
from marl.envs.game.client import allow_shuffle_with_function
from marl.envs.game.message import GarbledError, Inbox, encode
from marl.envs.game.process import memory_of_sessions

INSIDE = (client, lifeline, message, worker)


def test_a_worker_imports_nothing_but_numpy_and_the_standard_library():
    allowed = {*sys.stdlib_module_names, "numpy", *(module.__name__ for module in INSIDE)}
    for module in INSIDE:
        with open(module.__file__, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            assert {n if n in allowed else n.split(".")[0] for n in names} <= allowed, names


def test_messages_arrive_whole_however_they_were_cut():
    sent = [({"do": "step", "actions": [1, 2]}, b""), ({"ok": True}, bytes(range(256)) * 9)]
    stream = b"".join(encode(*one) for one in sent)
    for size in (1, 7, 4096):
        inbox = Inbox()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [one for piece in pieces for one in inbox.feed(piece)] == sent


@pytest.mark.parametrize("piece", [b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{x"])
def test_what_is_no_message_is_refused(piece: bytes):
    with pytest.raises(GarbledError):
        Inbox().feed(piece)


def test_shuffle_takes_a_function_again_as_pysc2_expects(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(random, "shuffle", random.shuffle)
    allow_shuffle_with_function()
    items = [1, 2, 3, 4]
    random.shuffle(items, lambda: 0.0)  # always swaps the last one with the first
    assert items == [2, 3, 4, 1]
    random.shuffle(items)
    assert sorted(items) == [1, 2, 3, 4]


@pytest.mark.skipif(not lifeline.LINUX, reason="looks at /proc")
def test_a_process_with_half_a_letter_in_its_name_harms_nobody():
    """Linux cuts names after 15 bytes, wherever that is."""
    name = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'\\xd0\\xbf' * 7 + b'\\xd0')"
    with subprocess.Popen(
        [sys.executable, "-c", f"{name}; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert memory_of_sessions()
        process.kill()


@pytest.mark.skipif(not lifeline.LINUX, reason="prctl is Linux's")
def test_a_child_of_a_bound_process_has_the_programs_own_id_and_output():
    script = (
        "import subprocess, sys\n"
        "from marl.envs.game.lifeline import bind_children\n"
        "bind_children()\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import os; print(os.getpid())'],"
        " stdout=subprocess.PIPE, text=True)\n"
        "assert int(child.communicate()[0]) == child.pid, 'another process stands between'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

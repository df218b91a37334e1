"""The server as a process: the wire, broken clients, and its end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from s2clientprotocol import sc2api_pb2 as api

from marl.sc2api.__main__ import LOOPBACK, main, parse
from tests.sc2api.player import creation
from tests.sc2api.serverkit import ROOT, SECONDS, Server, ask, greet, served


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as running:
        yield running


def test_requests_in_text_frames_that_are_no_text_are_answered_in_binary_ones(server: Server):
    with server.connect() as client:
        assert ask(client, text=True, ping=api.RequestPing(), id=200).status == api.launched
        create = creation("3m")
        create.local_map.map_data = bytes(range(256)) * 400  # no UTF-8, and a long frame
        assert ask(client, text=True, create_game=create).status == api.init_game
        options = api.InterfaceOptions(raw=True)
        join = api.RequestJoinGame(race=1, options=options)
        assert ask(client, join_game=join).status == api.in_game
        seen = ask(client, text=True, observation=api.RequestObservation())
        assert len(seen.observation.observation.raw_data.units) == 6
        assert ask(client, step=api.RequestStep(count=8)).step.simulation_loop == 8
        client.send(b"\xff\xfe nonsense")
        answer = client.recv(timeout=SECONDS)
        assert isinstance(answer, bytes)
        assert api.Response.FromString(answer).error
        # Its memory and its start are a client's, too: torch would double both.
        assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text()
        assert ask(client, quit=api.RequestQuit()).status == api.quit
    assert server.ends()


def test_after_a_client_that_breaks_off_in_a_message_the_server_ends(server: Server):
    with server.call() as client:
        greet(client)
        client.sendall(bytes([0x82, 0xFE, 0x03, 0xE8]) + bytes(100))
    assert server.ends()


def test_when_the_client_is_killed_the_server_ends():
    script = (
        "import sys, time; from websockets.sync.client import connect\n"
        "client = connect(f'ws://127.0.0.1:{sys.argv[1]}/sc2api'); print('in', flush=True)\n"
        "time.sleep(600)"
    )
    with served() as server:
        server.call().close()
        command = [sys.executable, "-c", script, str(server.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"in\n"
            client.send_signal(signal.SIGKILL)
        assert server.ends()


def test_a_server_whose_starter_is_gone_waits_for_nobody(tmp_path: Path):
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess, sys, time\n"
        "server = subprocess.Popen([sys.executable, '-m', 'marl.sc2api', '-port', '0'])\n"
        f"time.sleep(3); open({str(pid_file)!r}, 'w').write(str(server.pid))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=SECONDS)
    pid, end = int(pid_file.read_text()), time.monotonic() + SECONDS
    while is_running(pid):
        assert time.monotonic() < end
        time.sleep(0.2)


def is_running(pid: int) -> bool:
    """Whether the process lives; a zombie process does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_the_games_own_flags_are_taken_and_those_unknown_ignored(tmp_path: Path):
    (tmp_path / "Maps").mkdir()
    words = f"-listen 0.0.0.0 -port 6001 -dataDir {tmp_path}/ -tempDir x/ -displayMode 0 -verbose"
    assert parse(words.split()) == parse([*words.split(), "-dataVersion", "B89B5D6F"])
    arguments = parse(words.split())
    assert (arguments.host, arguments.port, arguments.folder) == (
        "0.0.0.0",
        6001,
        tmp_path / "Maps",
    )
    assert parse([]).host == LOOPBACK


def test_a_port_that_is_none_or_taken_is_one_line(capsys):
    with pytest.raises(SystemExit, match="port 70000"):
        parse(["-port", "70000"])
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        assert main(["-port", str(taken.getsockname()[1])]) == 2
    said = capsys.readouterr().out
    assert said.startswith("error: cannot listen on 127.0.0.1:")
    assert said.count("\n") == 1

"""python run.py watch, started as a user does."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from watch.builders import make_run

from marl.cli.main import main
from marl.config.files import ROOT
from marl.errors import ConfigError
from marl.watch import command
from marl.watch.runs import Runs


def refused(*words: str) -> int:
    return main(["watch", *words], lambda plan, options: None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["with", "run=/nowhere"], "run: /nowhere is not a folder; python run.py watch with run="),
        (["with", "rnu=x"], "rnu: unknown key; did you mean 'run'?"),
        (["with", "port=99999"], "port: "),
        (["--config=lagma", "with", "run=x"], "--config=lagma: watch takes no configuration"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(words, said, capsys):
    assert refused(*words) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"error: {said}")
    assert (out, err.count("\n")) == ("", 1)


def test_a_folder_without_runs_is_one_line(tmp_path, capsys):
    assert refused("with", f"run={tmp_path}") == 2
    assert f"there is no run in {tmp_path} or below it" in capsys.readouterr().err


def test_a_checkpoint_leads_to_its_run(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "models" / "1000").mkdir(parents=True)
    assert command.folder_of(str(run / "models" / "1000")) == run
    assert command.folder_of(str(tmp_path)) == tmp_path


def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port: cannot listen on 127.0.0.1:{port}"):
            command.open_server(Runs(tmp_path), port)
        monkeypatch.setattr(command, "DEFAULT_PORT", port)
        with command.open_server(Runs(tmp_path), None) as server:
            assert server.server_port != port


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_ctrl_c_or_kill(tmp_path: Path, ending: signal.Signals):
    make_run(tmp_path / "run")
    words = [sys.executable, str(ROOT / "run.py"), "watch", "with", f"run={tmp_path}", "port=0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", said)
            with urllib.request.urlopen(f"{url}api/runs", timeout=60) as answer:
                assert [run["name"] for run in json.load(answer)["runs"]] == ["run"]
        finally:
            process.send_signal(ending)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")

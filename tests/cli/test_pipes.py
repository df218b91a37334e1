"""Output that nobody reads any more: `python run.py ... | head -1`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl.cli.pipes import CUT_OFF, quiet_when_cut_off

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cut_off():
    """The end to write to of a pipe that has no reader."""
    to_read, to_write = os.pipe()
    os.close(to_read)
    yield to_write
    os.close(to_write)


def run(*words: str, **streams: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run.py", *words], cwd=ROOT, text=True, check=False, **streams
    )


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "print_config --config=lagma --env-config=two_step",
        "evaluate --config=random --env-config=two_step with episodes=1",
        "reproduce with suite=smoke status=True",
        "doctor",
    ],
)
def test_a_command_whose_reader_has_gone_says_nothing(command, cut_off):
    ended = run(*command.split(), stdout=cut_off, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (CUT_OFF, "")


def test_an_error_that_nobody_reads_is_quiet_too(cut_off):
    ended = run("no_command", stdout=subprocess.PIPE, stderr=cut_off)
    assert (ended.returncode, ended.stdout) == (CUT_OFF, "")


def test_a_command_without_any_output_stream_runs_as_ever():
    closed = 'exec 1>&-; exec "$0" run.py print_config --config=qmix --env-config=two_step'
    ended = subprocess.run(["bash", "-c", closed, sys.executable], cwd=ROOT, check=False)
    assert ended.returncode == 0


def test_what_is_read_keeps_its_exit_code():
    assert quiet_when_cut_off(lambda: 3) == 3


def test_a_broken_pipe_of_the_commands_own_stays_an_error(cut_off):
    def fail() -> int:
        return os.write(cut_off, b"to a process that has ended")

    with pytest.raises(BrokenPipeError):
        quiet_when_cut_off(fail)

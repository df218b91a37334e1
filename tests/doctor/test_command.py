"""python run.py doctor, started as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl.doctor import command
from marl.doctor.finding import Finding, State
from marl.doctor.probe import ROOT
from marl.errors import ConfigError


def run_apart(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "doctor", *words],
        capture_output=True,
        text=True,
        timeout=600,
        cwd="/",
        env={**os.environ, **environ},
    )


def test_without_the_game_it_explains_how_to_get_it_and_ends_well(tmp_path):
    done = run_apart(SC2PATH=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())  # however the lines are broken
    assert "ok battle on 3m 5 steps fought twice" in said
    assert f"missing folder no folder {tmp_path}/nowhere (SC2PATH)" in said
    assert "AI and Machine Learning License" in said
    assert "The engine works here. It needs nothing of the game" in said


def test_it_runs_where_packages_are_missing_and_says_which():
    """An interpreter that sees no site-packages stands in for a fresh machine."""
    script = (
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from marl.doctor import packages\n"
        "for finding in packages.check_packages():\n"
        "    if finding.stops_the_engine: print(finding.state.value, finding.found)\n"
        "sys.argv = ['run.py', 'doctor', 'with', 'instal=x']\n"
        f"runpy.run_path({str(ROOT / 'run.py')!r}, run_name='__main__')\n"
    )
    command = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr.startswith("error: instal: unknown key")  # so run.py came as far as that
    assert done.returncode == 2
    assert done.stdout.startswith("missing torch, numpy, numba")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["install_engine_as_sc2=x"], "settings after the word 'with'"),
        (["with", "install_engine_as_sc=x"], "did you mean 'install_engine_as_sc2'?"),
        (["with", "install_engine_as_sc2"], "expects key=value"),
        (["with", "install_engine_as_sc2="], "expects key=value"),
        (["with", "install_engine_as_sc2=/dev/null"], "/dev/null is not a folder"),
    ],
)
def test_a_typing_error_is_one_line_and_code_2(words, said, capsys):
    assert command.main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_an_installation_is_asked_of_the_engine_with_the_folder(tmp_path, monkeypatch, capsys):
    asked: list[Path] = []
    monkeypatch.setattr(command.install, "_installer", lambda: asked.append)
    assert command.main(["with", f"install_engine_as_sc2={tmp_path}/sc2"]) == 0
    assert asked == [tmp_path / "sc2"]
    assert "export SC2PATH=" in capsys.readouterr().out


def test_only_the_engines_needs_decide_the_exit_code(monkeypatch, capsys):
    def examine(finding: Finding) -> int:
        checks = [lambda: [finding]]
        monkeypatch.setattr(command, "run_checks", lambda title, *_, **more: run(title, checks))
        return command.examine()

    run = command.run_checks
    assert examine(Finding("game", State.BROKEN, "x", "y")) == 0
    assert examine(Finding("numpy", State.DIFFERS, "x", "y", needed=True)) == 0
    assert examine(Finding("numpy", State.MISSING, "x", "y", needed=True)) == 1
    assert "-> y" in capsys.readouterr().out


def test_an_unreadable_file_is_a_finding_and_the_other_checks_go_on():
    def unreadable() -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/secret")

    (finding,) = command.attempt(unreadable)
    assert finding.state is State.BROKEN
    assert "/secret" in finding.found


def test_a_check_that_fails_is_reported_and_a_needed_one_stops_the_engine():
    def failing() -> list[Finding]:
        raise ValueError("no JSON")

    (finding,) = command.attempt(failing, needed=True)
    assert (finding.state, finding.found) == (State.BROKEN, "ValueError: no JSON")
    assert finding.stops_the_engine
    assert not command.attempt(failing)[0].stops_the_engine


def test_help_is_given(capsys):
    assert command.main(["--help"]) == 0
    assert "usage: python run.py doctor" in capsys.readouterr().out


def test_the_same_settings_reach_it_through_run_py(monkeypatch):
    from marl.cli.main import main

    seen: list[object] = []
    monkeypatch.setattr(command, "run", lambda updates: seen.append(dict(updates)) or 0)
    assert main(["doctor", "with", "install_engine_as_sc2=/x"], lambda plan, options: None) == 0
    assert seen == [{"install_engine_as_sc2": "/x"}]


def test_words_that_are_no_settings_are_refused():
    with pytest.raises(ConfigError):
        command.settings(["with", "x"])

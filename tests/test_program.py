"""The command that hints name and that processes of its own run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marl import program
from marl.program import PACKAGE, SCRIPT, called, own_process


def test_hints_name_the_script_as_it_was_typed(monkeypatch, tmp_path):
    monkeypatch.chdir(SCRIPT.parent)
    assert called("run.py") == "run.py"
    assert called("./run.py") == "./run.py"
    monkeypatch.chdir(tmp_path)
    assert called(str(SCRIPT)) == str(SCRIPT)
    (tmp_path / "run.py").touch()  # another one
    assert called("run.py") == "-m marl"


def test_hints_name_the_module_where_that_was_started(monkeypatch):
    monkeypatch.chdir(SCRIPT.parent)
    assert called(str(PACKAGE / "__main__.py")) == "-m marl"


def test_a_notebook_is_told_what_works_in_its_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(SCRIPT.parent)
    assert called("ipykernel_launcher.py") == "run.py"
    monkeypatch.chdir(tmp_path)
    assert called("ipykernel_launcher.py") == "-m marl"


def test_processes_of_its_own_run_the_module_where_there_is_no_script(monkeypatch, tmp_path):
    assert own_process() == [sys.executable, str(SCRIPT)]
    monkeypatch.setattr(program, "SCRIPT", tmp_path / "run.py")
    assert own_process() == [sys.executable, "-m", "marl"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the package alone, as a wheel leaves it."""
    folder = tmp_path_factory.mktemp("site-packages")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "marl", ignore=ignored)  # data/ with what its links name
    return folder


def python_m_marl(installed: Path, here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "marl", *words]
    return subprocess.run(
        command, cwd=here, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_an_installed_package_trains_and_says_how_to_go_on(installed, tmp_path):
    small = ["t_max=64", "test_interval=64", "test_episodes=4", "tensorboard=False", "seed=1"]
    train = ["--config=qmix", "--env-config=matrix", "with", *small]
    done = python_m_marl(installed, tmp_path, *train, "max_seconds=0.001")
    assert done.returncode == 0, done.stderr
    (hint,) = [line for line in done.stdout.splitlines() if line.startswith("go on")]
    assert hint.startswith("go on        python -m marl with resume=results/")
    words = [*hint.partition("-m marl ")[2].split(), "max_seconds=none"]
    done = python_m_marl(installed, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "go on" not in done.stdout


def test_an_installed_package_runs_a_campaign(installed, tmp_path):
    (tmp_path / "own.yaml").write_text(
        "env_config: matrix\nsettings: {t_max: 64, test_interval: 64, test_episodes: 4}\n"
        "seeds: [1]\nruns:\n  - {label: qmix, config: qmix}\n"
    )
    done = python_m_marl(installed, tmp_path, "reproduce", "with", "suite=own.yaml", "processes=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.rglob("docs/results/own/*.json"))

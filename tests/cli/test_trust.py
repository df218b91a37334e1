"""A run's folder names no program and no module: the user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.config.files import ROOT
from marl.errors import ConfigError
from tests.cli.test_plugins import PLUGIN, QUICK

MARK = "ran-code"
SCRIPT = f"#!/bin/sh\ntouch {MARK}\nexit 1\n"
MODULE = f"open({MARK!r}, 'w').close()\n"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a program and a module that leave a mark where they run."""
    (tmp_path / "evil_program").write_text(SCRIPT)
    (tmp_path / "evil_program").chmod(0o755)
    (tmp_path / "evil_module.py").write_text(MODULE)
    checkout = tmp_path / "evil_source" / "smac" / "env" / "starcraft2"
    checkout.mkdir(parents=True)
    (checkout / "starcraft2.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MARL_TRUST", raising=False)
    return tmp_path


def stranger_s_run(folder: Path, config: str, env: str, **settings: object) -> Path:
    """The folder of a run that was never trained here: its configuration is all that counts."""
    run = folder / "run"
    (run / "models" / "64").mkdir(parents=True)
    names = {"recipe": config, "env": env, "config": config, "env_config": env}
    lines = [f"{key}: {value}\n" for key, value in (names | settings).items()]
    (run / "config.yaml").write_text("".join(lines))
    return run


FOLDERS = {
    "plugins": ("qmix", "two_step", {"plugins": "[evil_module]"}),
    "game.python": ("qmix", "sc2", {"backend": "game", "game": "{python: ./evil_program}"}),
    "game.source": ("qmix", "sc2", {"backend": "game", "game": "{source: evil_source}"}),
    "env_id": ("dqn", "gymnasium", {"env_id": "evil_module:Name-v0"}),
    "module": ("iql", "pettingzoo", {"module": "evil_module"}),
}


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "PYTHONPATH": f"{ROOT}:.", **environment}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=300, env=own
    )


@pytest.mark.parametrize("key", FOLDERS)
@pytest.mark.parametrize(
    "command",
    ["train with resume=run", "evaluate with checkpoint=run", "replay with checkpoint=run"],
)
def test_what_a_runs_folder_names_is_not_taken(there, key, command):
    stranger_s_run(there, *FOLDERS[key][:2], **FOLDERS[key][2])
    with pytest.raises(ConfigError, match=f"{key}: the run in run names '[^']*evil") as refusal:
        make_plan(split(command.split()))
    assert f"say so yourself: {key}=... after 'with', or MARL_TRUST=..." in str(refusal.value)
    assert not (there / MARK).exists()


@pytest.mark.parametrize("key", FOLDERS)
def test_no_command_runs_code_that_a_folder_names(there, key):
    """From outside, in a process of its own, and each command that opens a run."""
    stranger_s_run(there, *FOLDERS[key][:2], **FOLDERS[key][2])
    for command in ("evaluate with checkpoint=run", "plot with kind=codebook run=run"):
        ended = python(str(ROOT / "run.py"), *command.split())
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr
    assert not (there / MARK).exists()


def test_what_the_user_says_too_is_taken(there, monkeypatch):
    stranger_s_run(there, "dqn", "gymnasium", env_id="said_module:Name-v0")
    words = ["evaluate", "with", "checkpoint=run"]
    with pytest.raises(ConfigError, match="env_id: the run in run"):
        make_plan(split(words))
    monkeypatch.setenv("MARL_TRUST", "other, said_module:Name-v0")
    assert make_plan(split(words)).env.env_id == "said_module:Name-v0"
    monkeypatch.delenv("MARL_TRUST")
    with pytest.raises(ConfigError, match="env_id: the run in run"):
        make_plan(split(words))
    assert make_plan(split([*words, "env_id=said_module:Name-v0"])).env.env_id[:4] == "said"
    assert make_plan(split(words)).env.env_id[:4] == "said"  # said once holds for the process


def test_another_name_than_the_users_is_refused(there):
    stranger_s_run(there, "qmix", "sc2", game="{python: ./evil_program, source: mine}")
    with pytest.raises(ConfigError, match=r"game\.python: the run in run names './evil_program'"):
        make_plan(split(["evaluate", "with", "checkpoint=run", "game.source=mine"]))


def test_a_file_of_the_users_says_it_too(there):
    stranger_s_run(there, "qmix", "sc2", env_config="mine", game="{python: /from/my/file}")
    (there / "mine.yaml").write_text("env: sc2\ngame: {python: /from/my/file}\n")
    words = ["evaluate", "--env-config=mine.yaml", "with", "checkpoint=run"]
    assert make_plan(split(words)).env.game.python == "/from/my/file"


def test_what_the_projects_own_files_name_needs_no_word(there):
    stranger_s_run(there, "iql", "pettingzoo", module="mpe2.simple_spread_v3")
    assert make_plan(split(["evaluate", "with", "checkpoint=run"])).env.module[:4] == "mpe2"


def test_ones_own_run_with_plugins_goes_on_when_they_are_said_again(there):
    (there / "own_parts.py").write_text(PLUGIN)
    settings = [f"{key}={value}" for key, value in QUICK.items()]
    begin = ["--config=own_recipe", "--env-config=own_env", "with", "plugins=own_parts", *settings]
    run = str(ROOT / "run.py")
    assert python(run, *begin, "results_dir=r").returncode == 0
    (folder,) = (path.parent for path in there.glob("r/**/config.yaml"))
    again = ["with", f"resume={folder}", "t_max=128"]
    refused = python(run, *again)
    assert refused.returncode == 2
    assert "plugins: the run in" in refused.stderr
    assert python(run, *again, "plugins=own_parts").returncode == 0
    evaluated = python(
        run, "evaluate", "with", f"checkpoint={folder}", "episodes=2", MARL_TRUST="own_parts"
    )
    assert evaluated.returncode == 0

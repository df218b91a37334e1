"""Every command and program of the README does what it says, in a fresh clone.

Long ones are interrupted after a while, as a user would with Ctrl-C.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 40.0  # seconds until a command is interrupted
COMPARISON = 600.0  # seconds for the two algorithms compared, with fewer steps
COMPILATION = 1500.0  # seconds for the engine, on a busy machine
GRACE = 900.0  # seconds that it may take to save and end, or a benchmark to compile
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = "<run folder>"
RUN_FOLDER = re.compile(r"^results +(\S+)$", re.MULTILINE)
SETS_UP = ("make", ".", "ssh")  # what the other commands stand on, and another machine


@dataclass(frozen=True)
class Block:
    language: str  # "" for commands
    text: str


def blocks() -> list[Block]:
    return [Block(*found.groups()) for found in FENCE.finditer((ROOT / "README.md").read_text())]


def commands() -> list[list[str]]:
    """The words of each command line, comments left out."""
    lines = [line for block in blocks() if not block.language for line in block.text.splitlines()]
    words = [shlex.split(line.replace(PLACE, f"'{PLACE}'"), comments=True) for line in lines]
    return [line for line in words if line and line[0] not in SETS_UP]


@dataclass(frozen=True)
class Done:
    code: int
    interrupted: bool
    output: str


def run(words: list[str], folder: Path, patience: float = PATIENCE) -> Done:
    """Run to its end, or interrupt it after `patience` seconds."""
    words = [sys.executable if word == "python" else word for word in words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    interrupted = False
    try:
        output, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        interrupted = True
        os.killpg(process.pid, signal.SIGINT)
        try:
            output, _ = process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Done(process.returncode, interrupted, output)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is committed, with the README's own files."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    folder = tmp_path_factory.mktemp("readme") / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for block in blocks():
        name = re.match(r"# (\S+\.yaml)\n", block.text)
        if block.language == "yaml" and name:
            short = block.text.replace("t_max: 300_000", "t_max: 2_000, test_interval: 1_000")
            assert short != block.text or name[1] != "compare.yaml"
            (folder / name[1]).write_text(short)
    # A training that comes to its end, after the compilation that the README speaks of.
    first = ["python", "run.py", "--config=qmix", "--env-config=sc2", "with", "map=3m"]
    done = run([*first, "t_max=500", "test_episodes=2"], folder, COMPILATION)
    assert (done.code, done.interrupted) == (0, False), done.output
    return folder


def test_the_readme_has_commands_and_programs():
    assert len(commands()) > 15
    assert sum(block.language == "python" for block in blocks()) >= 2


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_every_command_works_as_printed(clone: Path):
    latest = ""  # run folder
    for words in commands():
        given = [word.replace(PLACE, latest) for word in words]
        done = run(given, clone, COMPARISON if "suite=compare.yaml" in words else PATIENCE)
        said = f"{shlex.join(words)}: code {done.code}\n{done.output[-2000:]}"
        assert "Traceback" not in done.output, said
        assert not re.search(r"^error:", done.output, re.MULTILINE), said
        assert done.code == 0 or (done.interrupted and done.code in (130, -signal.SIGINT)), said
        found = RUN_FOLDER.findall(done.output)
        latest = found[-1] if found else latest


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("program", [one.text for one in blocks() if one.language == "python"])
def test_every_program_works_as_printed(clone: Path, program: str):
    (clone / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=clone,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        timeout=1000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]

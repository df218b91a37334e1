"""Where the clients of these tests are, and why a test is skipped without them.

`make clients` puts pysc2 and python-sc2 into a virtual environment of their own, because they need
another protobuf than the rest. oxwhirl's clients come from checkouts that SMAC_SOURCE and
SMACV2_SOURCE name, as in tests/official.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.official.clients import needs

ROOT = Path(__file__).parents[2]
OWN = ROOT / ".venv-clients" / "bin" / "python"
VARIABLE = "CLIENTS_PYTHON"
LAUNCHES = "launches.txt"
SECONDS = 600


def clients_python() -> str:
    """The Python that has the clients; skips the test where there is none."""
    python = Path(os.environ.get(VARIABLE, OWN))
    if not python.is_file():
        pytest.skip(f"`make clients` installs pysc2 and python-sc2; or set {VARIABLE}")
    return str(python)


def smac_source(client: str) -> str:
    """The checkout of oxwhirl/smac (v1) or smacv2 (v2); skips the test where there is none."""
    return str(needs(client))


def run_client(script: str, sc2path: Path, *words: str, **variables: str) -> dict[str, Any]:
    """Run a script of this folder with the clients' Python; its last line says what it saw.

    AssertionError with everything it printed if it fails.
    """
    command = [clients_python(), str(Path(__file__).parent / script), *words]
    done = subprocess.run(
        command,
        env=environment(sc2path, variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(seen, dict)
    return seen


def environment(sc2path: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Ours, with the installation that the clients are to find."""
    return {**os.environ, "SC2PATH": str(sc2path), **variables}


def count_launches(sc2path: Path) -> None:
    """Let the installation's game note each of its starts."""
    launcher = next(sc2path.glob("Versions/*/SC2_x64"))
    first, rest = launcher.read_text().split("\n", 1)
    launcher.write_text(f"{first}\necho started >> {shlex.quote(str(sc2path / LAUNCHES))}\n{rest}")


def launches(sc2path: Path) -> int:
    """How often a client has started the game: once more than it says is a silent restart."""
    notes = sc2path / LAUNCHES
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def left_over(sc2path: Path) -> list[str]:
    """Processes that serve from this installation and still live."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(sc2path) in words:
            found.append(words)
    return found

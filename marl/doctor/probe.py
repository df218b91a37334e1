"""Code run in a Python process of its own, so that a crash or a hang stays there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Probe:
    """The result. code: the exit code, negative for a signal; None: it ran out of time."""

    code: int | None
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line of its errors, mostly `SomeError: reason`."""
        if self.code is None:
            return "not finished within its time limit"
        lines = self.err.strip().splitlines()
        return lines[-1] if lines else f"ended with code {self.code}"


def run_python(arguments: Sequence[str], seconds: float) -> Probe:
    """`python <arguments>` from the source tree's folder, for at most `seconds`."""
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return Probe(None, "", "")
    return Probe(done.returncode, done.stdout, done.stderr)

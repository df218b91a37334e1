"""The command that this process was started by: what hints say, and what processes of its own run.

Imports the standard library alone: doctor starts where packages are missing.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SCRIPT = PACKAGE.parent / "run.py"  # of a checkout; an installed package has none
MODULE = "-m marl"


def called(argv0: str) -> str:
    """What stands after `python` in hints: run.py as it was typed, or -m marl.

    argv0: sys.argv[0]. In a process of anybody else's, a notebook say, the one that works there.
    """
    if Path(argv0).name == SCRIPT.name and _is_script(argv0):
        return shlex.quote(argv0)
    if Path(argv0).resolve() == PACKAGE / "__main__.py" or not _is_script(SCRIPT.name):
        return MODULE
    return SCRIPT.name


def own_process() -> list[str]:
    """The first words of the same command in a process of its own, in any folder."""
    after = [str(SCRIPT)] if SCRIPT.is_file() else MODULE.split()
    return [sys.executable, *after]


def _is_script(path: str) -> bool:
    """Whether the path, from the working directory, is that of the checkout's run.py."""
    return Path(path).resolve() == SCRIPT and SCRIPT.is_file()


CALLED = called(sys.argv[0])
PROGRAM = f"python {CALLED}"

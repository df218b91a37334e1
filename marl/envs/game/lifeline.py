"""Processes that end with their parent, however it ended. Linux only.

Elsewhere a worker still ends when the training's end of its socket closes, and ending a worker
ends its whole session (see process.py).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from typing import Any

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Replaces itself by the program, under the same process id; argv: the parent's id, the program ...
# A wrapper and not code in the forked child, which threads make unsafe.
WRAPPER = (
    "import ctypes, os, sys; "
    f"ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {int(signal.SIGKILL)}, 0, 0, 0); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


def die_with(parent: int) -> None:
    """End this process by SIGKILL when the thread that started it ends. parent: its process id."""
    if not LINUX:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)


class DependentPopen(subprocess.Popen):
    """subprocess.Popen whose process ends with this one."""

    def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
        if LINUX and isinstance(args, list) and not options.get("shell"):
            args = [sys.executable, "-I", "-S", "-c", WRAPPER, str(os.getpid()), *map(str, args)]
        super().__init__(args, *rest, **options)


def bind_children() -> None:
    """Every process that this one starts from now on through subprocess ends with it.

    The clients start the game without this, and a game without its client would run on forever.
    """
    subprocess.Popen = DependentPopen  # type: ignore[misc]

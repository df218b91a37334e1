"""Output into a pipe that its reader has closed, as in `python run.py ... | head -1`.

Imports the standard library alone: doctor starts where packages are missing.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import TextIO

CUT_OFF = 1  # exit code, that of Python and rich for it


def quiet_when_cut_off(command: Callable[[], int]) -> int:
    """The command's exit code; CUT_OFF, without a word, where nobody reads its output any more.

    Any other broken pipe, such as that of a process of its own, stays an error.
    """
    try:
        code = command()
        print(end="", flush=True)  # where there is a stdout at all
        return code
    except BrokenPipeError:
        gone = [stream for stream in (sys.stdout, sys.stderr) if _is_cut_off(stream)]
        if not gone:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in gone:  # what is left in it goes there when Python ends
            os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return CUT_OFF


def _is_cut_off(stream: TextIO | None) -> bool:
    """Whether it is a pipe or socket that is closed at its other end."""
    if stream is None:  # Python's word for a descriptor that was closed from the start
        return False
    poll = select.poll()
    poll.register(stream, 0)  # errors alone, which need no asking for
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

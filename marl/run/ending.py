"""ended.json: how a run's last training ended.

There is none while it runs, and where it was killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from marl.errors import UnreadableError, one_line, printable
from marl.log.summary import Summary
from marl.untrusted.jsontext import read_json

ENDED = "ended.json"
INTERRUPTED = "interrupted"
FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
HOW = (FINISHED, INTERRUPTED, STOPPED, FAILED)
LONGEST = 500  # characters of a line that is shown


@dataclass(frozen=True)
class Ending:
    """How a training ended, one of HOW, and the line that says why; "" where that says all."""

    how: str
    line: str = ""


@contextmanager
def noted_if_it_fails(folder: Path) -> Iterator[None]:
    """Forget how the training ended before, and note it where an error or Ctrl-C ends this one."""
    (folder / ENDED).unlink(missing_ok=True)
    try:
        yield
    except KeyboardInterrupt:
        note(folder, Ending(INTERRUPTED))
        raise
    except Exception as error:
        line = one_line(error) or type(error).__name__
        with suppress(OSError):  # a full disk, most likely, which is the error already
            note(folder, Ending(FAILED, line))
        raise


def ending(summary: Summary) -> Ending:
    """The ending of a training that came to its summary."""
    if not summary.stopped:
        return Ending(FINISHED)
    return (
        Ending(INTERRUPTED) if summary.stopped == INTERRUPTED else Ending(STOPPED, summary.stopped)
    )


def note(folder: Path, ending: Ending) -> None:
    """Write ended.json, whole or not at all."""
    temporary = folder / f".{ENDED}.tmp"
    temporary.write_text(json.dumps(asdict(ending)) + "\n", encoding="utf-8")
    temporary.replace(folder / ENDED)


def ending_of(folder: Path) -> Ending | None:
    """How the run ended; None where its folder does not tell."""
    try:
        match read_json(folder / ENDED):
            case {"how": str(how), "line": str(line)} if how in HOW:
                return Ending(how, printable(line[:LONGEST]))
    except (OSError, UnreadableError):
        return None
    return None

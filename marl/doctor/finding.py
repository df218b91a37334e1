"""What the doctor found: one fact about this machine, its state, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How a thing is."""

    OK = "ok"
    DIFFERS = "differs"  # works, but is not what the tests or the published results had
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    topic: str
    state: State
    found: str
    advice: str = ""  # what to do, "" where nothing needs doing
    needed: bool = False  # the engine does not work while this is missing or broken

    @property
    def stops_the_engine(self) -> bool:
        return self.needed and self.state in (State.MISSING, State.BROKEN)


def listed(names: list[str], most: int = 6) -> str:
    """`a, b, c`; of many only the first and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

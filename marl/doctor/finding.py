"""A finding of the doctor: one fact about this machine, its state, and advice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """The state of the thing that was checked."""

    OK = "ok"
    DIFFERS = "differs"  # works, but differs from the tests' or the published results' version
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    topic: str
    state: State
    found: str
    advice: str = ""  # the remedy; "" if none is needed
    needed: bool = False  # the engine does not work while this is missing or broken

    @property
    def stops_the_engine(self) -> bool:
        return self.needed and self.state in (State.MISSING, State.BROKEN)


def listed(names: list[str], limit: int = 6) -> str:
    """`a, b, c`; beyond `limit` names `a, b and 3 more`."""
    first = ", ".join(names[:limit])
    return first if len(names) <= limit else f"{first} and {len(names) - limit} more"

"""The result of a training, printed at the end of its log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Summary:
    """The result of a training. seconds: by part of the loop, and in total."""

    folder: Path
    t_env: int
    evaluations: list[dict[str, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    steps_per_second: float = 0.0
    stopped: str = ""  # the reason for an early end, "" otherwise

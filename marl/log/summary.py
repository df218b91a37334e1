"""What a training came to, for the end of its log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Summary:
    """What a training came to."""

    folder: Path
    t_env: int
    evaluations: list[dict[str, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    steps_per_second: float = 0.0
    stopped: str = ""  # why it ended early, "" if it did not

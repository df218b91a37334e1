"""metrics.jsonl: one line of JSON per logged point."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from marl.untrusted.points import Point, lines_of, point_of, read_points

METRICS = "metrics.jsonl"
TEST = "test_"  # begins the names of a test's metrics


class JsonlSink:
    """Appends `{"t_env": ..., "time": ..., <metric>: ...}` lines; time in seconds since 1970.

    start: t_env at which the run starts or resumes. Lines beyond it, of steps that a resumed run
    repeats, are removed first, and so are damaged lines and an incomplete last one. last_test:
    t_env of the last test that the run remembers; later ones are repeated too.
    """

    def __init__(self, path: Path, start: int = 0, last_test: float = -1) -> None:
        self.damaged = _keep_until(path, start, last_test) if path.exists() else 0  # lines removed
        self.file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by close()

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        line = {"t_env": t_env, "time": round(time.time(), 3), **metrics}
        self.file.write(json.dumps(line, allow_nan=False) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def read_metrics(path: Path) -> list[Point]:
    """All complete lines of a metrics.jsonl that are points."""
    return read_points(path)[0]


def _keep_until(path: Path, t_env: int, last_test: float) -> int:
    """Keep the points up to t_env, of tests those up to last_test; gives how many are damaged."""
    temporary, damaged = path.with_suffix(".tmp"), 0
    with open(temporary, "wb") as kept:
        for line in lines_of(path):
            point = point_of(line)
            damaged += point is None and bool(line.strip())
            if point is not None and point["t_env"] <= t_env:
                is_test = any(name.startswith(TEST) for name in point)
                if not is_test or point["t_env"] <= last_test:
                    kept.write(line)
    temporary.replace(path)
    return damaged

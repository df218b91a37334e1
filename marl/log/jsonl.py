"""metrics.jsonl: one line of JSON per logged point."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

METRICS = "metrics.jsonl"


class JsonlSink:
    """Appends `{"t_env": ..., "time": ..., <metric>: ...}` lines; time in seconds since 1970.

    start: t_env at which the run starts or resumes. Lines beyond it, of steps that a resumed run
    repeats, are removed first, and so is an incomplete last line.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        if path.exists():
            _keep_until(path, start)
        self.file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by close()

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        line = {"t_env": t_env, "time": round(time.time(), 3), **metrics}
        self.file.write(json.dumps(line, allow_nan=False) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """All complete lines of a metrics.jsonl."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _keep_until(path: Path, t_env: int) -> None:
    kept = [line for line in read_metrics(path) if line["t_env"] <= t_env]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    temporary.replace(path)

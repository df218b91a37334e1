"""A metrics.jsonl read while it is written."""

from __future__ import annotations

import json
import math
from pathlib import Path

Point = dict[str, float | None]


class MetricsFile:
    """The points of a metrics.jsonl so far; `poll` reads the lines added since.

    An incomplete last line is left for the next poll; other lines that are no point are counted in
    `skipped`. A file that was replaced or cut (a resumed run removes the lines of steps that it
    repeats) is read again from its beginning, and `generation` counts these new beginnings.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[Point] = []
        self.skipped = 0
        self.generation = 0
        self.written = 0.0  # time of the file's last change, seconds since 1970; 0: no file
        self._offset = 0
        self._inode = 0

    def poll(self) -> None:
        """Read the added lines."""
        try:
            with self.path.open("rb") as file:
                status = self.path.stat()
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._begin(status.st_ino)
                self.written = status.st_mtime
                file.seek(self._offset)
                self._take(file.read())
        except FileNotFoundError:  # not begun yet, or removed while we watch
            if self._inode:
                self._begin(0)

    def _begin(self, inode: int) -> None:
        if self._inode:
            self.generation += 1
        self.points = []
        self.skipped = self._offset = 0
        self.written = 0.0
        self._inode = inode

    def _take(self, added: bytes) -> None:
        """Parse the complete lines."""
        whole = added.rfind(b"\n") + 1
        self._offset += whole
        for line in added[:whole].splitlines():
            point = read_point(line)
            if point is not None:
                self.points.append(point)
            elif line.strip():
                self.skipped += 1

    @property
    def t_env(self) -> int:
        """Environment steps of the newest point."""
        return int(self.points[-1]["t_env"] or 0) if self.points else 0

    def latest(self, key: str) -> float | None:
        """The newest value of a metric."""
        return next((point[key] for point in reversed(self.points) if key in point), None)

    def curve(self, key: str, limit: int) -> list[tuple[float, float]]:
        """(t_env, value) of a metric: at most `limit` points, with the first and the last."""
        pairs = [
            (point["t_env"] or 0.0, value)
            for point in self.points
            if (value := point.get(key)) is not None
        ]
        if len(pairs) <= limit:
            return pairs
        chosen = [round(i * (len(pairs) - 1) / (limit - 1)) for i in range(limit)]
        return [pairs[index] for index in chosen]


def read_point(line: bytes) -> Point | None:
    """The numbers of one line by name, not finite ones as None; None where it is no point."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    try:
        point: Point = {
            key: float(value) if math.isfinite(value) else None
            for key, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return point if point.get("t_env") is not None else None

"""A metrics.jsonl read while it is written."""

from __future__ import annotations

import json
import math
from pathlib import Path

Point = dict[str, float | None]


class MetricsFile:
    """The points of a metrics.jsonl so far; `poll` reads what was added since.

    A last line without its end is left for the next time, other lines that are no point are counted
    in `skipped`. A file that was replaced or cut (a resumed run drops what it plays anew) is read
    from its beginning, and `generation` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[Point] = []
        self.skipped = 0
        self.generation = 0
        self.written = 0.0  # when the file was last written, seconds since 1970; 0: never
        self._offset = 0
        self._inode = 0

    def poll(self) -> None:
        """Read on."""
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
        """Keep the whole lines."""
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

    def curve(self, key: str, most: int) -> list[tuple[float, float]]:
        """(t_env, value) of a metric, at most `most` of them, the first and last among them."""
        pairs = [
            (point["t_env"] or 0.0, value)
            for point in self.points
            if (value := point.get(key)) is not None
        ]
        if len(pairs) <= most:
            return pairs
        chosen = [round(i * (len(pairs) - 1) / (most - 1)) for i in range(most)]
        return [pairs[index] for index in chosen]


def read_point(line: bytes) -> Point | None:
    """One line as numbers by name; None where it is no point. What is not finite becomes None."""
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

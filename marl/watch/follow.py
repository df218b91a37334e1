"""A metrics.jsonl read while it is written."""

from __future__ import annotations

import math
from io import BufferedReader
from pathlib import Path

from marl.errors import UnreadableError
from marl.untrusted.bounds import LINE_BYTES, METRICS_BYTES
from marl.untrusted.files import open_regular
from marl.untrusted.points import Counted, point_of

Point = dict[str, float | None]


class MetricsFile:
    """The points of a metrics.jsonl so far; `poll` reads the lines added since.

    An incomplete last line is left for the next poll; other lines that are no point are counted in
    `skipped`. A file that was replaced or cut (a resumed run removes the lines of steps that it
    repeats) is read again from its beginning, and `generation` counts these new beginnings. Where
    it can't be read any more, `trouble` says why, and the points so far stay.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[Point] = []
        self.skipped = 0
        self.generation = 0
        self.written = 0.0  # time of the file's last change, seconds since 1970; 0: no file
        self.trouble = ""
        self._offset = 0
        self._inode = 0
        self._counted = Counted(path)

    def poll(self) -> None:
        """Read the added lines."""
        try:
            with open_regular(self.path) as file:
                status = self.path.stat()
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._begin(status.st_ino)
                self.written = status.st_mtime
                if not self.trouble:
                    self._take(file)
        except FileNotFoundError:  # not begun yet, or removed while we watch
            if self._inode:
                self._begin(0)
        except UnreadableError as error:
            self.trouble = str(error)
        except OSError as error:
            self.trouble = f"{self.path}: {error.strerror}"

    def _begin(self, inode: int) -> None:
        if self._inode:
            self.generation += 1
        self.points = []
        self.skipped = self._offset = 0
        self.written = 0.0
        self.trouble = ""
        self._inode = inode
        self._counted = Counted(self.path)

    def _take(self, file: BufferedReader) -> None:
        """Parse the complete lines from where the last poll stopped."""
        file.seek(self._offset)
        begins = True  # whether what is read next begins a line
        while line := file.readline(LINE_BYTES):
            if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                return
            if begins:
                self._add(line)
            begins = line.endswith(b"\n")
            self._offset += len(line)
            if self._offset > METRICS_BYTES:
                raise UnreadableError(f"{self.path}: is too large for metrics")

    def _add(self, line: bytes) -> None:
        point = point_of(line)
        if point is not None:
            self._counted.add(point)
            self.points.append(
                {name: value if math.isfinite(value) else None for name, value in point.items()}
            )
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

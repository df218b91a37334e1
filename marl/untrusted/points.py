"""The points of a metrics.jsonl, line by line."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from marl.errors import UnreadableError
from marl.untrusted.bounds import DIGITS, LINE_BYTES, METRICS_BYTES, METRICS_NUMBERS
from marl.untrusted.files import open_regular

Point = dict[str, float]  # with a finite t_env; others may be NaN or infinite


def lines_of(path: Path) -> Iterator[bytes]:
    """The complete lines of a metrics.jsonl, cut where too long; none where there is no file.

    UnreadableError where it is no regular file, or too large.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError:
        return
    with file:
        whole = True  # whether what is read next begins a line
        while line := file.readline(LINE_BYTES):
            if whole and (line.endswith(b"\n") or len(line) == LINE_BYTES):
                yield line
            whole = line.endswith(b"\n")
            if file.tell() > METRICS_BYTES:
                raise UnreadableError(f"{path}: is too large for metrics")


def point_of(line: bytes) -> Point | None:
    """The numbers of a line by name; None where it is no point."""
    if len(line) >= LINE_BYTES:
        return None
    try:
        values = json.loads(line, parse_int=_bounded_int)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    point = {
        sys.intern(name): float(value)
        for name, value in values.items()
        if type(value) in (int, float)
    }
    return point if math.isfinite(point.get("t_env", math.nan)) else None


class Counted:
    """Counts the numbers of points, so that all of them have a bound."""

    def __init__(self, path: Path) -> None:
        self.path, self.numbers = path, 0

    def add(self, point: Point) -> None:
        """UnreadableError where there are too many now."""
        self.numbers += len(point)
        if self.numbers > METRICS_NUMBERS:
            raise UnreadableError(f"{self.path}: has more than {METRICS_NUMBERS:,} numbers")


def read_points(path: Path) -> tuple[list[Point], int]:
    """All points of a metrics.jsonl, and the number of its damaged lines."""
    points: list[Point] = []
    counted, damaged = Counted(path), 0
    for line in lines_of(path):
        point = point_of(line)
        if point is not None:
            counted.add(point)
            points.append(point)
        elif line.strip():
            damaged += 1
    return points, damaged


def _bounded_int(digits: str) -> float:
    """A whole number as a float; nothing beyond what one can hold."""
    if len(digits) > DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    try:
        return float(int(digits))
    except OverflowError:
        raise ValueError("a number beyond all others") from None

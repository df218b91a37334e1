"""The numbers as CSV files and as a table on the console."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from marl.log.console import terminal
from marl.plots.results import LEVELS, Duel, Line, Measure, Reached, Score
from marl.plots.sections import Section
from marl.plots.statistics import Array, Estimate

SHOWN_LEVEL = 0.8
STEPS = ((1e6, "M"), (1e3, "k"), (1.0, ""))
TIMES = ((3600.0, " h"), (60.0, " min"), (1.0, " s"))
UNITS = {"steps": "steps", "time": "seconds"}
Rows = Iterable[Sequence[object]]


def write_lines(path: Path, lines: Sequence[Line], x: str, y: str) -> None:
    """A row for each point of each line. x, y: names of their columns."""
    write_csv(path, ["map", "line", x, y, "low", "high"], _points(lines))


def _points(lines: Sequence[Line]) -> Rows:
    for line in lines:
        low, high = (_column(bound, len(line.x)) for bound in (line.y.low, line.y.high))
        rows = zip(line.x, line.y.value, low, high, strict=True)
        yield from ([line.section.title, line.label, *row] for row in rows)


def _column(bound: Array | None, count: int) -> Sequence[object]:
    return [None] * count if bound is None else list(bound)


def write_scores(path: Path, scores: Sequence[Score], axis: str) -> None:
    """A row for each group on each map, and on all maps."""
    unit = UNITS[axis]
    heads = ["map", "line", "metric", "seeds"]
    heads += [f"{name}{end}" for name in ("iqm", "integrated") for end in ("", "_low", "_high")]
    heads += [f"{unit}_to_{100 * level:.0f}{end}" for level in LEVELS for end in ("", "_seeds")]
    write_csv(path, heads, map(_score_row, scores))


def _score_row(score: Score) -> list[object]:
    row: list[object] = [score.section.title, score.label, score.section.metric, sum(score.seeds)]
    for estimate in (score.last, score.area):
        row += [None if one is None else one[0] for one in _parts(estimate)]
    for level in LEVELS:
        reached = score.reached.get(level)
        row += [reached.median, reached.count] if reached else [None, None]
    return row


def _parts(estimate: Estimate) -> tuple[Array, Array | None, Array | None]:
    return estimate.value, estimate.low, estimate.high


def write_duels(path: Path, duels: Sequence[Duel]) -> None:
    """A row for each pair on each map, and on all maps."""
    heads = ["map", "first", "second", "probability", "low", "high"]
    rows = [
        [duel.section.title, duel.first, duel.second, *_parts(duel.probability)] for duel in duels
    ]
    write_csv(path, heads, rows)


def write_runs(path: Path, sections: Sequence[Section], measure: Measure) -> None:
    """A row for each run on its map: what all the rest is made of."""
    unit = UNITS[measure.axis]
    heads = ["map", "line", "seed", "metric", "score", "integrated"]
    heads += [f"{unit}_to_{100 * level:.0f}" for level in LEVELS]
    write_csv(path, [*heads, "steps", "source"], _run_rows(sections, measure))


def _run_rows(sections: Sequence[Section], measure: Measure) -> Rows:
    for section in sections:
        for label, strata in () if section.is_pooled else section.lines.items():
            for curve in strata[0]:
                row: list[object] = [section.title, label, curve.trial.seed, section.metric]
                row += [curve.score(measure.last_tests), curve.area()]
                for level in LEVELS:
                    row.append(curve.reaches(level, measure.axis) if section.is_share else None)
                yield [*row, curve.trial.reached, curve.trial.source]


def write_csv(path: Path, heads: Sequence[str], rows: Rows) -> None:
    """Numbers with six digits; an empty cell where there is none, or it is not finite."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    if isinstance(value, int | np.integer):
        return str(value)
    if isinstance(value, float | np.ndarray):
        return f"{float(value):.6g}" if math.isfinite(float(value)) else ""
    return "" if value is None else str(value)


def print_table(scores: Sequence[Score], axis: str) -> None:
    """IQM of the last test and integrated metric with intervals, steps to 80 %, seeds."""
    table = Table(title="interquartile means (95 %)", title_justify="left", title_style="bold")
    table.add_column("map")
    table.add_column("line", overflow="fold")
    axis_head = "steps" if axis == "steps" else "time"
    for head in ("last test", "integrated", f"{axis_head} to {100 * SHOWN_LEVEL:.0f} %", "seeds"):
        table.add_column(head, justify="right", no_wrap=True)
    former = None
    for score in scores:
        if former is not None and score.section is not former:
            table.add_section()
        title = "" if score.section is former else f"{score.section.title}\n"
        metric = "" if score.section is former else score.section.metric_name
        former = score.section
        table.add_row(
            f"{title}{metric}",
            score.label,
            _with_interval(score.last),
            _with_interval(score.area),
            _reached(score.reached.get(SHOWN_LEVEL), axis),
            _seeds(score.seeds),
        )
    terminal().print(table, markup=False)


def _with_interval(estimate: Estimate) -> str:
    """`0.91 (0.88-0.94)`, `-8.37 (-9.16 to -7.59)`."""
    value, low, high = _parts(estimate)
    if low is None or high is None:
        return f"{value[0]:.2f}"
    return f"{value[0]:.2f} ({low[0]:.2f}{'-' if low[0] >= 0 else ' to '}{high[0]:.2f})"


def _reached(reached: Reached | None, axis: str) -> str:
    """`120k (3 of 3)`: the median, and how many seeds came there."""
    if reached is None:
        return ""
    shown = in_units(reached.median, axis) if math.isfinite(reached.median) else "-"
    return f"{shown} ({reached.count} of {reached.seeds})"


def in_units(value: float, axis: str) -> str:
    """`120k` steps, `2.5M` steps, `1.5 h`, `12 min`, `40 s`."""
    sizes = TIMES if axis == "time" else STEPS
    size, unit = next((one for one in sizes if value >= one[0]), sizes[-1])
    return f"{value / size:.3g}{unit}"


def _seeds(seeds: Sequence[int]) -> str:
    """`3`, or of several maps `3 a map` or `2 to 3 a map`."""
    low, high = min(seeds), max(seeds)
    if len(seeds) == 1:
        return str(low)
    return f"{low} a map" if low == high else f"{low} to {high} a map"

"""Console output: a progress bar on a terminal, plain lines elsewhere, tables at the end."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from marl.log.intervals import wilson
from marl.log.summary import Summary
from marl.log.tensorboard import TENSORBOARD
from marl.program import PROGRAM

LINE_INTERVAL = 5.0  # seconds, at least, between two plain lines of training
SPEED_WINDOW = 30.0  # seconds that steps/s is averaged over
MAX_ROWS = 24  # in the table of evaluations; longer ones are thinned out
WIDTH = 100  # of tables where there is no terminal
LINE_METRICS = {  # metric -> label, format
    "test_battle_won_mean": ("test win", "{:.2f}"),
    "battle_won_mean": ("win", "{:.2f}"),
    "return_mean": ("return", "{:.2f}"),
    "epsilon": ("epsilon", "{:.2f}"),
    "loss": ("loss", "{:.3g}"),
}
COLUMNS = ("test_battle_won_mean", "test_return_mean", "test_ep_length_mean")  # of the table
FALLBACK = {"test_battle_won_mean": "test_return_mean"}  # where there are no battles to win
FALLBACK_LABEL = ("test return", "{:.2f}")


def terminal() -> Console:
    """A console on stdout; tables have a fixed width where that is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


class ConsoleSink:
    """Steps, steps/s, time left, win rate, return and epsilon while training runs.

    t_max, start: environment steps. enabled: show a bar if stdout is a terminal.
    """

    def __init__(self, t_max: int, start: int = 0, enabled: bool = True) -> None:
        self.console = terminal()
        self.t_max = t_max
        self.stats: dict[str, float] = {}
        self.points = deque([(time.monotonic(), start)])  # (seconds, t_env) of the last rounds
        self.last_line = float("-inf")  # seconds
        self.last_text = ""
        self.bar: Progress | None = None
        self.task = TaskID(0)
        if enabled and self.console.is_terminal:
            self.bar = self._open_bar(start)

    def _open_bar(self, start: int) -> Progress:
        columns = (BarColumn(bar_width=20), TextColumn("{task.description}"))
        bar = Progress(*columns, console=self.console, refresh_per_second=2, transient=True)
        self.task = bar.add_task(self._line(start, {}), total=self.t_max, completed=start)
        bar.start()
        return bar

    def progress(self, t_env: int, metrics: Mapping[str, float]) -> None:
        """Advance the bar. metrics: kept until newer values come."""
        now = time.monotonic()
        self.points.append((now, t_env))
        while len(self.points) > 2 and now - self.points[0][0] > SPEED_WINDOW:
            self.points.popleft()
        self.stats.update(metrics)
        if self.bar is not None:
            done = min(t_env, self.t_max)
            self.bar.update(self.task, completed=done, description=self._line(t_env, self.stats))

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        """Record a point. Without a bar, print a line: for each test, now and then for training.

        The line has the point's own values; the bar keeps older ones until newer come. The end of
        the training has its line.
        """
        self.stats.update(metrics)
        is_test = any(key.startswith("test_") for key in metrics)
        now = time.monotonic()
        is_due = is_test or t_env >= self.t_max or now - self.last_line >= LINE_INTERVAL
        if self.bar is not None or not is_due:
            return
        text = self._line(t_env, metrics)
        if text != self.last_text:
            self._print(text)
        self.last_line, self.last_text = now, text

    def message(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        self._print(text)

    def close(self) -> None:
        """Remove the bar, so that the terminal is as it was."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def summary(self, summary: Summary) -> None:
        """Print the summary of a training."""
        title = "evaluations" if not summary.stopped else f"evaluations ({summary.stopped})"
        print_evaluations(self.console, summary.evaluations, title)
        self._print(time_line(summary.seconds, summary.steps_per_second))
        folder = summary.folder
        self._print(f"results      {folder}")
        if (folder / TENSORBOARD).is_dir():
            self._print(f"TensorBoard  tensorboard --logdir {folder}")
        self._print(f"evaluate     {PROGRAM} evaluate with checkpoint={folder}")
        if summary.t_env < self.t_max:
            self._print(f"go on        {PROGRAM} with resume={folder}")

    def _print(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False)

    def _line(self, t_env: int, metrics: Mapping[str, float]) -> str:
        """`12,000/2,050,000  1,234 steps/s  left 0:27:31  test win 0.50 ...`"""
        parts = [f"{t_env:,}/{self.t_max:,}"]
        speed = self._speed()
        if speed:
            left = timedelta(seconds=int(max(0, self.t_max - t_env) / speed))
            parts += [f"{speed:,.0f} steps/s", f"left {left}"]
        for key, (label, shape) in LINE_METRICS.items():
            if key not in metrics and key in FALLBACK:
                key, (label, shape) = FALLBACK[key], FALLBACK_LABEL
            if key in metrics:
                parts.append(f"{label} {shape.format(metrics[key])}")
        return "  ".join(parts)

    def _speed(self) -> float:
        (then, first), (now, last) = self.points[0], self.points[-1]
        return (last - first) / (now - then) if now > then else 0.0


def evaluation_table(
    rows: Sequence[Mapping[str, float]], title: str, kind: str, name: str | Path
) -> None:
    """Print the evaluations `rows`, and below them `checkpoint  <path>` or `player  <name>`."""
    console = terminal()
    print_evaluations(console, rows, title)
    console.print(f"{kind:12} {name}", soft_wrap=True, markup=False)


def print_evaluations(console: Console, rows: Sequence[Mapping[str, float]], title: str) -> None:
    """Print a table: t_env, win rate with its 95 % Wilson interval, return, length of episodes.

    Then the means of the environment's other outcomes. Rows of a scripted player have no t_env.
    """
    if not rows:
        return
    wins, trained = "test_battle_won_mean" in rows[-1], "t_env" in rows[-1]
    others = other_outcomes(rows[-1])
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in [
        *["t_env"] * trained,
        *["win rate (95 %)"] * wins,
        "return",
        "length",
        *others.values(),
        "episodes",
    ]:
        table.add_column(heading, justify="right")
    for row in thinned(rows):
        cells = [f"{int(row['t_env']):,}"] if trained else []
        if wins:
            low, high = wilson(row["test_battle_won_mean"], int(row["episodes"]))
            cells.append(f"{row['test_battle_won_mean']:.3f} ({low:.2f}-{high:.2f})")
        cells += [f"{row['test_return_mean']:.2f}", f"{row['test_ep_length_mean']:.1f}"]
        cells += [f"{row[key]:.2f}" if key in row else "" for key in others]
        table.add_row(*cells, str(int(row["episodes"])))
    console.print(table)


def other_outcomes(row: Mapping[str, float]) -> dict[str, str]:
    """Metric -> outcome, of an evaluation's outcomes that have no column of their own."""
    outcome = re.compile(r"test_(.+)_mean")
    found = {key: outcome.fullmatch(key) for key in row if key not in COLUMNS}
    return {key: match[1] for key, match in found.items() if match is not None}


def thinned(rows: Sequence[Mapping[str, float]]) -> list[Mapping[str, float]]:
    """At most MAX_ROWS of the rows, evenly spaced, with the first and the last."""
    if len(rows) <= MAX_ROWS:
        return list(rows)
    chosen = {round(i * (len(rows) - 1) / (MAX_ROWS - 1)) for i in range(MAX_ROWS)}
    return [rows[index] for index in sorted(chosen)]


def time_line(seconds: Mapping[str, float], steps_per_second: float) -> str:
    """`time  0:12:03 at 2,800 steps/s: env 21 %, acting 30 %, learning 40 % ...`"""
    parts = {part: spent for part, spent in seconds.items() if part != "total"}
    total = seconds.get("total", sum(parts.values())) or 1.0
    parts["other"] = max(0.0, total - sum(parts.values()))
    split = ", ".join(f"{part} {100 * spent / total:.0f} %" for part, spent in parts.items())
    spent = timedelta(seconds=round(total))
    return f"time         {spent} at {steps_per_second:,.0f} steps/s: {split}"

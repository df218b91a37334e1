"""Log: sends every metric to all sinks of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from marl.log.console import ConsoleSink
from marl.log.jsonl import METRICS, JsonlSink
from marl.log.summary import Summary
from marl.log.tensorboard import TENSORBOARD, TensorBoardSink
from marl.protocols.loop import MetricSink


class Log:
    """All sinks of a run behind one object, for the training loop."""

    def __init__(self, sinks: Sequence[MetricSink], console: ConsoleSink) -> None:
        self.sinks = sinks
        self.console = console

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        """Send a point to every sink. metrics: finite numbers."""
        for sink in (*self.sinks, self.console):
            sink.write(metrics, t_env)

    def progress(self, t_env: int, metrics: Mapping[str, float]) -> None:
        """Advance the progress bar alone; cheap enough for every round of the loop."""
        self.console.progress(t_env, metrics)

    def message(self, text: str) -> None:
        """Print a line on the console."""
        self.console.message(text)

    def summary(self, summary: Summary) -> None:
        """Print the end of a training: its evaluations, its time by part, its files."""
        self.console.close()
        self.console.summary(summary)

    def close(self) -> None:
        """Close all sinks, also where one cannot be."""
        with ExitStack() as stack:
            for sink in (*self.sinks, self.console):
                stack.callback(sink.close)


def open_log(
    folder: Path,
    t_max: int,
    start: int = 0,
    last_test: float = -1,
    sinks: Sequence[MetricSink] = (),
    tensorboard: bool = True,
    progress_bar: bool = True,
) -> Log:
    """The log of a run folder.

    t_max: environment steps at which the training ends; start: those at which it begins.
    last_test: t_env of the last test before it. sinks: further ones beside the folder's and the
    console.
    """
    lines = JsonlSink(folder / METRICS, start, last_test)
    everywhere: list[MetricSink] = [lines, *sinks]
    if tensorboard:
        everywhere.append(TensorBoardSink(folder / TENSORBOARD, start))
    log = Log(everywhere, ConsoleSink(t_max, start, progress_bar))
    if lines.damaged:
        log.message(f"note: {lines.damaged} damaged lines of {folder / METRICS} were left out")
    return log

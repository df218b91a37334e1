"""Log: sends every metric to all sinks of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
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
        self.warned = False

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        """Send a point to every sink; the first with a NaN or an infinity is warned of."""
        for sink in (*self.sinks, self.console):
            sink.write(metrics, t_env)
        wrong = [f"{name}={value}" for name, value in metrics.items() if not isfinite(value)]
        if wrong and not self.warned:
            self.warned = True
            self.message(
                f"warning: not finite at t_env={t_env:,}: {', '.join(wrong)}; training goes on, "
                "but may be lost: a lower learning rate may help, and an older checkpoint "
                "(resume=... load_step=...)"
            )

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
        for sink in (*self.sinks, self.console):
            sink.close()


def open_log(
    folder: Path,
    t_max: int,
    start: int = 0,
    sinks: Sequence[MetricSink] = (),
    tensorboard: bool = True,
    progress_bar: bool = True,
) -> Log:
    """The log of a run folder.

    t_max: environment steps at which the training ends; start: those at which it begins.
    sinks: further ones beside the folder's and the console.
    """
    everywhere: list[MetricSink] = [JsonlSink(folder / METRICS, start), *sinks]
    if tensorboard:
        everywhere.append(TensorBoardSink(folder / TENSORBOARD, start))
    return Log(everywhere, ConsoleSink(t_max, start, progress_bar))

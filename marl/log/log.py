"""Log: sends every metric to all sinks of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from marl.log.console import ConsoleSink
from marl.log.jsonl import JsonlSink
from marl.log.tensorboard import TensorBoardSink
from marl.protocols import MetricSink
from marl.run import folder as results
from marl.run.plan import Plan

if TYPE_CHECKING:
    from marl.run.train import Summary


class Log:
    """What the training loop talks to."""

    def __init__(self, sinks: Sequence[MetricSink], console: ConsoleSink) -> None:
        self.sinks = sinks
        self.console = console

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        """A point of the curves, everywhere."""
        for sink in (*self.sinks, self.console):
            sink.write(metrics, t_env)

    def progress(self, t_env: int, metrics: Mapping[str, float]) -> None:
        """Only moves the progress bar; cheap enough for every round of the loop."""
        self.console.progress(t_env, metrics)

    def message(self, text: str) -> None:
        """A line for the person who watches."""
        self.console.message(text)

    def summary(self, summary: Summary) -> None:
        """The end of a training: its evaluations, where the time went, where everything lies."""
        self.console.close()
        self.console.summary(summary)

    def close(self) -> None:
        for sink in (*self.sinks, self.console):
            sink.close()


def open_log(plan: Plan, start: int) -> Log:
    """The log of a plan's run folder. start: t_env that training starts or goes on from."""
    assert plan.folder is not None
    sinks: list[MetricSink] = [JsonlSink(plan.folder / results.METRICS, start), *plan.sinks]
    if plan.run.tensorboard:
        sinks.append(TensorBoardSink(plan.folder / results.TENSORBOARD, start))
    return Log(sinks, ConsoleSink(plan.run.t_max, start, plan.run.progress_bar))

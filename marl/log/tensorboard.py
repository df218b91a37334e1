"""TensorBoard events."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

TENSORBOARD = "tb"
FORMAT = "brain.Event:2"


class TensorBoardSink:
    """Scalars: the metric's name is the tag, t_env the step.

    start: TensorBoard hides earlier points of the run beyond this t_env. Written at once, without
    torch's SummaryWriter, whose thread meets a full disk behind the training's back.
    """

    def __init__(self, folder: Path, start: int = 0) -> None:
        # Only imported here: it takes a while, and a run without TensorBoard need not wait.
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = Event, Summary
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self._records = RecordWriter(open(folder / name, "wb"))  # noqa: SIM115 - closed by close()
        self._write(file_version=FORMAT)
        if start > 0:
            self._write(step=start + 1, session_log=SessionLog(status=SessionLog.START))
        self._records.flush()

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        """OSError where the disk refuses."""
        value = self._summary.Value
        values = [value(tag=key, simple_value=number) for key, number in metrics.items()]
        self._write(step=t_env, summary=self._summary(value=values))
        self._records.flush()

    def _write(self, **content: object) -> None:
        event = self._event(wall_time=time.time(), **content)
        self._records.write(event.SerializeToString())

    def close(self) -> None:
        self._records.close()

"""TensorBoard events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TENSORBOARD = "tb"


class TensorBoardSink:
    """Scalars: the metric's name is the tag, t_env the step.

    start: TensorBoard hides earlier points of the run beyond this t_env.
    """

    def __init__(self, folder: Path, start: int = 0) -> None:
        # Only imported here: it takes a second, and a run without TensorBoard need not wait.
        from torch.utils.tensorboard import SummaryWriter

        purge = start + 1 if start > 0 else None
        self.writer = SummaryWriter(str(folder), purge_step=purge)

    def write(self, metrics: Mapping[str, float], t_env: int) -> None:
        for key, value in metrics.items():
            self.writer.add_scalar(key, value, t_env)

    def close(self) -> None:
        self.writer.close()

"""What passes between the loop and every part: progress, metrics, state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Metrics = dict[str, Tensor]  # 0-d tensors; the loop alone turns them into numbers
State = dict[str, Any]  # tensors, numbers, strings, and dicts and lists of them


@dataclass(frozen=True)
class Progress:
    """Progress of training, as a learner or an exploration schedule may know it."""

    t_env: int = 0  # environment steps collected for training
    episode: int = 0  # episodes collected before the one that this update is for
    update: int = 0  # learner updates done before this one


class MetricSink(Protocol):
    """A destination of metrics: console, TensorBoard, sacred, metrics.jsonl."""

    def write(self, metrics: Mapping[str, float], t_env: int) -> None: ...

    def close(self) -> None: ...

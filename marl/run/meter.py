"""Running means of metrics between two log lines."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from marl.protocols.loop import State


class Meter:
    """Means of added metrics and last values of noted ones, since the last drain.

    Tensors are summed where they are, so adding never waits for a device.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.weights: dict[str, float] = {}
        self.noted: dict[str, float] = {}
        self.latest: dict[str, float] = {}  # result of the last drain, for the progress bar

    def add(self, metrics: Mapping[str, Tensor | float], weight: float = 1.0) -> None:
        """Count each metric `weight` times."""
        for name, value in metrics.items():
            value = torch.as_tensor(value, dtype=torch.float64) * weight
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.weights[name] = self.weights.get(name, 0.0) + weight

    def note(self, metrics: Mapping[str, float]) -> None:
        """Keep the last value of each metric."""
        self.noted.update(metrics)

    @property
    def is_empty(self) -> bool:
        """Whether nothing came since the last drain."""
        return not self.sums and not self.noted

    def read(self) -> dict[str, float]:
        """The means and last values so far."""
        means = {name: float(total) / self.weights[name] for name, total in self.sums.items()}
        self.latest = {**means, **self.noted}
        return dict(self.latest)

    def drain(self) -> dict[str, float]:
        """Return the means and last values, and start afresh."""
        self.read()
        self.sums, self.weights, self.noted = {}, {}, {}
        return dict(self.latest)

    def state_dict(self) -> State:
        return {"sums": self.sums, "weights": self.weights, "noted": self.noted}

    def load_state_dict(self, state: State) -> None:
        sums, weights, noted = state["sums"], state["weights"], state["noted"]
        if sums.keys() != weights.keys() or not all(weight > 0.0 for weight in weights.values()):
            raise ValueError("sums of metrics and their weights differ")
        self.sums = {name: total.cpu().double().reshape(()) for name, total in sums.items()}
        self.weights = {name: float(weight) for name, weight in weights.items()}
        self.noted = {name: float(value) for name, value in noted.items()}

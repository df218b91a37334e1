"""How a run used its codebook while it trained, and what it paid, from what it has logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl.plots.statistics import Array

CODES = "codes"
PAID = "share of steps paid"
R_SQUARED = "$R^2$ of the returns in tests"
# Panel -> metric -> how the figure calls it.
PANELS: dict[str, dict[str, str]] = {
    CODES: {
        "codebook_perplexity": "in effect",
        "codebook_usage": "that occur",
    },
    PAID: {"intrinsic_paid": "in training", "test_paid": "in tests"},
    "worth of where paid steps lead": {
        "test_paid_code_value": "$C_q$",
        "test_paid_value": "Q",
        "test_paid_return": "return earned",
    },
    R_SQUARED: {"test_code_return_r2": "$C_q$"},
}


@dataclass(frozen=True, eq=False)
class Series:
    """One metric over the training."""

    metric: str
    name: str  # in the figure
    t_env: Array  # [M], environment steps
    values: Array  # [M]
    unit: float  # of what the figure shows, in that of the values

    @property
    def drawn(self) -> Array:
        """[M]; shares of the codebook as codes."""
        return self.values * self.unit


@dataclass(frozen=True, eq=False)
class UsagePanel:
    """Metrics on one axis."""

    title: str
    series: Sequence[Series]


def panels_of(points: Sequence[Mapping[str, float]], n_codes: int) -> list[UsagePanel]:
    """Those panels of which something was logged. points: the lines of metrics.jsonl."""
    panels = []
    for title, metrics in PANELS.items():
        series = [_series(points, metric, name, n_codes) for metric, name in metrics.items()]
        logged = [one for one in series if len(one.t_env)]
        if logged:
            panels.append(UsagePanel(title, logged))
    return panels


def _series(points: Sequence[Mapping[str, float]], metric: str, name: str, n_codes: int) -> Series:
    there = [(point["t_env"], point[metric]) for point in points if metric in point]
    t_env, values = np.array(there, dtype=np.float64).reshape(-1, 2).T
    return Series(metric, name, t_env, values, n_codes if metric == "codebook_usage" else 1.0)

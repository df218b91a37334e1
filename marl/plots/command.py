"""`python run.py plot`."""

from __future__ import annotations

from collections.abc import Mapping

from marl.config.schema import split_parse
from marl.plots import comparison
from marl.plots.comparison import CurvesConfig


def run(updates: Mapping[str, object]) -> int:
    """Draw and print; returns the exit code. updates: what stands after `with`."""
    config: CurvesConfig = split_parse(dict(updates), {"plot": CurvesConfig})["plot"]
    comparison.run(config)
    return 0

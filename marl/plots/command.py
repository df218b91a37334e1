"""`python run.py plot`: algorithms compared (kind=curves), or a run's codebook (kind=codebook)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from marl.config.schema import field_types
from marl.config.split import split_parse
from marl.config.values import literal
from marl.plots import comparison
from marl.plots.codebook import command as codebook
from marl.plots.comparison import CurvesConfig
from marl.run.plan import Plan

CONFIGS: dict[str, type] = {"curves": CurvesConfig, "codebook": codebook.CodebookPlotConfig}


def run(updates: Mapping[str, object], recorded: Callable[[str], Plan]) -> int:
    """Draw and print; returns the exit code.

    updates: what stands after `with`; recorded: the plan to play the run in a folder.
    """
    settings = dict(updates)
    kind = str(literal(tuple(CONFIGS), settings.pop("kind", "curves"), "kind"))
    elsewhere = {
        key: f"kind={other}; this is kind={kind}"
        for other, config in CONFIGS.items()
        for key in field_types(config)
        if other != kind
    }
    config = split_parse(settings, {"plot": CONFIGS[kind]}, elsewhere=elsewhere)["plot"]
    if isinstance(config, CurvesConfig):
        comparison.run(config)
    else:
        codebook.run(config, recorded)
    return 0

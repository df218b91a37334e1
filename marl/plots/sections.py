"""Sections: what one panel and one block of the table is about, a map or all maps together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl.campaign.summary import TEST
from marl.errors import ConfigError, nearest_or_all
from marl.plots.curve import Curve, curves_of
from marl.plots.groups import Cells, labels_of
from marl.plots.trial import Trial

WON, RETURN = "battle_won_mean", "return_mean"
# Metrics that are shares: they have levels to reach, and are the same scale on every map.
NAMES = {WON: "test win rate", "success_mean": "test success rate", RETURN: "test return"}
SHARES = (WON, "success_mean")


@dataclass(frozen=True)
class Section:
    """The lines of one panel. `lines`: label -> strata, the curves of the seeds on each map."""

    title: str
    metric: str  # without test_
    lines: dict[str, list[list[Curve]]]
    is_pooled: bool = False  # several maps together

    @property
    def is_share(self) -> bool:
        return self.metric in SHARES

    @property
    def metric_name(self) -> str:
        return NAMES.get(self.metric, f"{TEST}{self.metric}")


def sections_of(cells: Cells, metric: str) -> tuple[list[Section], list[str]]:
    """A section for each map, then one of all maps; and lines about what is not compared fully.

    metric: "" takes the win rate where there is one, else the return.
    """
    found, lines = [], []
    for task, groups in cells.items():
        section = _section(task, groups, metric.removeprefix(TEST))
        found.append(section)
        lines += _shortened(section)
    pooled, line = _pooled(found, labels_of(cells))
    return [*found, *pooled], lines + line


def _section(task: str, groups: dict[str, list[Trial]], metric: str) -> Section:
    trials = [trial for seeds in groups.values() for trial in seeds]
    known = [name for name in trials[0].tests if all(name in one.tests for one in trials)]
    chosen = metric or (WON if WON in known else RETURN)
    for trial in trials:
        if chosen not in trial.tests:
            hint = nearest_or_all(chosen, known, "all runs there have")
            raise ConfigError(f"metric: {trial.source} ({task}) has no test of {chosen!r}; {hint}")
    pairs = zip(trials, curves_of(trials, chosen), strict=True)
    curves = {trial.source: curve for trial, curve in pairs}
    backends = sorted({str(one.settings["backend"]) for one in trials if "backend" in one.settings})
    title = f"{task} ({' and '.join(backends)})" if backends else task
    lines = {label: [[curves[one.source] for one in seeds]] for label, seeds in groups.items()}
    return Section(title, chosen, lines)


def _shortened(section: Section) -> list[str]:
    """A line where trials on the map went on for longer than the first of them to end."""
    curves = [curve for ((*seeds,),) in section.lines.values() for curve in seeds]
    if all(curve.within is curve for curve in curves):
        return []
    return [
        f"{section.title}: compared at {curves[0].horizon:,.0f} steps, where the first run ends"
    ]


def _pooled(sections: Sequence[Section], labels: Sequence[str]) -> tuple[list[Section], list[str]]:
    """All maps together, if they share a metric that is a share and each has every label."""
    if len(sections) < 2:
        return [], []
    if len({section.metric for section in sections}) > 1 or not sections[0].is_share:
        return [], ["no figure over all maps: returns of different maps have different scales"]
    common = [section for section in sections if len(section.lines) == len(labels)]
    if len(common) < 2:
        return [], ["no figure over all maps: no two maps have runs of every line"]
    lines = {label: [section.lines[label][0] for section in common] for label in labels}
    pooled = Section(f"{len(common)} maps together", sections[0].metric, lines, is_pooled=True)
    if len(common) == len(sections):
        return [pooled], []
    names = ", ".join(section.title for section in common)
    return [pooled], [f"{pooled.title}: those that have runs of every line, {names}"]

"""The figures, as PNG and PDF. Needs the extra [plots]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from marl.plots.results import Duel, Line
from marl.plots.sections import Section
from marl.plots.sheet import finish
from marl.plots.statistics import Estimate
from marl.plots.style import RC, Look
from marl.plots.tables import TIMES, in_units

COLUMNS = 3
PANEL = (3.2, 2.5)  # inches
MARKS = 6  # on a line
BAND = 0.18  # opacity
ROW = 0.22  # inches, of a pair of groups
MAX_PAIRS = 30  # of one panel


class Sheet:
    """A figure of a panel for each section, with one legend and a caption below."""

    def __init__(self, sections: Sequence[Section], heights: float = PANEL[1]) -> None:
        """heights: of each panel, in inches."""
        self.columns = min(COLUMNS, len(sections))
        rows = -(-len(sections) // self.columns)
        size = (max(1.4, self.columns) * PANEL[0], rows * heights + 0.4)
        self.figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(self.figure)
        grid = self.figure.subplots(rows, self.columns, squeeze=False).flat
        self.panels: dict[str, Any] = {}
        for section, axes in zip(sections, grid, strict=False):
            axes.set_title(section.title)
            self.panels[section.title] = axes
        for axes in list(grid)[len(sections) :]:
            axes.set_axis_off()

    def close(self, stem: Path, looks: dict[str, Look], caption: Sequence[str]) -> None:
        """Put legend and caption below, and write <stem>.png and <stem>.pdf."""
        handles = [_sample(label, look) for label, look in looks.items()]
        finish(self.figure, stem, handles, caption)


def draw_curves(
    stem: Path, lines: Sequence[Line], looks: dict[str, Look], axis: str, caption: Sequence[str]
) -> None:
    """Learning curves: IQM and its interval, over environment steps or seconds."""
    with mpl.rc_context(RC):
        sheet = Sheet(_sections(lines))
        for line in lines:
            axes = sheet.panels[line.section.title]
            size, name = _scale(lines, line.section, axis)
            _draw(axes, line, looks[line.label], size)
            axes.set_xlabel(name)
            if axis == "steps":
                axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: in_units(x, axis)))
            axes.set_ylabel(line.section.metric_name)
            if line.section.is_share:
                axes.set_ylim(-0.03, 1.03)
                axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        sheet.close(stem, looks, ["IQM over seeds; band: 95 % of a stratified bootstrap", *caption])


def draw_profiles(
    stem: Path, lines: Sequence[Line], looks: dict[str, Look], caption: Sequence[str]
) -> None:
    """Performance profiles: how many of the runs score above each value."""
    with mpl.rc_context(RC):
        sheet = Sheet(_sections(lines))
        for line in lines:
            axes = sheet.panels[line.section.title]
            _draw(axes, line, looks[line.label])
            axes.set_xlabel(f"{line.section.metric_name} above ...")
            axes.set_ylabel("share of runs")
            axes.set_ylim(-0.03, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            if line.section.is_share:
                axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        sheet.close(stem, looks, ["scores of the last tests; band: 95 %", *caption])


def draw_duels(stem: Path, duels: Sequence[Duel], caption: Sequence[str]) -> bool:
    """Probabilities of improvement; draws nothing and returns False beyond MAX_PAIRS a panel."""
    sections = _sections(duels)
    counts = [sum(duel.section is section for duel in duels) for section in sections]
    if max(counts) > MAX_PAIRS:
        return False
    with mpl.rc_context(RC):
        sheet = Sheet(sections, heights=0.9 + ROW * max(counts))
        for section in sections:
            members = [duel for duel in duels if duel.section is section]
            axes = sheet.panels[section.title]
            names = [f"{duel.first} > {duel.second}" for duel in members]
            axes.set_yticks(range(len(members)), names)
            axes.set_ylim(len(members) - 0.5, -0.5)
            axes.axvline(0.5, color="0.4", linewidth=0.8)
            axes.set_xlim(-0.03, 1.03)
            axes.set_xlabel("probability of improvement")
            for place, duel in enumerate(members):
                _draw_interval(axes, place, duel.probability)
        sheet.close(stem, {}, ["A > B: a run of A scores higher than one of B; 95 %", *caption])
    return True


def _draw_interval(axes: Any, place: int, estimate: Estimate) -> None:
    if estimate.low is not None and estimate.high is not None:
        ends, style = [estimate.low, estimate.high], {"linewidth": 4, "solid_capstyle": "butt"}
        axes.plot(ends, [place, place], color="0.6", **style)
    axes.plot([estimate.value], [place], color="black", marker="|", markersize=9)


def _sample(label: str, look: Look) -> Any:
    """The line in the legend."""
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.dashes, "marker": look.mark}
    return Line2D([], [], label=label, **style)


def _scale(lines: Sequence[Line], section: Section, axis: str) -> tuple[float, str]:
    """The unit of the panel's axis, in steps or seconds, and the axis's name."""
    if axis == "steps":
        return 1.0, "environment steps"
    longest = max(float(line.x[-1]) for line in lines if line.section is section)
    size, unit = next((one for one in TIMES if longest >= one[0]), TIMES[-1])
    return size, f"time of training, {unit.strip()}"


def _draw(axes: Any, line: Line, look: Look, size: float = 1.0) -> None:
    """A line with its band. size: of a unit of the axis."""
    every, x = max(1, len(line.x) // MARKS), line.x / size
    axes.plot(
        x,
        line.y.value,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.mark,
        markevery=np.arange(0, len(line.x), every),
    )
    if line.y.low is not None and line.y.high is not None:
        axes.fill_between(x, line.y.low, line.y.high, color=look.colour, alpha=BAND, lw=0)


def _sections(parts: Sequence[Line] | Sequence[Duel]) -> list[Section]:
    """The sections of lines or duels, in order."""
    return list({part.section.title: part.section for part in parts}.values())

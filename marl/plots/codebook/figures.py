"""The codebook's figures, as PNG and PDF. Needs the extra [plots].

Time is viridis and C_q plasma, both without their palest end: their lightness rises steadily, so
that they read in grey and without colour vision. Codes differ from states, and used codes from
others, by their shape as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from marl.plots.codebook.courses import LEAST, Band, Course
from marl.plots.codebook.pictures import Picture, shown
from marl.plots.codebook.usage import CODES, PAID, R_SQUARED, UsagePanel
from marl.plots.sheet import finish
from marl.plots.statistics import Array
from marl.plots.style import COLOURS, DASHES, RC
from marl.plots.tables import in_units
from marl.run.battles import Battles

PALE = 0.92  # of a colour map: beyond it white paper swallows the colours
DOT = 4.0  # points^2, a state
CODE = 26.0  # points^2, a code where size says nothing
UNUSED = 14.0  # points^2, one that no state chooses
AREA = 900.0  # points^2, of a code that all states choose, beyond LEAST_AREA
LEAST_AREA = 14.0
LATE = 0.95  # share of the states within the scale of time; those after it have its last colour
BAND = 0.18  # opacity
UNKNOWN = "0.62"  # grey of a code whose value is not known
SIZES = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)  # shares that the legend may show
VALUE = "$C_q$"
LOOK = RC | {"text.parse_math": True}


def draw_coverages(
    stem: Path, pictures: Sequence[Picture], battles: Battles, updates: int, caption: Sequence[str]
) -> None:
    """A panel for each coverage: states by time slot, and codes."""
    with mpl.rc_context(LOOK):
        figure = _figure(7.2, 3.2)
        panels = figure.subplots(1, len(pictures), squeeze=False)[0]
        for axes, picture in zip(panels, pictures, strict=True):
            count = len(picture.codes)
            axes.set_title(
                f"coverage {picture.name}\n{picture.in_effect:.1f} of {count} codes in effect"
            )
            _axes_of_plane(axes, picture)
            _draw_states(axes, picture, battles)
            _draw_codes(axes, picture)
        _time_bar(figure, panels, battles)
        told = f"trained alone on these states, with the run's settings: {updates:,} steps"
        caption = [*caption, f"{told}; {_told_states(battles)}"]
        finish(figure, stem, _code_samples(pictures), _plain(caption))


def draw_codes(
    stem: Path, own: Picture, battles: Battles, values: Array, caption: Sequence[str]
) -> None:
    """The run's own codebook: states by time slot, and codes by C_q. values [K]."""
    with mpl.rc_context(LOOK):
        figure = _figure(7.2, 3.9)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            _axes_of_plane(axes, own)
        left.set_title("states by time slot")
        _draw_states(left, own, battles)
        _draw_codes(left, own)
        _time_bar(figure, left, battles)
        right.set_title(f"codes by {VALUE}, sized by use")
        _draw_states(right, own, battles, colour="0.87")
        bar = _draw_values(right, own, values)
        if bar is not None:
            figure.colorbar(bar, ax=right, aspect=30, pad=0.02).set_label(
                f"{VALUE}, mean return seen from the code"
            )
        known = int(np.isfinite(values).sum())
        told = f"{own.in_effect:.1f} of {len(values)} codes in effect, the value of {known} known"
        handles = [*_code_samples([own]), *_value_samples(own, values)]
        finish(figure, stem, handles, _plain([*caption, f"{told}; {_told_states(battles)}"]))


def draw_courses(
    stem: Path, courses: Sequence[Course], r_squared: float | None, caption: Sequence[str]
) -> None:
    """C_q and the return earned at each slot, a panel for each outcome.

    r_squared: of C_q and the returns of all battles; None where there is none.
    """
    looks = (("code_value", f"{VALUE} of the state's code"), ("earned", "return from there on"))
    with mpl.rc_context(LOOK):
        played = [course for course in courses if course.battles]
        figure = _figure(max(5.8, 3.4 * len(played)), 3.3)
        panels = figure.subplots(1, len(played), squeeze=False, sharey=True)[0]
        for axes, course in zip(panels, played, strict=True):
            _draw_course(axes, course)
        panels[0].set_ylabel("discounted return")
        handles = [
            Line2D([], [], color=COLOURS[1 - place], linestyle=DASHES[place], label=label)
            for place, (_, label) in enumerate(looks)
        ]
        told = (
            "lines: means over battles; bands: quartiles; as long as "
            f"{LEAST:.0%} of the battles go on"
        )
        missing = [course.name for course in courses if not course.battles]
        none = [f"no battle was {name}: no panel of those" for name in missing]
        worth = (
            []
            if r_squared is None
            else [f"$R^2$ of {VALUE} for the returns of all battles: {r_squared:.2f}"]
        )
        finish(figure, stem, handles, [*_plain([*caption, *none, told]), *worth])


def draw_usage(
    stem: Path, panels: Sequence[UsagePanel], n_codes: int, start: int, caption: Sequence[str]
) -> None:
    """What was logged of the codebook and the payments. start: steps before anything is paid."""
    with mpl.rc_context(LOOK):
        columns = min(2, len(panels))
        rows = -(-len(panels) // columns)
        figure = _figure(3.6 * columns, 2.4 * rows + 0.5)
        grid = list(figure.subplots(rows, columns, squeeze=False, sharex=True).flat)
        for axes, panel in zip(grid, panels, strict=False):
            _draw_usage(axes, panel, n_codes)
            if start <= axes.get_xlim()[1]:
                axes.axvline(start, color="0.4", linewidth=0.8, linestyle=":")
            axes.set_xlabel("environment steps")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: in_units(x, "steps")))
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        told = f"dotted: bonus.start, {start:,} steps; before it nothing is paid"
        finish(figure, stem, [], _plain([*caption, told]))


def _figure(width: float, height: float) -> Figure:
    """In inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _plain(lines: Sequence[str]) -> list[str]:
    """Text without formulas."""
    return [line.replace("$", r"\$") for line in lines]


def _colours(name: str) -> Any:
    """A colour map without its palest end."""
    return LinearSegmentedColormap.from_list(name, mpl.colormaps[name](np.linspace(0, PALE, 256)))


def _axes_of_plane(axes: Any, picture: Picture) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(f"first axis, {picture.along[0]:.0%} of the variance")
    axes.set_ylabel(f"second axis, {picture.along[1]:.0%}")


def _draw_states(axes: Any, picture: Picture, battles: Battles, colour: str | None = None) -> None:
    """Coloured by their time slot, or all alike."""
    rows = shown(len(picture.states))
    places = picture.states[rows].T
    look: dict[str, Any] = {"s": DOT, "linewidths": 0, "rasterized": True, "zorder": 1}
    if colour is not None:
        axes.scatter(*places, color=colour, **look)
        return
    slot = battles.slot.numpy()[rows]
    axes.scatter(
        *places, c=slot, cmap=_colours("viridis"), norm=Normalize(0, _last_time(battles)), **look
    )


def _draw_codes(axes: Any, picture: Picture) -> None:
    """Crosses where states chose them, small circles elsewhere."""
    used, look = picture.used, {"linewidths": 0.6, "zorder": 2}
    axes.scatter(
        *picture.codes[~used].T, s=UNUSED, marker="o", facecolor="white", edgecolor="0", **look
    )
    axes.scatter(*picture.codes[used].T, s=CODE, marker="X", color="0", edgecolor="white", **look)


def _draw_values(axes: Any, own: Picture, values: Array) -> Any:
    """Codes by value and use; what a colour bar needs, None where no value is known."""
    known = np.isfinite(values)
    bar = None
    if known.any():
        low, high = float(values[known].min()), float(values[known].max())
        bar = ScalarMappable(Normalize(low, high if high > low else low + 1), _colours("plasma"))
    for used, mark in ((True, "o"), (False, "D")):
        rows = np.flatnonzero(own.used == used)
        rows = rows[np.argsort(-own.share[rows], kind="stable")]  # small ones lie on top
        colours = [
            UNKNOWN if bar is None or not known[row] else bar.to_rgba(values[row]) for row in rows
        ]
        size = _areas(own.share[rows])
        look = {"edgecolor": "0.1", "linewidths": 0.5, "zorder": 3}
        axes.scatter(*own.codes[rows].T, s=size, c=colours, marker=mark, **look)
    return bar


def _areas(share: Array) -> Array:
    """Points^2 of codes of these shares of use."""
    return LEAST_AREA + AREA * share


def _last_time(battles: Battles) -> int:
    """The end of the scale of time slots; of a few long battles the ends lie beyond it."""
    return max(1, int(np.quantile(battles.slot.numpy(), LATE)))


def _time_bar(figure: Figure, axes: Any, battles: Battles) -> None:
    last = _last_time(battles)
    beyond = "max" if int(battles.slot.max()) > last else "neither"
    colours = ScalarMappable(Normalize(0, last), _colours("viridis"))
    bar = figure.colorbar(colours, ax=axes, aspect=30, pad=0.02, extend=beyond)
    bar.set_label("time slot of the battle")
    bar.locator = MaxNLocator(5, integer=True)


def _told_states(battles: Battles) -> str:
    count = len(battles.states)
    drawn = len(shown(count))
    return f"{drawn:,} of the states are drawn" if drawn < count else "all states are drawn"


def _mark(label: str, mark: str, size: float, colour: str, edge: str) -> Any:
    """A sample in the legend. size: points."""
    look: dict[str, Any] = {"markerfacecolor": colour, "markeredgecolor": edge}
    return Line2D([], [], linestyle="", marker=mark, markersize=size, label=label, mew=0.6, **look)


def _code_samples(pictures: Sequence[Picture]) -> list[Any]:
    samples = [
        _mark("state", "o", DOT**0.5 + 1, "#277f8e", "none"),  # of viridis's middle
        _mark("code", "X", CODE**0.5, "0", "white"),
    ]
    if not all(picture.used.all() for picture in pictures):
        samples.append(_mark("code that no state chooses", "o", UNUSED**0.5, "white", "0"))
    return samples


def _value_samples(own: Picture, values: Array) -> list[Any]:
    """Sizes of use, and what there is of codes without a value or without use."""
    fit = [share for share in SIZES if share <= own.share.max()]
    samples = [
        _mark(f"chosen by {share:.0%}", "o", float(_areas(np.array(share))) ** 0.5, "white", "0.1")
        for share in fit[:3:2]
    ]
    if not own.used.all():
        samples.append(_mark("by none", "D", LEAST_AREA**0.5, "white", "0.1"))
    if not np.isfinite(values).all():
        samples.append(_mark("value not known", "o", 6, UNKNOWN, "0.1"))
    return samples


def _draw_course(axes: Any, course: Course) -> None:
    """One panel of C_q and returns."""
    axes.set_xlabel("time slot of the battle")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    what = "battles" if course.name == "all" else f"{course.name} battles"
    axes.set_title(f"{what}: {course.battles}")
    for place, band in enumerate((course.code_value, course.earned)):
        _draw_band(axes, band, COLOURS[1 - place], DASHES[place])


def _draw_band(axes: Any, band: Band, colour: str, dashes: object) -> None:
    slots: NDArray[np.int64] = np.arange(len(band.mean))
    mark = "o" if len(slots) == 1 else None
    axes.plot(slots, band.mean, color=colour, linestyle=dashes, marker=mark)
    axes.fill_between(slots, band.low, band.high, color=colour, alpha=BAND, lw=0)


def _draw_usage(axes: Any, panel: UsagePanel, n_codes: int) -> None:
    """One panel, with a legend of its own."""
    title = f"{panel.title}, of {n_codes}" if panel.title == CODES else panel.title
    axes.set_title(title, pad=18)  # points, with the legend below it: none of the lines is hidden
    for place, series in enumerate(panel.series):
        look = {"color": COLOURS[(1, 0, 2)[place]], "linestyle": DASHES[place], "linewidth": 1.1}
        mark = "o" if len(series.t_env) == 1 else None
        axes.plot(series.t_env, series.drawn, label=series.name, marker=mark, **look)
    if panel.title == CODES:
        axes.axhline(n_codes, color="0.4", linewidth=0.8)
        axes.set_ylim(0, 1.08 * n_codes)
    elif panel.title == PAID:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif panel.title == R_SQUARED:
        axes.set_ylim(max(-1.0, axes.get_ylim()[0]), 1.03)
    axes.tick_params(labelbottom=True)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, borderaxespad=0.1)

"""kind=curves: algorithms compared by their learning curves, as figures, CSV files and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from marl.config.schema import option
from marl.plots.groups import check_comparable, commits, grouped, labels_of
from marl.plots.output import make_folder, needs_matplotlib
from marl.plots.results import (
    Measure,
    check_baseline,
    duels,
    learning_curves,
    profiles,
    scores,
    without_interval,
)
from marl.plots.sections import Section, sections_of
from marl.plots.sources import keep_started, read_trials
from marl.plots.style import looks
from marl.plots.tables import (
    UNITS,
    print_table,
    write_duels,
    write_lines,
    write_runs,
    write_scores,
)


@dataclass(frozen=True)
class CurvesConfig:
    """The options of kind=curves."""

    runs: str = ""  # folders with runs or summaries, and suites, comma separated
    metric: str = ""  # of the tests; "": the win rate where there is one, else the return
    x: Literal["steps", "time"] = "steps"  # environment steps, or seconds of training
    out: str = option("plots", path=True)  # folder of the figures and CSV files
    baseline: str = ""  # label of the line that all others are compared with; "": every pair
    last_tests: int = option(1, low=1)  # averaged for a run's score
    resamples: int = option(2000, low=100)  # of the bootstrap
    mix: bool = False  # show runs of different backends, budgets, rewards or tests together
    unfinished: bool = False  # show runs that have not reached t_max
    summaries_dir: str = option("docs/results", path=True)  # where the suites' summaries are


def run(config: CurvesConfig) -> None:
    """Draw and print."""
    with needs_matplotlib():
        from marl.plots import figures
    trials, missing = read_trials(config.runs, Path(config.summaries_dir))
    trials, unfinished = keep_started(trials, config.unfinished)
    mixed = check_comparable(trials, config.mix)
    cells = grouped(trials)
    sections, limits = sections_of(cells, config.metric)
    check_baseline(config.baseline, labels_of(cells))
    alone = without_interval(sections)
    even = [one.source for one in trials if one.is_even and config.x == "time"]
    if even:
        limits.append(f"the time of {len(even)} runs is their total, spread evenly over the steps")
    measure = Measure(config.x, config.last_tests, config.resamples)
    rows = [row for section in sections for row in scores(section, measure)]
    out = make_folder(config.out)
    write_runs(out / "runs.csv", sections, measure)
    write_scores(out / "scores.csv", rows, config.x)
    skipped = draw(out, config, sections, measure, figures, [*mixed, *limits, *alone])
    print_table(rows, config.x)
    shown = [*mixed, *limits, *alone, *commits(cells), *missing, *unfinished, *skipped]
    print("\n".join([*shown, f"figures and numbers: {config.out}"]))


def draw(
    out: Path,
    config: CurvesConfig,
    sections: Sequence[Section],
    measure: Measure,
    figures: Any,
    caption: Sequence[str],
) -> list[str]:
    """Draw all figures, with their numbers beside them; lines about those that were not drawn."""
    curves = [line for section in sections for line in learning_curves(section, measure)]
    shares = [line for section in sections for line in profiles(section, measure)]
    pairs = [duel for section in sections for duel in duels(section, measure, config.baseline)]
    write_lines(out / "curves.csv", curves, UNITS[config.x], "iqm")
    write_lines(out / "profiles.csv", shares, "score", "share_above")
    write_duels(out / "improvement.csv", pairs)
    chosen = looks(list(dict.fromkeys(line.label for line in curves)))
    figures.draw_curves(out / "curves", curves, chosen, config.x, caption)
    figures.draw_profiles(out / "profiles", shares, chosen, caption)
    if not pairs or figures.draw_duels(out / "improvement", pairs, caption):
        return []
    return ["too many pairs for a figure of improvement; set baseline=<line>"]

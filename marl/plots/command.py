"""`python run.py plot with runs=<folders or suites>`: figures, CSV files and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from marl.config.schema import option, split_parse
from marl.errors import ConfigError
from marl.plots.groups import check_comparable, commits, grouped, labels_of
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

EXTRA = 'pip install -c constraints.txt -e ".[plots]"'


@dataclass(frozen=True)
class PlotConfig:
    """What stands after `with`."""

    runs: str = ""  # folders with runs or summaries, and suites, comma separated
    metric: str = ""  # of the tests; "": the win rate where there is one, else the return
    x: Literal["steps", "time"] = "steps"  # environment steps, or seconds of training
    out: str = "plots"  # folder of the figures and CSV files
    baseline: str = ""  # label of the line that all others are compared with; "": every pair
    last_tests: int = option(1, low=1)  # averaged for a run's score
    resamples: int = option(2000, low=100)  # of the bootstrap
    mix: bool = False  # show runs of different backends, budgets, rewards or tests together
    unfinished: bool = False  # show runs that have not reached t_max
    summaries_dir: str = "docs/results"  # where the suites' summaries are


def run(updates: Mapping[str, object]) -> int:
    """Draw and print; returns the exit code."""
    config: PlotConfig = split_parse(dict(updates), {"plot": PlotConfig})["plot"]
    figures = load_figures()
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
    return 0


def load_figures() -> Any:
    """The module that draws; ConfigError without matplotlib."""
    try:
        from marl.plots import figures
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise ConfigError(f"plot: matplotlib is missing; {EXTRA} installs it") from None
    return figures


def make_folder(name: str) -> Path:
    """The folder of the results; ConfigError where it cannot be made."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out: cannot make {folder}: {error.strerror}") from None
    return folder


def draw(
    out: Path,
    config: PlotConfig,
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

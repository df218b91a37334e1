"""kind=codebook: four figures of one LAGMA run with their numbers as CSV files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from marl.config.schema import option
from marl.errors import ConfigError
from marl.plots.codebook.courses import courses_of, r_squared
from marl.plots.codebook.learnt import check_lagma, load
from marl.plots.codebook.pictures import Picture, coverages_of, picture_of
from marl.plots.codebook.tables import (
    write_codes,
    write_courses,
    write_states,
    write_usage,
    write_values,
)
from marl.plots.codebook.usage import panels_of
from marl.plots.output import make_folder, needs_matplotlib
from marl.plots.trial import points_of
from marl.run.folder import run_folder
from marl.run.plan import Plan


@dataclass(frozen=True)
class CodebookPlotConfig:
    """The options of kind=codebook."""

    # Folder of a run with LAGMA's bonus, or one of its models/<t_env>.
    run: str = option("", path=True)
    battles: int = option(200, low=1)  # played with what the run learnt
    updates: int = option(1000, low=1)  # of the codebooks that are trained alone
    out: str = option("plots", path=True)  # folder of the figures and CSV files


def run(config: CodebookPlotConfig, recorded: Callable[[str], Plan]) -> None:
    """Play, train codebooks alone, draw and print. recorded: the plan to play a folder's run.

    ConfigError where the run has no codebook; CheckpointError where it has no checkpoint.
    """
    if not config.run:
        raise ConfigError("run: say of which run; kind=codebook needs run=<run folder>")
    with needs_matplotlib():
        from marl.plots.codebook import figures
    folder = run_folder(config.run, "run")
    plan = recorded(config.run)
    check_lagma(plan, folder)
    torch.set_num_threads(plan.run.torch_threads)
    learnt = load(plan)
    out = make_folder(config.out)
    battles = learnt.play(config.battles)
    panels = panels_of(points_of(folder), learnt.n_codes)
    caption = learnt.caption(battles)
    print("\n".join(caption), flush=True)  # what follows takes a minute
    trained = coverages_of(learnt, battles, config.updates)
    own = picture_of("own", learnt.bonus.codebook.quantizer, battles)
    values, held = learnt.bonus.known_values(), learnt.bonus.values.held  # [K] each
    courses = courses_of(battles, own.chosen, values, learnt.tells_wins)
    write_states(out / "codebook_coverage_states.csv", trained, battles)
    write_codes(out / "codebook_coverage_codes.csv", trained)
    write_states(out / "codebook_codes_states.csv", [own], battles)
    write_values(out / "codebook_codes.csv", own, values, held)
    write_courses(out / "codebook_values.csv", courses)
    write_usage(out / "codebook_usage.csv", panels)
    figures.draw_coverages(out / "codebook_coverage", trained, battles, config.updates, caption)
    figures.draw_codes(out / "codebook_codes", own, battles, values, caption)
    explained = r_squared(battles, own.chosen, values)
    figures.draw_courses(out / "codebook_values", courses, explained, caption)
    lines = [_told(picture) for picture in [*trained, own]]
    if panels:
        start = learnt.config.start
        figures.draw_usage(out / "codebook_usage", panels, learnt.n_codes, start, caption[:1])
    else:
        lines.append(f"no figure of the use over training: {folder} has logged nothing of it yet")
    print("\n".join([*lines, f"figures and numbers: {config.out}"]))


def _told(picture: Picture) -> str:
    who = "the run's own" if picture.name == "own" else f"coverage {picture.name}, trained alone"
    return f"{who}: {picture.in_effect:.1f} of {len(picture.codes)} codes in effect"

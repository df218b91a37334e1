"""What `runs=` names: run folders, suites, folders of summaries; and what of it is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from marl.campaign.suite import load_suite, suite_names
from marl.errors import ConfigError, nearest_or_all
from marl.plots.trial import Trial, trial_of_run, trial_of_summary
from marl.program import PROGRAM
from marl.watch.runs import find

DEPTH = 10  # of a run below the named folder; a campaign's are 8 below results/
NAMED = 4  # sources in a line; more are counted


def read_trials(names: str, summaries_dir: Path) -> tuple[list[Trial], list[str]]:
    """The trials of all names, each one once, and lines about what a suite still lacks."""
    trials: dict[Path, Trial] = {}
    lines: list[str] = []
    for name in filter(None, (os.path.expanduser(part.strip()) for part in names.split(","))):
        suite = _suite(name, summaries_dir)
        places = sorted(suite.glob("*.json")) if suite else _places(name)
        for place in places:
            read = trial_of_summary if place.suffix == ".json" else trial_of_run
            trials.setdefault(place.resolve(), read(place))
        if suite:
            lines += _missing(name, suite)
        if not places:
            raise ConfigError(_nothing(name, suite))
    if not trials:
        known = sorted(path.name for path in summaries_dir.glob("*") if any(path.glob("*.json")))
        hint = f"; suites with summaries: {', '.join(known)}" if known else ""
        raise ConfigError(f"runs: say what to plot, runs=<folder or suite>[,<another>]{hint}")
    return list(trials.values()), lines


def _suite(name: str, summaries_dir: Path) -> Path | None:
    """The folder of a suite's summaries; None where `name` is a path or no suite."""
    stem = Path(name).stem if name.endswith((".yaml", ".yml")) else name
    if stem != Path(stem).name or stem in ("", ".", ".."):
        return None
    is_known = stem in suite_names() or stem != name
    folder = summaries_dir / stem
    return folder if folder.is_dir() or (is_known and not Path(name).is_dir()) else None


def _places(name: str) -> list[Path]:
    """Run folders at or below the path, or else its summaries."""
    path = Path(name)
    if path.is_file() and path.suffix == ".json":
        return [path]
    if not path.is_dir():
        hint = nearest_or_all(name, suite_names(), "suites are")
        raise ConfigError(f"runs: {name!r} is not a folder, a summary or a suite; {hint}")
    return list(find(path, DEPTH)) or sorted([*path.glob("*.json"), *path.glob("*/*.json")])


def _nothing(name: str, suite: Path | None) -> str:
    if suite is None:
        return f"runs: there is no run and no summary in {name} or below it"
    command = f"{PROGRAM} reproduce with suite={name}"
    return f"runs: there is no summary in {suite} yet; {command} makes them"


def _missing(name: str, suite: Path) -> Iterator[str]:
    """A line about the suite's trainings without a summary, if its file is known."""
    if name not in suite_names() and not Path(name).is_file():
        return
    jobs = [job.name for job in load_suite(name)]
    missing = [job for job in jobs if not (suite / f"{job}.json").is_file()]
    if missing:
        yield f"{name}: {len(missing)} of {len(jobs)} trainings have no summary: {listed(missing)}"


def listed(names: list[str]) -> str:
    """`a, b, c, d and 3 more`."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def keep_started(trials: list[Trial], unfinished: bool) -> tuple[list[Trial], list[str]]:
    """The trials to plot, and lines about those that have not reached t_max.

    unfinished: keep those, too, if they have been tested; ConfigError where none is left.
    """
    tested = [one for one in trials if len(one.t_env)]
    kept = [one for one in tested if unfinished or one.is_finished]
    lines = [
        f"unfinished, {'shown' if one in kept else 'left out'}: {one.source}, "
        f"{one.reached:,} of {one.t_max:,} steps{'' if len(one.t_env) else ', no test yet'}"
        for one in trials
        if not (one.is_finished and len(one.t_env))
    ]
    if kept:
        return kept, lines
    hint = "set unfinished=true to show them all the same" if tested else "none was tested yet"
    raise ConfigError(f"runs: none of {len(trials)} has finished; {hint}")

"""Trials in groups: the seeds of one configuration on one environment are one line.

Settings that differ on one map become part of the label, so that no two configurations are ever
averaged; what makes results incomparable is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from marl.errors import ConfigError
from marl.plots.trial import Trial
from marl.run.labels import as_text, differing, full_labels

Cells = dict[str, dict[str, list[Trial]]]  # task -> label -> the trials of its seeds

# Settings that must be the same for all runs on a map: the world, the budget, what is rewarded, how
# it is tested.
COMPARED = {"backend", "t_max", "quirks.regeneration_pays", "quirks.sparse_reward_scaled"}
COMPARED_PREFIXES = ("reward", "test_")


def check_comparable(trials: Sequence[Trial], mix: bool) -> list[str]:
    """Lines about settings of COMPARED that differ on a map; ConfigError unless `mix`."""
    lines = []
    for task, members in by_task(trials).items():
        for key in differing([trial.settings for trial in members]):
            if key not in COMPARED and not key.startswith(COMPARED_PREFIXES):
                continue
            values = _values(members, key)
            if not mix:
                found = "; ".join(f"{value}: {one.source}" for value, one in values.items())
                raise ConfigError(
                    f"{task}: runs with different {key} are not comparable ({found}); choose the "
                    "runs of one, or set mix=true"
                )
            lines.append(f"{task} mixes runs of different {key}: {', '.join(values)}")
    return lines


def by_task(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """The trials on each map, maps by name."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.task, []).append(trial)
    return dict(sorted(found.items()))


def grouped(trials: Sequence[Trial]) -> Cells:
    """The groups on each map; ConfigError where a seed is in one of them twice."""
    cells: Cells = {task: {} for task in by_task(trials)}
    for trial, label in zip(trials, full_labels(trials), strict=True):
        cells[trial.task].setdefault(label, []).append(trial)
    for task, groups in cells.items():
        for label, seeds in groups.items():
            _check_seeds(task, label, seeds)
    return cells


def labels_of(cells: Cells) -> list[str]:
    """All labels, in the order in which they first come."""
    return list(dict.fromkeys(label for groups in cells.values() for label in groups))


def commits(cells: Cells) -> list[str]:
    """Lines about groups whose seeds were trained by different commits."""
    lines = []
    for task, groups in cells.items():
        for label, seeds in groups.items():
            found = sorted({one.commit for one in seeds if one.commit is not None})
            if len(found) > 1:
                lines.append(f"{label} on {task}: seeds of different commits, {', '.join(found)}")
    return lines


def _values(trials: Sequence[Trial], key: str) -> dict[str, Trial]:
    """The key's values as text, each with the first trial that has it."""
    found: dict[str, Trial] = {}
    for trial in trials:
        if key in trial.settings:
            found.setdefault(as_text(trial.settings[key]), trial)
    return found


def _check_seeds(task: str, label: str, seeds: Sequence[Trial]) -> None:
    known: dict[int, Trial] = {}
    for one in seeds:
        if one.seed is None:
            continue
        other = known.setdefault(one.seed, one)
        if other is not one:
            raise ConfigError(
                f"seed {one.seed} of {label} on {task} is there twice: {other.source} and "
                f"{one.source}; name the folders of the runs to count"
            )

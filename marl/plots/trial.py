"""A trial: one training, as its run folder or its summary shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marl.campaign.summary import TEST, curves_of_tests, read_summary
from marl.errors import UserError, printable
from marl.log.jsonl import METRICS
from marl.plots.statistics import Array
from marl.run.folder import CONFIG, read_config
from marl.run.labels import Configuration, learnt_settings, name_of, task_of
from marl.untrusted.points import read_points

ODD = (KeyError, TypeError, ValueError, OverflowError)  # what values of other kinds raise
AXES = ("t_env", "seconds")  # of the tests' curves; all others are metrics


@dataclass(frozen=True, eq=False)
class Trial(Configuration):
    """One training: its settings, and the curves of its tests.

    label: the suite's, or the algorithm's configuration.
    """

    source: str  # the run's folder or the summary's file, for messages
    seed: int | None
    commit: str | None  # None: not written down
    reached: int  # environment steps trained
    t_env: Array  # [T], environment steps of the tests
    seconds: Array  # [T], of training until them
    is_even: bool  # whether `seconds` are the total one, spread evenly over the steps
    tests: Mapping[str, Array]  # metric -> [T], NaN where a test has none

    @property
    def t_max(self) -> int:
        value = self.settings["t_max"]
        assert isinstance(value, int)
        return value

    @property
    def is_finished(self) -> bool:
        return self.reached >= self.t_max


def trial_of_run(folder: Path) -> Trial:
    """The trial in a run's folder; it may have no tests yet."""
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: there is no {CONFIG} beside {METRICS}; leave this folder out")
    values, sources = read_config(folder)
    points = points_of(folder)
    try:
        record = {
            "label": name_of(values, sources),
            "config": values["config"],
            "env_config": values["env_config"],
            "map": values.get("map"),
            "seed": values["seed"],
            "settings": learnt_settings(values),
            "t_env": points[-1]["t_env"] if points else 0,
            "tests": curves_of_tests(points),
        }
        return _trial(str(folder), record)
    except ODD as error:
        raise UserError(f"{folder}: its {CONFIG} is none of a run ({error!r})") from None


def points_of(folder: Path) -> list[dict[str, float]]:
    """All that a run has logged, in order; nothing where it has not begun to."""
    points, damaged = read_points(folder / METRICS)
    if damaged:
        raise UserError(f"{folder / METRICS}: {damaged} lines are no points; leave this folder out")
    return points


def trial_of_summary(path: Path) -> Trial:
    """The trial that a campaign's summary tells of."""
    summary = read_summary(path)
    try:
        return _trial(str(path), summary)
    except ODD as error:
        raise UserError(f"{path}: this is no summary ({error!r}); remove it") from None


def _trial(source: str, record: Mapping[str, object]) -> Trial:
    """A trial from what a summary holds."""
    settings, tests = record["settings"], record["tests"]
    if not isinstance(settings, Mapping) or not isinstance(tests, Mapping):
        raise TypeError("settings and tests are sections")
    curves = {name: np.asarray(curve, dtype=np.float64) for name, curve in tests.items()}
    t_env, seed, commit = curves["t_env"], record["seed"], record.get("commit")
    for name, curve in tests.items():
        if len(curve) != len(t_env) or not all(one is None or math.isfinite(one) for one in curve):
            raise UserError(f"{source}: {TEST}{name} is not a finite number in every test")
    is_even = "seconds" not in curves
    if is_even:
        total = float(str(record["seconds"]))
        curves["seconds"] = total * t_env / max(1.0, float(str(record["t_env"])))
    return Trial(
        source=source,
        label=printable(str(record["label"])),
        task=task_of({**settings, "map": record.get("map"), "env_config": record["env_config"]}),
        seed=seed if isinstance(seed, int) else None,
        commit=commit if isinstance(commit, str) else None,
        settings={"config": record["config"], **settings, "t_max": int(settings["t_max"])},
        reached=int(float(str(record["t_env"]))),
        t_env=t_env,
        seconds=curves["seconds"],
        is_even=is_even,
        tests={
            name: curve
            for name, curve in curves.items()
            if name not in AXES and np.isfinite(curve).any()
        },
    )

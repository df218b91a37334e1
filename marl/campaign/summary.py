"""A few kB about a finished training, kept where git keeps them.

{"suite", "label", "config", "env_config", "map", "seed", "commit", "seconds": of training,
 "settings": every resolved value that matters to what is learnt, "t_env",
 "tests": {"t_env", "seconds": of training until then, metric: one value a test, or null},
 "training": {"t_env", metric: a value now and then}}
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from marl.campaign.suite import Job
from marl.config.files import ROOT
from marl.errors import UnreadableError, UserError
from marl.log.jsonl import METRICS, read_metrics
from marl.run.folder import read_config
from marl.run.labels import learnt_settings
from marl.untrusted.jsontext import read_json

Point = Mapping[str, float]
Curve = dict[str, list[float | None]]

DIGITS = 5
TRAINING_POINTS = 20  # of the training metrics' curves
PAUSE_SECONDS = 300.0  # a longer gap between two lines was no training
TEST = "test_"
TIME_PREFIX = "time"


def summary_of(run: Path, job: Job, commit: str) -> dict[str, object]:
    """The summary of a run's folder."""
    points = read_metrics(run / METRICS)
    values, _ = read_config(run)
    training = [point for point in points if "loss" in point]
    thinned = training[:: max(1, -(-len(training) // TRAINING_POINTS))]
    return {
        "suite": job.suite,
        "label": job.label,
        "config": job.config,
        "env_config": job.env_config,
        "map": job.map,
        "seed": job.seed,
        "commit": commit,
        "seconds": round(training_seconds(points)[-1]),
        "t_env": points[-1]["t_env"],
        "settings": learnt_settings(values),
        "tests": curves_of_tests(points),
        "training": _curves(thinned, lambda name: not name.startswith((TEST, TIME_PREFIX))),
    }


def curves_of_tests(points: Sequence[Point]) -> Curve:
    """`t_env`, `seconds` of training, and each metric of the tests, its `test_` left out.

    points: all lines of a metrics.jsonl.
    """
    clock = training_seconds(points)
    tests = [index for index, point in enumerate(points) if f"{TEST}return_mean" in point]
    curves = _curves([points[index] for index in tests], lambda name: name.startswith(TEST))
    return {
        "t_env": curves.pop("t_env"),
        "seconds": [round(clock[index], 1) for index in tests],
        **curves,
    }


def _curves(points: Sequence[Point], wanted: Callable[[str], bool]) -> Curve:
    """The wanted metrics; null where a point has none."""
    names = {name: None for point in points for name in point if name != "t_env" and wanted(name)}
    curves: Curve = {"t_env": [int(point["t_env"]) for point in points]}
    for name in names:
        values = [_short(point[name]) if name in point else None for point in points]
        curves[name.removeprefix(TEST)] = values
    return curves


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def training_seconds(points: Iterable[Point]) -> list[float]:
    """Seconds of training from the first line to each line, pauses left out."""
    times: list[float] = []
    for point in points:
        times.append(point.get("time", times[-1] if times else 0.0))
    gaps = [after - before for before, after in pairwise(times)]
    return list(accumulate((gap if 0 < gap < PAUSE_SECONDS else 0.0 for gap in gaps), initial=0.0))


def write_summary(path: Path, summary: Mapping[str, object]) -> None:
    """One line for each key, so that differences read well."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in summary.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text("{" + ",\n ".join(lines) + "}\n", encoding="utf-8")
    temporary.replace(path)


def read_summary(path: Path) -> dict[str, object]:
    """A summary that `write_summary` wrote."""
    try:
        found = read_json(path)
    except UnreadableError as error:
        raise UserError(f"{error}: this is no summary; remove it") from None
    if not isinstance(found, dict) or not {"settings", "tests", "seconds"} <= found.keys():
        raise UserError(f"{path}: this is no summary; remove it")
    return found


def commit_of(root: Path = ROOT) -> str:
    """The commit of the sources, with a + where they were changed since; `unknown` without git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()

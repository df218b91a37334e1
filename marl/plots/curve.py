"""A trial's curve of one metric, and the numbers that are read off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marl.plots.statistics import Array
from marl.plots.trial import Trial

AXES = ("steps", "time")


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric of a trial's tests, beside a budget that all trials on its map have reached."""

    trial: Trial
    values: Array  # [T], of the tests
    horizon: float  # environment steps at which trials on the map are compared

    def at(self, axis: str) -> Array:
        """[T]: where the tests stand on the axis, in environment steps or seconds."""
        return self.trial.t_env if axis == "steps" else self.trial.seconds

    @property
    def within(self) -> Curve:
        """The curve up to the horizon; all of it where its budget ends there.

        A longer one is cut, with a last value between the two tests around the horizon.
        """
        if self.horizon >= end_of(self.trial):
            return self
        trial, kept = self.trial, self.trial.t_env < self.horizon
        t_env = np.append(trial.t_env[kept], self.horizon)
        seconds = np.interp(t_env, trial.t_env, trial.seconds)
        values = np.interp(t_env, trial.t_env, self.values)
        cut = replace(trial, t_env=t_env, seconds=seconds)
        return Curve(cut, values, self.horizon)

    def score(self, last_tests: int) -> float:
        """Mean of the last tests up to the horizon."""
        return float(self.within.values[-last_tests:].mean())

    def area(self) -> float:
        """Area under the curve up to the horizon, by trapezia, divided by the horizon.

        Before the first test and after the last one their values hold.
        """
        t_env = self.trial.t_env
        inner = t_env[(t_env > 0) & (t_env < self.horizon)]
        steps = np.concatenate([[0.0], inner, [self.horizon]])
        heights = np.interp(steps, t_env, self.values)
        return float(np.trapezoid(heights, steps) / self.horizon)

    def reaches(self, level: float, axis: str) -> float:
        """Where the first test up to the horizon is at `level` or above; inf where none is."""
        curve = self.within
        there = np.flatnonzero(curve.values >= level)
        return float(curve.at(axis)[there[0]]) if len(there) else float("inf")


def end_of(trial: Trial) -> float:
    """Environment steps until which a trial can be compared."""
    return float(trial.t_max if trial.is_finished else trial.t_env[-1])


def curves_of(trials: Sequence[Trial], metric: str) -> list[Curve]:
    """The curves of all trials on one map, compared where the first of them ends.

    Of each trial the tests that have the metric.
    """
    tested = [_tests_with(trial, metric) for trial in trials]
    horizon = max(1.0, min(end_of(trial) for trial in tested))
    return [Curve(trial, trial.tests[metric], horizon) for trial in tested]


def _tests_with(trial: Trial, metric: str) -> Trial:
    """The trial with those of its tests that have the metric."""
    there = np.isfinite(trial.tests[metric])
    tests = {name: values[there] for name, values in trial.tests.items()}
    return replace(trial, t_env=trial.t_env[there], seconds=trial.seconds[there], tests=tests)


def common_grid(curves: Sequence[Curve], axis: str) -> Array:
    """[G]: from where all curves have begun to where the first ends, as dense as the densest."""
    first = max(float(curve.at(axis)[0]) for curve in curves)
    last = min(float(curve.at(axis)[-1]) for curve in curves)
    count = max(len(curve.values) for curve in curves)
    return np.linspace(first, last, count) if last > first else np.array([first])


def on_grid(curves: Sequence[Curve], grid: Array, axis: str) -> Array:
    """[curves, G]: their values at the places of the grid, straight lines between tests."""
    return np.array([np.interp(grid, curve.at(axis), curve.values) for curve in curves])

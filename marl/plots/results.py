"""The numbers of each section: curves with intervals, scores, profiles, probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marl.errors import ConfigError, nearest_or_all
from marl.plots.curve import Curve, common_grid, on_grid
from marl.plots.sections import Section
from marl.plots.statistics import (
    Array,
    Estimate,
    can_resample,
    improvement,
    iqm_interval,
    profile,
)

LEVELS = (0.5, 0.8, 0.9)  # of shares, to be reached
THRESHOLDS = 101  # of a performance profile


@dataclass(frozen=True)
class Measure:
    """How it is measured: the axis of curves, tests in a score, draws of the bootstrap."""

    axis: str
    last_tests: int
    resamples: int


@dataclass(frozen=True)
class Line:
    """A group's line in a panel."""

    section: Section
    label: str
    x: Array  # [G], steps, seconds or scores
    y: Estimate  # [G]


@dataclass(frozen=True)
class Reached:
    """How far seeds needed to a level: the median, inf where half of them or more never came."""

    median: float
    count: int  # seeds that came there
    seeds: int


@dataclass(frozen=True)
class Score:
    """A group's row of the table."""

    section: Section
    label: str
    last: Estimate
    area: Estimate
    reached: dict[float, Reached]  # of shares on one map
    seeds: tuple[int, ...]  # on each map


@dataclass(frozen=True)
class Duel:
    """Two groups, and the probability that a run of the first scores higher."""

    section: Section
    first: str
    second: str
    probability: Estimate


def learning_curves(section: Section, measure: Measure) -> Iterator[Line]:
    """IQM over seeds (and maps) along the training; a line ends where its first run ends."""
    for label, strata in section.lines.items():
        grid = common_grid([curve for seeds in strata for curve in seeds], measure.axis)
        values = [on_grid(seeds, grid, measure.axis) for seeds in strata]
        yield Line(section, label, grid, iqm_interval(values, measure.resamples))


def scores(section: Section, measure: Measure) -> Iterator[Score]:
    """IQM of the last tests and of the areas; steps (or seconds) to LEVELS on single maps."""
    for label, strata in section.lines.items():
        areas = [np.array([[curve.area()] for curve in seeds]) for seeds in strata]
        last = [one[:, None] for one in last_scores(strata, measure)]
        reached = {}
        if section.is_share and not section.is_pooled:
            reached = {level: reach(strata[0], level, measure.axis) for level in LEVELS}
        yield Score(
            section,
            label,
            iqm_interval(last, measure.resamples),
            iqm_interval(areas, measure.resamples),
            reached,
            tuple(len(seeds) for seeds in strata),
        )


def last_scores(strata: Sequence[Sequence[Curve]], measure: Measure) -> list[Array]:
    """Of each map: the seeds' scores."""
    return [np.array([curve.score(measure.last_tests) for curve in seeds]) for seeds in strata]


def reach(seeds: Sequence[Curve], level: float, axis: str) -> Reached:
    """The median of where seeds reach the level; those that never do count as later than all."""
    places = np.array([curve.reaches(level, axis) for curve in seeds])
    return Reached(float(np.median(places)), int(np.isfinite(places).sum()), len(seeds))


def profiles(section: Section, measure: Measure) -> Iterator[Line]:
    """Share of runs above each score, from 0 to 1 or over the range of the scores."""
    found = {label: last_scores(strata, measure) for label, strata in section.lines.items()}
    every = np.concatenate([one for strata in found.values() for one in strata])
    low, high = (0.0, 1.0) if section.is_share else (float(every.min()), float(every.max()))
    thresholds = np.linspace(low, high, THRESHOLDS)
    for label, strata in found.items():
        yield Line(section, label, thresholds, profile(strata, thresholds, measure.resamples))


def duels(section: Section, measure: Measure, baseline: str) -> Iterator[Duel]:
    """Probability of improvement of each pair; with a baseline, of each other group over it."""
    found = {label: last_scores(strata, measure) for label, strata in section.lines.items()}
    pairs = list(combinations(found, 2))
    if baseline:
        pairs = [(label, baseline) for label in found if label != baseline and baseline in found]
    for first, second in pairs:
        probability = improvement(found[first], found[second], measure.resamples)
        yield Duel(section, first, second, probability)


def check_baseline(baseline: str, labels: Sequence[str]) -> None:
    """ConfigError where no group has that label."""
    if baseline and baseline not in labels:
        hint = nearest_or_all(baseline, labels, "lines are")
        raise ConfigError(f"baseline: there is no line {baseline!r}; {hint}")


def without_interval(sections: Sequence[Section]) -> list[str]:
    """Lines about groups with a single seed on a map."""
    lines = []
    for section in sections:
        alone = [
            label
            for label, strata in section.lines.items()
            if not can_resample([np.empty(len(seeds)) for seeds in strata])
        ]
        if alone:
            lines.append(f"{section.title}: no interval, one seed only: {', '.join(alone)}")
    return lines

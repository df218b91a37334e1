"""Statistics of a few runs: interquartile means and bootstrap intervals.

Agarwal et al. 2021, "Deep RL at the Edge of the Statistical Precipice" (arXiv:2108.13264). Runs
come in strata, one for each map; the bootstrap draws, within each stratum, as many runs as it has.
All draws follow from SEED, so that the same runs give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Rng = np.random.Generator

SEED = 0
LEVELS = (2.5, 97.5)  # percentiles: the 95 % interval
TRIMMED = 0.25  # of the values, at each end
BLOCK = 4_000_000  # numbers that are drawn at once


@dataclass(frozen=True)
class Estimate:
    """A value, or one for each column, with its 95 % interval; None where there is none."""

    value: Array
    low: Array | None = None
    high: Array | None = None


def iqm(values: Array, axis: int = -1) -> Array:
    """Interquartile mean: of the values without the lowest and the highest quarter.

    As scipy.stats.trim_mean(values, 0.25): a quarter is rounded down, so the IQM of three values is
    their mean.
    """
    ordered = np.sort(values, axis=axis)
    count = ordered.shape[axis]
    cut = int(TRIMMED * count)
    return np.asarray(np.take(ordered, range(cut, count - cut), axis=axis).mean(axis=axis))


def can_resample(strata: Sequence[Array]) -> bool:
    """Whether each stratum has two runs at least: one alone says nothing of its spread."""
    return all(len(stratum) > 1 for stratum in strata)


def iqm_interval(strata: Sequence[Array], resamples: int) -> Estimate:
    """IQM over all runs, with its interval unless a stratum has a single run.

    strata: of each map [runs, columns]; the Estimate's arrays: [columns].
    """
    return interval(strata, lambda runs: iqm(runs, axis=-2), resamples)


def profile(strata: Sequence[Array], thresholds: Array, resamples: int) -> Estimate:
    """Performance profile: the share of runs whose score is above each threshold.

    strata: of each map [runs]; the Estimate's arrays: [thresholds].
    """
    above = [np.asarray(runs[:, None] > thresholds, dtype=np.float64) for runs in strata]
    return interval(above, lambda runs: runs.mean(axis=-2), resamples)


def interval(
    strata: Sequence[Array], statistic: Callable[[Array], Array], resamples: int
) -> Estimate:
    """A statistic of all runs, and the percentiles of it over the bootstrap's draws.

    strata: of each map [runs, columns]; statistic: [..., runs, columns] -> [..., columns].
    """
    pooled = np.concatenate(list(strata))
    value = statistic(pooled)
    if not can_resample(strata):
        return Estimate(value)
    drawn = draws([len(stratum) for stratum in strata], resamples, np.random.default_rng(SEED))
    width = max(1, BLOCK // drawn.size)
    columns = range(0, pooled.shape[1], width)
    parts = [statistic(pooled[drawn, first : first + width]) for first in columns]
    low, high = np.percentile(np.concatenate(parts, axis=1), LEVELS, axis=0)
    return Estimate(value, low, high)


def draws(sizes: Sequence[int], resamples: int, rng: Rng) -> Indices:
    """[resamples, runs]: indices into the concatenated strata, each drawn within its stratum."""
    starts = np.cumsum([0, *sizes[:-1]])
    parts = [
        start + rng.integers(size, size=(resamples, size))
        for start, size in zip(starts, sizes, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def improvement(xs: Sequence[Array], ys: Sequence[Array], resamples: int) -> Estimate:
    """Probability that a run of X scores higher than one of Y on the same map, mean over maps.

    xs, ys: of each map [runs]. A tie counts one half (Mann-Whitney's U).
    """
    value = np.mean([wins(x, y) for x, y in zip(xs, ys, strict=True)])
    if not (can_resample(xs) and can_resample(ys)):
        return Estimate(np.asarray(value))
    rng = np.random.default_rng(SEED)
    rounds = np.mean(list(_drawn_wins(xs, ys, resamples, rng)), axis=0)
    low, high = np.percentile(rounds, LEVELS)
    return Estimate(np.asarray(value), np.asarray(low), np.asarray(high))


def _drawn_wins(
    xs: Sequence[Array], ys: Sequence[Array], resamples: int, rng: Rng
) -> Iterator[Array]:
    """Of each map: `wins` of every draw, [resamples]."""
    for x, y in zip(xs, ys, strict=True):
        first, second = draws([len(x)], resamples, rng), draws([len(y)], resamples, rng)
        yield wins(x[first], y[second])


def wins(x: Array, y: Array) -> Array:
    """Share of pairs with x above y, a tie counting one half; x [..., m], y [..., n] -> [...]."""
    first, second = x[..., :, None], y[..., None, :]
    score: Any = (first > second) + 0.5 * (first == second)
    return np.asarray(score.mean(axis=(-1, -2)))

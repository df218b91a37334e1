"""Confidence intervals for shares."""

from __future__ import annotations

from math import sqrt

Z95 = 1.959964  # 97.5 % quantile of the normal distribution


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share seen in `count` independent trials.

    Wilson, Journal of the American Statistical Association 22 (1927), 209-212. Unlike the normal
    approximation it has a width at shares of 0 and 1.
    """
    if count < 1:
        return 0.0, 1.0
    square = Z95 * Z95
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = sqrt(share * (1 - share) / count + square / (4 * count * count))
    half = Z95 * spread / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)

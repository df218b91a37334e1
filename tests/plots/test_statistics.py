"""Interquartile means, intervals, profiles, probabilities: by hand, by scipy, by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marl.plots import statistics
from marl.plots.statistics import (
    draws,
    improvement,
    interval,
    iqm,
    iqm_interval,
    profile,
    wins,
)

values = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))
samples = arrays(np.float64, st.integers(1, 40), elements=values)


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers)[:, None]


def test_the_iqm_leaves_out_a_quarter_at_each_end():
    assert iqm(np.array([8.0, 1, 2, 3, 4, 5, 6, 700])) == 4.5  # of 3, 4, 5, 6... sorted
    assert iqm(np.array([1.0, 2, 6])) == 3.0  # a quarter of three is none


@given(samples)
@settings(deadline=None)  # the first example imports scipy
def test_the_iqm_is_scipys_trimmed_mean(sample):
    stats = pytest.importorskip("scipy.stats", reason="scipy is in the extra [test]")
    assert iqm(sample) == pytest.approx(stats.trim_mean(sample, 0.25), rel=1e-12, abs=1e-9)


@settings(deadline=None)
@given(samples, st.floats(0.1, 10), values)
def test_the_iqm_moves_and_scales_with_the_values(sample, factor, shift):
    assert iqm(factor * sample + shift) == pytest.approx(factor * iqm(sample) + shift, abs=1e-6)


@given(st.lists(st.integers(2, 5), min_size=1, max_size=4), values)
@settings(max_examples=25, deadline=None)
def test_equal_values_have_an_interval_without_width(sizes, value):
    found = iqm_interval([np.full((size, 2), value) for size in sizes], 100)
    for numbers in (found.value, found.low, found.high):
        assert numbers == pytest.approx([value, value])


def test_one_seed_on_any_map_has_no_interval():
    found = iqm_interval([column(1.0, 2.0), column(3.0)], 100)
    assert found.value == pytest.approx([2.0])
    assert found.low is None
    assert found.high is None


def test_draws_stay_within_their_map():
    drawn = draws([2, 3], 500, np.random.default_rng(0))
    assert drawn.shape == (500, 5)
    assert set(drawn[:, :2].ravel()) == {0, 1}
    assert set(drawn[:, 2:].ravel()) == {2, 3, 4}


def test_an_interval_holds_the_differences_between_seeds_and_none_between_maps():
    """Maps far apart, seeds alike: drawing over maps would give a wide interval."""
    found = interval([column(0.0, 0.0), column(10.0, 10.0)], lambda runs: runs.mean(-2), 200)
    assert (found.low, found.high) == (pytest.approx([5.0]), pytest.approx([5.0]))


@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_intervals_cover_the_truth_in_95_of_100_cases(spread):
    """Twelve seeds on each of four maps, normal about 0, whose IQM is 0; 300 cases."""
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        strata = [spread * rng.normal(size=(12, 1)) for _ in range(4)]
        found = iqm_interval(strata, 400)
        covered += bool(found.low <= 0.0 <= found.high)
    assert 0.90 <= covered / 300 <= 0.98  # 0.95 +- 3 standard errors of 0.013, and a little bias


def test_the_same_runs_give_the_same_numbers_in_blocks_of_any_size(monkeypatch):
    strata = [np.random.default_rng(1).normal(size=(3, 50)) for _ in range(2)]
    first = iqm_interval(strata, 200)
    monkeypatch.setattr(statistics, "BLOCK", 7 * 6 * 200)
    second = iqm_interval(strata, 200)
    assert np.array_equal(first.low, second.low)
    assert np.array_equal(first.high, second.high)


def test_a_profile_is_the_share_of_runs_above():
    found = profile([np.array([0.1, 0.5]), np.array([0.5, 0.9])], np.array([0.0, 0.5, 0.9]), 100)
    assert found.value == pytest.approx([1.0, 0.25, 0.0])
    assert np.all(found.low <= found.value)
    assert np.all(found.value <= found.high)


def test_a_tie_counts_one_half():
    assert wins(np.array([1.0, 3.0]), np.array([1.0, 2.0])) == 0.625  # .5 + 0 + 1 + 1 of 4


@settings(deadline=None)
@given(samples, samples)
def test_one_of_two_wins_or_they_tie(x, y):
    assert wins(x, y) + wins(y, x) == pytest.approx(1.0)


def test_the_probability_of_improvement_is_the_mean_over_maps():
    better, worse = np.array([0.8, 0.9]), np.array([0.1, 0.2])
    found = improvement([better, worse], [worse, better], 200)
    assert (float(found.value), float(found.low), float(found.high)) == (0.5, 0.5, 0.5)
    sure = improvement([better], [worse], 200)
    assert (float(sure.value), float(sure.low)) == (1.0, 1.0)
    assert improvement([better], [worse[:1]], 200).low is None


def test_the_probability_of_improvement_of_equal_groups_has_one_half_inside():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 8))
    found = improvement([x], [y], 500)
    assert found.low < 0.5 < found.high

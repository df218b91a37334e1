"""What is read off one curve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plots.builders import trial

from marl.plots.curve import Curve, common_grid, curves_of, on_grid
from marl.plots.results import reach


def curves(folder: Path, *wins: tuple[float, ...], **more: object) -> list[Curve]:
    trials = [trial(folder, seed=seed, wins=one, **more) for seed, one in enumerate(wins)]
    return curves_of(trials, "battle_won_mean")


def test_the_area_is_the_mean_height_over_the_budget(tmp_path):
    (ramp,) = curves(tmp_path, (0.0, 0.5, 1.0))
    assert ramp.area() == 0.5
    (bent,) = curves(tmp_path, (0.0, 1.0, 1.0))
    assert bent.area() == 0.75  # 0.5 on the first half, 1 on the second


def test_values_hold_before_the_first_test_and_what_lies_beyond_the_budget_counts_nothing(
    tmp_path,
):
    (late,) = curves(tmp_path, (0.4, 0.4, 1.0), t_env=(20, 100, 160))
    assert late.area() == pytest.approx(0.4)


def test_the_score_is_the_mean_of_the_last_tests(tmp_path):
    (one,) = curves(tmp_path, (0.0, 0.5, 1.0))
    assert (one.score(1), one.score(2), one.score(9)) == (1.0, 0.75, 0.5)


def test_a_level_is_reached_at_the_first_test_at_or_above_it(tmp_path):
    (one,) = curves(tmp_path, (0.0, 0.8, 0.1))
    assert one.reaches(0.8, "steps") == 50
    assert one.reaches(0.8, "time") == 30.0  # 0.6 s a step
    assert one.reaches(0.9, "steps") == float("inf")


def test_seeds_that_never_come_to_a_level_count_as_latest(tmp_path):
    seeds = curves(tmp_path, (0.9, 0, 0), (0, 0.9, 0), (0, 0, 0))
    found = reach(seeds, 0.8, "steps")
    assert (found.median, found.count, found.seeds) == (50.0, 2, 3)
    assert reach(seeds[1:], 0.8, "steps").median == float("inf")  # one of two


def test_a_longer_run_is_cut_where_the_shorter_one_ends(tmp_path):
    short = trial(tmp_path, seed=1, wins=(0.0, 0.5), t_env=(0, 50))
    long = trial(tmp_path, seed=2, wins=(0.0, 0.2, 1.0), t_env=(0, 40, 100))
    cut, curve = curves_of([short, long], "battle_won_mean")
    assert cut.within is cut
    assert curve.within.trial.t_env.tolist() == [0, 40, 50]
    assert curve.score(1) == pytest.approx(0.2 + 0.8 / 6)  # on the line from 40 to 100
    assert curve.reaches(0.9, "steps") == float("inf")  # beyond the horizon
    assert curve.area() == pytest.approx((0.1 * 40 + (0.2 + 0.4 / 6) * 10) / 50)


def test_finished_runs_keep_their_last_test_beyond_the_budget(tmp_path):
    one, other = curves(tmp_path, (0.0, 0.5, 1.0), (0.0, 0.5, 0.9), t_env=(0, 55, 104))
    later = replace(other, trial=replace(other.trial, t_env=np.array([0.0, 55.0, 108.0])))
    assert (one.score(1), later.score(1)) == (1.0, 0.9)


def test_a_test_without_the_metric_is_no_point_of_its_curve(tmp_path):
    (gap,) = curves(tmp_path, (0.0, None, 1.0))
    assert gap.at("steps").tolist() == [0, 100]
    assert gap.area() == 0.5


def test_a_grid_spans_what_all_curves_have(tmp_path):
    one = curves(tmp_path, (0.0, 0.5, 1.0), t_env=(0, 50, 100))[0]
    other = curves(tmp_path, (0.0, 1.0), t_env=(10, 110))[0]
    grid = common_grid([one, other], "steps")
    assert grid.tolist() == [10, 55, 100]
    assert on_grid([one, other], grid, "steps") == pytest.approx(
        np.array([[0.1, 0.55, 1.0], [0.0, 0.45, 0.9]])
    )

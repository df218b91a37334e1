"""Courses, usage and drawing, on numbers that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from marl.plots.codebook.courses import courses_of, r_squared
from marl.plots.codebook.pictures import picture_of, shown
from marl.plots.codebook.usage import CODES, panels_of
from marl.quantizers.vq import VectorQuantizer
from marl.run.battles import Battles


def two_battles(won: tuple[bool, bool] = (True, False)) -> Battles:
    """One of two steps that earns 1 and 3, one of one step that earns 5; undiscounted."""
    return Battles(
        states=torch.arange(5.0)[:, None],
        slot=torch.tensor([0, 1, 2, 0, 1]),
        battle=torch.tensor([0, 0, 0, 1, 1]),
        returns=torch.tensor([4.0, 3.0, 0.0, 5.0, 0.0], dtype=torch.float64),
        is_last=torch.tensor([False, False, True, False, True]),
        won=torch.tensor(won),
    )


CODES_OF = np.array([0, 1, 2, 0, 2])
VALUES = np.array([4.5, 2.0, np.nan])


def test_won_and_lost_battles_have_a_course_each_without_their_last_slot():
    won, lost = courses_of(two_battles(), CODES_OF, VALUES, tells_wins=True)
    assert (won.name, won.battles, won.going_on.tolist()) == ("won", 1, [1, 1])
    assert won.code_value.mean.tolist() == [4.5, 2.0]
    assert won.earned.mean.tolist() == [4.0, 3.0]
    assert (lost.going_on.tolist(), lost.earned.mean.tolist()) == ([1], [5.0])


def test_c_q_explains_a_share_of_the_returns_of_all_battles():
    found = r_squared(two_battles(), CODES_OF, VALUES)
    # errors .5, 1 and .5, mean square .5; variance of 4, 3 and 5 is 2 / 3
    assert found == pytest.approx(1 - 0.5 / (2 / 3))
    only_one = np.array([np.nan, 2.0, np.nan])
    assert r_squared(two_battles(), CODES_OF, only_one) is None  # one return has no variance
    assert r_squared(two_battles(), CODES_OF, np.full(3, np.nan)) is None


def test_together_where_nothing_tells_of_wins():
    (both,) = courses_of(two_battles(), CODES_OF, VALUES, tells_wins=False)
    assert (both.name, both.going_on.tolist()) == ("all", [2, 1])
    assert both.earned.mean.tolist() == [4.5, 3.0]
    assert (both.earned.low[0], both.earned.high[0]) == (4.25, 4.75)  # quartiles of 4 and 5


def test_an_outcome_that_never_came_has_an_empty_course():
    won, lost = courses_of(two_battles((False, False)), CODES_OF, VALUES, tells_wins=True)
    assert (won.battles, len(won.going_on), len(won.earned.mean)) == (0, 0, 0)
    assert (lost.battles, lost.going_on.tolist()) == (2, [2, 1])


def test_a_code_without_a_value_counts_nowhere():
    values = np.array([np.nan, 2.0, np.nan])
    (both,) = courses_of(two_battles(), CODES_OF, values, tells_wins=False)
    assert np.isnan(both.code_value.mean[0])
    assert both.code_value.count.tolist() == [0, 1]


def line(codes: list[float]) -> VectorQuantizer:
    """Encodes a state of one number as itself; codes at these places."""
    quantizer = VectorQuantizer(1, len(codes), 1, 4)
    quantizer.encoder = torch.nn.Identity()  # type: ignore[assignment]
    quantizer.codebook.data = torch.tensor(codes)[:, None]
    return quantizer


def test_a_picture_places_states_and_codes_and_tells_their_use():
    picture = picture_of("none", line([0.5, 3.5, 90.0]), two_battles())
    assert picture.chosen.tolist() == [0, 0, 0, 1, 1]  # 2 is as far from both: the first
    assert picture.share == pytest.approx([0.6, 0.4, 0.0])
    assert picture.used.tolist() == [True, True, False]
    assert picture.in_effect == pytest.approx(np.exp(-0.6 * np.log(0.6) - 0.4 * np.log(0.4)))
    assert picture.along == (1.0, 0.0)
    assert np.abs(picture.states[:, 0]).tolist() == [2, 1, 0, 1, 2]
    assert picture.states[:, 1].tolist() == [0.0] * 5


def test_time_goes_to_the_right():
    rising = two_battles()
    falling = Battles(**{**vars(rising), "states": -rising.slot[:, None].float()})
    for battles in (rising, falling):
        places = picture_of("all", line([0.0, 1.0]), battles).states[:, 0]
        assert np.corrcoef(places, battles.slot)[0, 1] > 0


def test_the_same_states_are_drawn_each_time():
    assert shown(10).tolist() == shown(10).tolist()
    assert sorted(shown(10)) == list(range(10))
    assert len(set(shown(50_000))) == 4000


def test_only_what_was_logged_has_a_panel():
    points = [
        {"t_env": 10, "time": 0.0, "codebook_usage": 0.5, "codebook_perplexity": 2.0},
        {"t_env": 20, "time": 1.0, "test_return_mean": 1.0},
        {"t_env": 30, "time": 2.0, "codebook_usage": 1.0},
    ]
    (panel,) = panels_of(points, n_codes=8)
    assert panel.title == CODES
    drawn = {one.metric: (one.t_env.tolist(), one.drawn.tolist()) for one in panel.series}
    assert drawn == {
        "codebook_perplexity": ([10.0], [2.0]),
        "codebook_usage": ([10.0, 30.0], [4.0, 8.0]),
    }
    assert panels_of([], n_codes=8) == []


def test_what_is_unknown_unused_or_never_won_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra [plots]")
    from marl.plots.codebook import figures

    battles = two_battles((False, False))
    own = picture_of("own", line([0.5, 3.5, 90.0]), battles)
    for name, values in {
        "some": VALUES,
        "none": np.full(3, np.nan),
        "one": VALUES[[2, 2, 1]],
    }.items():
        figures.draw_codes(tmp_path / f"codes_{name}", own, battles, values, ["50 $ and $"])
        courses = courses_of(battles, own.chosen, values, tells_wins=True)
        explained = r_squared(battles, own.chosen, values)
        figures.draw_courses(tmp_path / f"courses_{name}", courses, explained, ["caption"])
    assert len(list(tmp_path.glob("*.png"))) == 6

"""Rewards and outcomes on facts before and after a step, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from marl.engine import scoring
from marl.engine.data import load_unit_types
from marl.engine.options import Options
from marl.engine.scenario import load_scenario
from marl.engine.scoring import DRAWN, LOST, RUNNING, WON, Scoring, make_scoring
from marl.errors import EnvError


def scoring_of(reward: str, name: str = "3m", **values: float) -> Scoring:
    scenario = load_scenario(name)
    options = Options(reward=reward, **values)  # type: ignore[arg-type]
    return make_scoring(scenario, load_unit_types(scenario.unit_names), options)


def reward(of: Scoring, before: list[float], health: list[float], code: int = RUNNING) -> float:
    """Units without shields. before, health: [N], three agents first."""
    now = np.array(health)
    return scoring.step_reward(of, np.array(before), now, np.zeros(now.size), code)


SCALE = 365 / 20  # 3m


@pytest.mark.parametrize(
    ("health", "code"),
    [
        ([1, 0, 0, 0, 0, 5], RUNNING),
        ([1, 0, 0, 0, 0, 0], WON),
        ([0, 0, 0, 0, 0, 5], LOST),
        ([0, 0, 0, 0, 0, 0], DRAWN),  # both sides died at once: nobody won
    ],
)
def test_outcome(health: list[float], code: int):
    assert scoring.outcome(3, np.array(health, dtype=float)) == code


def test_dense_reward_is_damage_and_kills():
    before, after = [45, 45, 0, 45, 12, 0], [10, 0, 0, 33, 0, 0]
    # 12 off the first enemy, 12 and a kill for the second; own losses do not count
    assert reward(scoring_of("dense"), before, after) == pytest.approx((12 + 12 + 10) / SCALE)
    assert reward(scoring_of("dense_official"), before, after) == pytest.approx(34 / SCALE)


def test_regeneration_pays_only_under_the_official_absolute_value():
    of, official = scoring_of("dense", "3s_vs_3z"), scoring_of("dense_official", "3s_vs_3z")
    health = np.array([80.0, 80, 80, 100, 100, 100])
    shield = np.array([80.0, 80, 80, 11, 50, 50])
    before = np.array([160.0, 160, 160, 110, 150, 150])  # one enemy shield grew by 1
    assert scoring.step_reward(of, before, health, shield, RUNNING) == 0
    got = scoring.step_reward(official, before, health, shield, RUNNING)
    assert got == pytest.approx(1 / (680 / 20))


def test_a_win_adds_its_bonus_and_a_loss_its_own():
    before, after = [45, 0, 0, 0, 0, 6], [45, 0, 0, 0, 0, 0]
    assert reward(scoring_of("dense"), before, after, WON) == pytest.approx((6 + 10 + 200) / SCALE)
    lost = scoring_of("dense", reward_defeat=-50.0)
    assert reward(lost, [6, 0, 0, 45, 0, 0], [0, 0, 0, 45, 0, 0], LOST) == pytest.approx(
        -50 / SCALE
    )


def test_sparse_reward_is_the_outcome_scaled_like_the_rest():
    of, facts = scoring_of("sparse"), ([45, 0, 0, 45, 0, 0], [45, 0, 0, 5, 0, 0])
    assert reward(of, *facts) == 0
    assert reward(of, *facts, WON) == pytest.approx(0.0548, abs=1e-4)  # 1 / (365 / 20)
    assert reward(of, *facts, LOST) == pytest.approx(-1 / SCALE)
    assert reward(of, *facts, DRAWN) == 0
    assert reward(scoring_of("sparse", reward_scale=False), *facts, WON) == 1


def test_lagma_sparse_reward_is_deaths_and_the_win():
    of = scoring_of("lagma_sparse")
    before, after = [45, 45, 45, 45, 12, 3], [10, 0, 0, 33, 0, 0]
    assert reward(of, before, after) == pytest.approx((20 - 10) / SCALE)  # two kills, two lost
    assert reward(of, before, [1, 1, 1, 1, 1, 1]) == 0  # damage alone
    won = reward(of, [45, 0, 0, 0, 0, 3], [45, 0, 0, 0, 0, 0], WON)
    assert won == pytest.approx((10 + 200) / SCALE)
    harsher = scoring_of("lagma_sparse", reward_negative_scale=1.0)
    assert reward(harsher, before, after) == pytest.approx(0)


def test_the_dead_count_once():
    assert reward(scoring_of("dense"), [45, 0, 0, 45, 0, 0], [45, 0, 0, 45, 0, 0]) == 0


def test_scale_follows_its_options():
    facts = ([45, 0, 0, 45, 0, 0], [45, 0, 0, 0, 0, 0])
    assert reward(scoring_of("dense", reward_scale=False), *facts) == 55
    assert reward(scoring_of("dense", reward_scale_rate=365.0), *facts) == pytest.approx(55)
    # max_reward becomes 3 * (20 + 45) + 100 = 295
    changed = scoring_of("dense", reward_death_value=20.0, reward_win=100.0)
    assert reward(changed, *facts) == pytest.approx(65 / (295 / 20))


def test_an_unknown_reward_is_refused():
    with pytest.raises(EnvError, match="'densee' is not one of"):
        scoring_of("densee")


def test_a_scale_of_zero_or_below_is_refused():
    """It would turn rewards into NaN or upside down. 3m: 3 * (10 + 45) + reward_win."""
    for reward_win in (-165.0, -200.0):
        with pytest.raises(EnvError, match="reward_win, reward_death_value"):
            scoring_of("dense", reward_win=reward_win)
    scoring_of("dense", reward_win=-165.0, reward_scale=False)

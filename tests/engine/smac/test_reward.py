"""Rewards and outcomes by hand, from the units before and after a step."""

from __future__ import annotations

import numpy as np
import pytest

from marl.engine.facts.scenario import load_scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.smac.layout import ClientUnits
from marl.engine.smac.options import Options, Quirks, Smacv2Options
from marl.engine.smac.reward import (
    DRAWN,
    LOST,
    RUNNING,
    WON,
    RewardRules,
    make_reward_rules,
    outcome,
    step_reward,
)
from marl.errors import EnvError

CLIPPED = Quirks(regeneration_pays=False)
DEATHS = {"reward_only_positive": False, "reward_deaths_only": True}


def rules_of(name: str = "3m", client: type[Options] = Options, **values: object) -> RewardRules:
    scenario = load_scenario(name)
    options = client(**values)  # type: ignore[arg-type]
    return make_reward_rules(scenario, load_unit_types(scenario.unit_names), options)


def units_of(kind: list[int], health: list[float], shield: list[float]) -> ClientUnits:
    """Units of which only kind, health and shield matter; [N] each."""
    rest = np.zeros(len(kind))
    return ClientUnits(
        np.array(kind),
        rest,
        rest,
        np.array(health, dtype=float),
        np.array(shield, dtype=float),
        *[rest] * 6,
        np.zeros((1, 1), dtype=np.uint8),
    )


def reward(of: RewardRules, before: list[float], health: list[float], code: int = RUNNING) -> float:
    """Marines. before, health: [N], three agents first."""
    units = units_of([0] * len(health), health, [0] * len(health))
    return step_reward(of, units, np.array(before, dtype=float), code)


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
    assert outcome(rules_of(), np.zeros(6, dtype=int), np.array(health, float)) == code


MMM = [0, 0, *[1] * 7, 2]  # a side: marauders, marines, a medivac
ALL = [1.0] * 10
NONE = [0.0] * 10
MEDIVAC = [*[0.0] * 9, 1.0]
MARINE = [0.0, 0.0, 1.0, *[0.0] * 7]


@pytest.mark.parametrize(
    ("allies", "enemies", "code"),
    [
        (ALL, ALL, RUNNING),
        (MARINE, MEDIVAC, WON),  # exactly one enemy, and it is a medivac
        (MARINE, [*MARINE[:9], 1.0], RUNNING),
        (MARINE, MARINE, RUNNING),
        (MARINE, NONE, WON),
        (MEDIVAC, MARINE, LOST),  # only a medivac is left to the agents
        (MEDIVAC, NONE, LOST),  # though no enemy is left
        (MEDIVAC, MEDIVAC, LOST),
        (NONE, NONE, LOST),
    ],
)
def test_medivacs_alone_cannot_fight_on(allies: list[float], enemies: list[float], code: int):
    kind, health = np.array(MMM * 2), np.array(allies + enemies)
    assert outcome(rules_of("MMM"), kind, health) == code
    assert outcome(rules_of("MMM", Smacv2Options), kind, health) == code


def test_two_last_medivacs_are_beaten_in_v2_only():
    kind = np.array([1] * 10 + [2] * 10)
    health = np.array([*MARINE, *([0.0] * 8), 1.0, 1.0])
    assert outcome(rules_of("MMM"), kind, health) == RUNNING
    assert outcome(rules_of("MMM", Smacv2Options), kind, health) == WON


def test_dense_reward_is_damage_and_kills():
    before, after = [45, 45, 0, 45, 12, 0], [10, 0, 0, 33, 0, 0]
    # 12 off the first enemy, 12 and a kill for the second; own losses do not count
    assert reward(rules_of(), before, after) == pytest.approx((12 + 12 + 10) / SCALE)


def test_what_the_agents_suffer_counts_half_where_rewards_may_be_negative():
    before, after = [45, 45, 0, 45, 12, 0], [10, 0, 0, 33, 0, 0]
    of = rules_of(reward_only_positive=False)
    # 34 as above, less half of 35 and 45 lost and of one death
    assert reward(of, before, after) == pytest.approx((34 - (35 + 45 + 10) / 2) / SCALE)


def test_regeneration_pays_in_v1_unless_fixed():
    kind, health, shield = [0] * 3 + [1] * 3, [80, 80, 80, 100, 100, 100], [80, 80, 80, 11, 50, 50]
    units = units_of(kind, health, shield)
    before = np.array([160.0, 160, 160, 110, 150, 150])  # one enemy shield grew by 1
    for values, paid in (
        ({}, 1.0),
        ({"quirks": CLIPPED}, 0.0),
        ({"client": Smacv2Options}, 0.0),
        ({"reward_only_positive": False}, -1.0),
    ):
        got = step_reward(rules_of("3s_vs_3z", **values), units, before, RUNNING)
        assert got == pytest.approx(paid / (680 / 20))


def test_a_win_adds_its_bonus_and_a_loss_its_own():
    before, after = [45, 0, 0, 0, 0, 6], [45, 0, 0, 0, 0, 0]
    assert reward(rules_of(), before, after, WON) == pytest.approx((6 + 10 + 200) / SCALE)
    lost = rules_of(reward_defeat=-50.0)
    assert reward(lost, [6, 0, 0, 45, 0, 0], [0, 0, 0, 45, 0, 0], LOST) == pytest.approx(
        -50 / SCALE
    )


def test_sparse_reward_is_the_outcome_scaled_like_the_rest():
    of, healths = rules_of(reward_sparse=True), ([45, 0, 0, 45, 0, 0], [45, 0, 0, 5, 0, 0])
    assert reward(of, *healths) == 0
    assert reward(of, *healths, WON) == pytest.approx(0.0548, abs=1e-4)  # 1 / (365 / 20)
    assert reward(of, *healths, LOST) == pytest.approx(-1 / SCALE)
    assert reward(of, *healths, DRAWN) == 0
    assert reward(rules_of(reward_sparse=True, reward_scale=False), *healths, WON) == 1
    fixed = rules_of(reward_sparse=True, quirks=Quirks(sparse_reward_scaled=False))
    assert reward(fixed, *healths, WON) == 1


def test_rewards_for_deaths_only_are_deaths_and_the_win():
    of = rules_of(**DEATHS)
    before, after = [45, 45, 45, 45, 12, 3], [10, 0, 0, 33, 0, 0]
    assert reward(of, before, after) == pytest.approx((20 - 10) / SCALE)  # two kills, two lost
    assert reward(of, before, [1, 1, 1, 1, 1, 1]) == 0  # damage alone
    won = reward(of, [45, 0, 0, 0, 0, 3], [45, 0, 0, 0, 0, 0], WON)
    assert won == pytest.approx((10 + 200) / SCALE)
    harsher = rules_of(**DEATHS, reward_negative_scale=1.0)
    assert reward(harsher, before, after) == pytest.approx(0)


def test_the_dead_count_once():
    assert reward(rules_of(), [45, 0, 0, 45, 0, 0], [45, 0, 0, 45, 0, 0]) == 0


def test_scale_follows_its_options():
    healths = ([45, 0, 0, 45, 0, 0], [45, 0, 0, 0, 0, 0])
    assert reward(rules_of(reward_scale=False), *healths) == 55
    assert reward(rules_of(reward_scale_rate=365.0), *healths) == pytest.approx(55)
    # max_reward becomes 3 * (20 + 45) + 100 = 295
    changed = rules_of(reward_death_value=20.0, reward_win=100.0)
    assert reward(changed, *healths) == pytest.approx(65 / (295 / 20))


def test_a_scale_of_zero_or_below_is_refused():
    """It would turn rewards into NaN or upside down. 3m: 3 * (10 + 45) + reward_win."""
    for reward_win in (-165.0, -200.0):
        with pytest.raises(EnvError, match="reward_win, reward_death_value"):
            rules_of(reward_win=reward_win)
    rules_of(reward_win=-165.0, reward_scale=False)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"reward_deaths_only": True}, "needs reward_only_positive=False"),
        ({"client": Smacv2Options, "obs_starcraft": False}, "leaves nothing to observe"),
    ],
)
def test_options_that_do_not_go_together_are_refused(values: dict[str, object], reason: str):
    with pytest.raises(EnvError, match=reason):
        rules_of(**values)

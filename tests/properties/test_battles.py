"""What holds in every battle of every scenario, whatever the agents do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties.battlefield import (
    DRAWN,
    battles_of,
    clearances,
    contacts,
    distances,
    few,
    grounds,
    names,
    per_unit,
    play,
    seeds,
    styles,
)

from marl.engine.combat.orders import ACTION_NO_OP, ACTION_STOP
from marl.engine.facts.units import load_unit_types

step_muls = st.sampled_from((1, 8))
WIN, KILL = 200, 10  # what SMAC pays besides hit points
TOLERANCE = 1e-9  # grid units; rounding of a walk's length and direction


@few
@given(names, seeds, styles, step_muls)
def test_no_fact_leaves_its_bounds(name: str, seed: int, style: str, step_mul: int):
    battles = battles_of(name, 2, step_mul=step_mul)
    history = play(battles, [seed, seed ^ 1], style)
    types = load_unit_types(battles.scenario.unit_names)
    units, alive = history.units, history.alive
    for field in units.dtype.names:
        assert np.isfinite(units[field]).all(), field
    assert (units["health"] >= 0).all()
    assert (units["health"] <= per_unit(history, types.health)).all()
    assert (units["shield"] >= 0).all()
    assert (units["shield"] <= per_unit(history, types.shield)).all()
    assert (units["energy"] >= 0).all()
    assert (units["energy"] <= per_unit(history, types.energy_max)).all()
    assert (units["cooldown"] >= 0).all()
    assert (units["cooldown"] <= per_unit(history, types.period + types.delay_max)).all()
    assert (units["shield"][~alive] == 0).all()
    assert np.hypot(units["facing_x"], units["facing_y"]) == pytest.approx(1, abs=1e-9)
    # The dead stay dead.
    assert (alive[1:] <= alive[:-1]).all()


@few
@given(names, seeds, styles, step_muls)
def test_what_is_shown_is_finite_and_what_may_be_done_is_never_nothing(
    name: str, seed: int, style: str, step_mul: int
):
    history = play(battles_of(name, 2, step_mul=step_mul), [seed, seed ^ 1], style)
    for shown in (history.obs, history.state, history.reward):
        assert np.isfinite(shown).all()
    n_agents = history.avail.shape[2]
    alive, avail = history.alive[:, :, :n_agents], history.avail
    assert avail.any(-1).all()
    assert (avail[..., ACTION_NO_OP] == ~alive).all()
    assert (avail[..., ACTION_STOP] == alive).all()
    assert (avail[~alive].sum(-1) == 1).all()
    assert (history.obs[~alive] == 0).all()


@few
@given(names, seeds, styles, step_muls)
@example("6h_vs_8z", 5, "random", 8)
@example("corridor", 5, "fight", 8)
@example("2c_vs_64zg", 5, "fight", 8)
def test_nobody_walks_into_a_wall(name: str, seed: int, style: str, step_mul: int):
    battles = battles_of(name, 2, step_mul=step_mul)
    history = play(battles, [seed, seed ^ 1], style)
    types = load_unit_types(battles.scenario.unit_names)
    units = history.units
    for on_it, closed in grounds(battles.scenario.walkable, types):
        room = clearances(closed, units["x"], units["y"]) - per_unit(history, types.inner_radius)
        # Who is put too near to a wall at the start may stay there, but never comes nearer.
        least = np.minimum(room[0], 0)
        assert (room >= least - TOLERANCE)[history.alive & per_unit(history, on_it)].all()


@few
@given(names, seeds, styles, step_muls)
@example("27m_vs_30m", 5, "fight", 8)
@example("2c_vs_64zg", 5, "fight", 8)
@example("MMM2", 5, "fight", 8)
def test_nobody_walks_into_anybody(name: str, seed: int, style: str, step_mul: int):
    battles = battles_of(name, 2, step_mul=step_mul)
    history = play(battles, [seed, seed ^ 1], style)
    types = load_unit_types(battles.scenario.unit_names)
    start = history.units[0]
    contact = np.array(
        [contacts(types, units["kind"], units["side"]) for units in start]
    )  # [E,N,N]
    apart = distances(history.units)  # [T+1,E,N,N]
    alive = history.alive[..., None] & history.alive[..., None, :]
    # Two that overlap never come nearer; two that do not never begin to.
    closest = np.minimum(apart[:-1], contact) - TOLERANCE
    assert (apart[1:] >= closest)[alive[1:]].all()


@few
@given(names, seeds, styles)
def test_a_battle_pays_at_most_twenty_and_what_the_enemy_regained(name: str, seed: int, style: str):
    """Killing all of an enemy that regains nothing pays exactly 20.

    Every step pays what the enemy lost net of what it regained, and if that is negative its
    absolute value (SMAC v1) or nothing (v2). So over a battle the pay exceeds all that there was to
    take by no more than twice (once) what the enemy regained between the steps.
    """
    battles = battles_of(name, 2)
    history = play(battles, [seed, seed ^ 1], style, strength=20.0)
    enemies = history.units[:, :, battles.scenario.count("ally") :]
    vitality = enemies["health"] + enemies["shield"]  # [T+1,E,M]
    most = WIN + (KILL + vitality[0]).sum(-1)
    regained = np.maximum(np.diff(vitality, axis=0), 0).sum((0, 2))
    total = history.reward.sum(0)
    times = 1 if name in DRAWN else 2
    assert (history.reward >= 0).all()
    assert (total <= 20 * (1 + times * regained / most) + 1e-3).all()
    is_certain = (vitality[-1] == 0).all(-1) & (battles.record.battle_won == 1) & (regained == 0)
    assert total[is_certain] == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize("name", ["3m", "27m_vs_30m", "MMM2", "2s3z", "6h_vs_8z", "bane_vs_bane"])
def test_strong_agents_that_fight_win(name: str):
    """So the tests of whole battles, the reward's above all, have wins to look at."""
    battles = battles_of(name, 2)
    play(battles, [1, 2], "fight", strength=20.0)
    assert battles.record.battle_won.any()

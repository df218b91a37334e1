"""The driver: whole battles, how they end, what they return, and that they can be repeated."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numba as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marl.engine.battle import Battles
from marl.engine.facts.scenario import load_scenario
from marl.engine.scripts.random_legal import random_legal_actions
from marl.engine.smac.options import Options
from marl.errors import EnvError

TWO_THREADS = min(2, nb.config.NUMBA_NUM_THREADS)


def battles_of(name: str, num_envs: int, threads: int = 1, **values: object) -> Battles:
    return Battles(load_scenario(name), Options(**values), num_envs, threads)  # type: ignore[arg-type]


def seeds_of(seeds: Sequence[int]) -> NDArray[np.uint64]:
    return np.array(seeds, dtype=np.uint64)


def play(battles: Battles, seeds: Sequence[int], steps: int) -> list[list[bytes]]:
    """What each battle showed at every step of random play; the play follows from the seed."""
    battles.reset(seeds_of(seeds))
    rng = seeds_of([*seeds, *[0] * (battles.num_envs - len(seeds))])[:, None]
    actions = np.zeros(battles.record.last_actions.shape, dtype=np.int64)
    results: list[list[bytes]] = [[] for _ in seeds]
    for _ in range(steps):
        random_legal_actions(battles.record.avail, rng, actions)
        battles.step(actions)
        for e in range(len(seeds)):
            parts = (array[e].tobytes() for array in battles.record)
            results[e].append(b"".join([*parts, battles.world.units[e].tobytes()]))
    return results


@pytest.mark.parametrize("name", ["3s_vs_5z", "2m_vs_1z", "2s3z"])
def test_a_battle_depends_on_its_seed_alone_whatever_the_rest(name: str):
    seeds = list(range(100, 164))
    alone = [play(battles_of(name, 1), [seed], 60)[0] for seed in seeds[:8]]
    assert play(battles_of(name, 3), seeds[:3], 60) == alone[:3]
    assert play(battles_of(name, 8), seeds[:8][::-1], 60) == alone[::-1]
    serial = play(battles_of(name, 64), seeds, 60)
    assert serial[:8] == alone
    threaded = battles_of(name, 64, TWO_THREADS)
    assert threaded.parallel == (TWO_THREADS > 1)
    assert play(threaded, seeds, 60) == serial
    assert play(threaded, seeds, 60) == serial  # a second time: nothing lives on


def test_seeds_differ():
    one, other = play(battles_of("3m", 2), [1, 2], 40)
    assert one != other


def test_the_enemy_marches_to_a_random_point_of_the_segment():
    battles = battles_of("2m_vs_1z", 32)
    battles.reset(seeds_of(range(32)))
    x, y = battles.world.order_x[:, 2], battles.world.order_y[:, 2]
    assert ((x >= 13) & (x <= 19)).all()
    assert x.max() - x.min() > 3  # of 6; 32 uniform draws miss this once in millions
    assert (y == 12).all()


def stop(battles: Battles) -> NDArray[np.int64]:
    """Every living agent stands still, dead ones do nothing. [E,A]"""
    alive = battles.record.avail[:, :, 1]
    return alive.astype(np.int64)


def test_agents_that_stand_still_lose_and_the_episode_then_idles():
    battles = battles_of("3m", 1)
    battles.reset(seeds_of([5]))
    record = battles.record
    while not record.terminated[0]:
        battles.step(stop(battles))
    assert not record.truncated[0]
    assert record.battle_won[0] == 0
    assert record.dead_allies[0] == 3
    assert record.dead_enemies[0] == 0
    assert record.steps[0] < 60
    last = [array.copy() for array in (record.obs, record.state, record.avail, record.steps)]
    battles.step(np.full((1, 3), 99))  # ignored
    assert record.reward[0] == 0
    for before, after in zip(
        last, (record.obs, record.state, record.avail, record.steps), strict=True
    ):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("continuing", [False, True])
def test_the_limit_terminates_or_truncates_a_continuing_episode(continuing: bool):
    battles = battles_of("3m", 1, continuing_episode=continuing)
    battles.reset(seeds_of([1]))
    for _ in range(60):
        assert not battles.record.terminated[0]
        assert not battles.record.truncated[0]
        battles.world.health[0] = 45.0  # no unit can die
        battles.step(stop(battles))
    assert battles.record.terminated[0] == (not continuing)
    assert battles.record.truncated[0] == continuing
    assert battles.record.battle_won[0] == 0


def win(battles: Battles) -> float:
    """The return of a battle that one-hit-point enemies lose to agents shooting the nearest."""
    battles.reset(seeds_of([3]))
    n_agents = battles.scenario.count("ally")
    battles.world.health[0, :n_agents] = 1000.0
    total = 0.0
    while not battles.record.terminated[0]:
        avail = battles.record.avail[0]
        targets = avail[:, 6:].argmax(1) + 6
        battles.step(np.where(avail[:, 6:].any(1), targets, 1)[None])
        total += float(battles.record.reward[0])
    assert battles.record.battle_won[0] == 1
    return total


def test_a_win_over_marines_totals_exactly_twenty():
    # Nothing regenerates, so all hit points, all kills and the bonus are paid once: max_reward.
    assert win(battles_of("3m", 1)) == pytest.approx(20.0, abs=1e-4)
    assert win(battles_of("3m", 1, reward_sparse=True)) == pytest.approx(1 / (365 / 20), abs=1e-6)
    lagma = win(battles_of("3m", 1, reward_only_positive=False, reward_deaths_only=True))
    assert lagma == pytest.approx((3 * 10 + 200) / (365 / 20), abs=1e-4)


def test_both_sides_gone_ends_the_battle_without_a_winner():
    battles = battles_of("3m", 1)
    battles.reset(seeds_of([1]))
    battles.world.health[0] = 0.0
    battles.step(stop(battles))
    assert battles.record.terminated[0]
    assert not battles.record.truncated[0]
    assert battles.record.battle_won[0] == 0
    assert battles.record.reward[0] == pytest.approx((3 * 45 + 30) / (365 / 20))


def test_an_illegal_action_is_refused_before_anything_moves():
    battles = battles_of("3m", 2)
    battles.reset(seeds_of([1, 2]))
    before = battles.world.units.copy()
    actions = stop(battles)
    actions[1, 2] = 7
    with pytest.raises(EnvError, match="environment 1, agent 2: action 7 is not available"):
        battles.step(actions)
    actions[1, 2] = -1
    with pytest.raises(EnvError, match=r"action -1 is not available; available: \[1, 2, 3, 4, 5\]"):
        battles.step(actions)
    assert (battles.world.units == before).all()


def test_battles_without_a_seed_stay_ended():
    battles = battles_of("3m", 3)
    battles.reset(seeds_of([1, 2, 3]))
    battles.reset(seeds_of([1]))
    assert battles.record.terminated.tolist() == [False, True, True]
    assert (battles.record.obs[1:] == 0).all()
    assert (battles.record.avail[1:].argmax(-1) == 0).all()
    assert (battles.record.avail[1:].sum(-1) == 1).all()
    battles.step(stop(battles))
    assert battles.record.steps.tolist() == [1, 0, 0]


def test_a_wrong_number_of_threads_or_seeds_is_refused():
    with pytest.raises(EnvError, match=r"threads=0 is not within 1\.\."):
        battles_of("3m", 1, threads=0)
    with pytest.raises(ValueError, match="got 2 seeds for 1 battles"):
        battles_of("3m", 1).reset(seeds_of([1, 2]))
    with pytest.raises(ValueError, match="actions have shape"):
        battles_of("3m", 1).step(np.zeros((1, 2), dtype=np.int64))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["3m", "2s3z", "3s_vs_5z", "5m_vs_6m", "2m_vs_1z", "3s5z_vs_3s6z"]),
    seed=st.integers(0, 2**64 - 1),
    options=st.fixed_dictionaries(
        {
            item.name: st.booleans()
            for item in dataclasses.fields(Options)
            if item.name.startswith(("obs_", "state_"))
        }
    ),
)
def test_random_play_shows_numbers_and_always_leaves_an_action(
    name: str, seed: int, options: dict[str, bool]
):
    battles = battles_of(name, 2, **options)
    battles.reset(seeds_of([seed, seed ^ 1]))
    rng = seeds_of([seed, seed ^ 1])[:, None]
    actions = np.zeros(battles.record.last_actions.shape, dtype=np.int64)
    for _ in range(battles.scenario.episode_limit):
        record = battles.record
        assert record.avail.any(-1).all()
        assert np.isfinite(record.obs).all()
        assert np.isfinite(record.state).all()
        assert (record.reward >= 0).all()
        random_legal_actions(record.avail, rng, actions)
        battles.step(actions)
    assert battles.record.terminated.all()

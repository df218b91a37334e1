"""Returns to go, windows, lists and intervals; all numbers by hand."""

import numpy as np
import pytest
import torch
from builders import SMALL, random_batch
from intrinsic.lagma.test_bonus import visits

from marl.intrinsic.lagma.code_values import CodeValues, ReturnMemory
from marl.intrinsic.lagma.trajectories import WalkRules, draw, empty_lists, push, walk
from marl.intrinsic.none import NoBonus
from marl.intrinsic.schedule import EpisodeInterval
from marl.protocols.loop import Progress
from marl.returns import returns_to_go


def test_no_bonus_adds_zero_of_any_shape():
    bonus, metrics = NoBonus()(random_batch(SMALL, 2), torch.ones(2, 3, 1), Progress())
    assert (bonus.shape, metrics) == ((), {})
    assert (torch.ones(2, 3, 1) + bonus).sum() == 6.0


def test_no_bonus_refuses_the_state_of_another():
    with pytest.raises(ValueError, match="no intrinsic reward here"):
        NoBonus().load_state_dict({"rng": 1})


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [(0.5, [1.5, 1, 2, 0]), (0.99, [2.9602, 1.98, 2, 0]), (1.0, [3, 2, 2, 0])],
)
def test_returns_to_go(gamma, expected):
    reward = np.array([[1.0, 0.0, 2.0]], dtype=np.float32)
    returns = returns_to_go(reward, np.ones((1, 3), dtype=bool), gamma)
    assert returns[0].tolist() == pytest.approx(expected)


def test_padding_brings_no_return():
    reward = np.array([[1.0, 7.0]], dtype=np.float32)
    assert returns_to_go(reward, np.array([[True, False]]), 0.5)[0].tolist() == [1, 0, 0]


def pushed(values, phantom_zero):
    window = CodeValues(2, 3, phantom_zero)
    means = [window.means()[0]]
    for value in values:
        window.push(np.array([0]), np.array([value]))
        means.append(window.means()[0])
    return window, means


def test_window_means_what_it_holds():
    window, means = pushed([1.0, 2.0, 3.0, 4.0], phantom_zero=False)
    assert means == [0, 1, 1.5, 2, 3]
    assert sorted(window.ring[0]) == [2, 3, 4]
    assert window.known.tolist() == [True, False]


def test_published_window_starts_with_a_zero():
    window, means = pushed([1.0, 2.0, 3.0, 4.0], phantom_zero=True)
    assert means == [0, 0.5, 1.0, 2.0, 3.0]
    assert window.known.tolist() == [True, True]


@pytest.mark.parametrize("phantom_zero", [False, True])
def test_pushing_many_at_once_is_pushing_one_by_one(phantom_zero):
    rng = np.random.default_rng(0)
    at_once, one_by_one = (CodeValues(5, 4, phantom_zero) for _ in range(2))
    for size in (3, 50, 0, 7):
        codes, returns = rng.integers(0, 5, size), rng.normal(size=size)
        at_once.push(codes, returns)
        for code, value in zip(codes, returns, strict=True):
            one_by_one.push(np.array([code]), np.array([value]))
        assert np.array_equal(at_once.ring, one_by_one.ring)
        assert np.array_equal(at_once.pushed, one_by_one.pushed)


def offered(priorities, k=3, dedup=False):
    """A list that was offered these; the i-th comes from slot i of episode 0 and visits code i."""
    lists = empty_lists(8, k)
    for i, priority in enumerate(priorities):
        push(lists, 0, float(priority), visits(i), (0, i), dedup)
    size = lists.size[0]
    found = [int(np.flatnonzero(lists.last[0, p] >= 0)[0]) for p in lists.place[0, :size]]
    return lists.priority[0, :size].tolist(), found


@pytest.mark.parametrize(
    ("priorities", "held", "visited"),
    [
        ([5, 1, 3], [1, 3, 5], [1, 2, 0]),
        ([5, 1, 3, 2], [2, 3, 5], [3, 2, 0]),
        ([5, 1, 3, 2, 2], [2, 3, 5], [4, 2, 0]),  # the new 2 replaces the old one
        ([5, 1, 3, 2, 2, 1], [2, 3, 5], [4, 2, 0]),  # 1 is refused
        ([5, 1, 3, 2, 2, 1, 9], [3, 5, 9], [2, 0, 6]),
    ],
)
def test_list_keeps_the_best(priorities, held, visited):
    assert offered(priorities) == (held, visited)


def test_dedup_renews_the_trajectory_of_the_same_slot():
    for dedup, expected in ((False, [1, 1, 5]), (True, [1, 5])):
        lists = empty_lists(4, 3)
        for priority, slot in ((1, 0), (5, 5), (1, 0)):
            push(lists, 2, float(priority), visits(count=4), (7, slot), dedup)
        assert lists.priority[2, : lists.size[2]].tolist() == expected


@pytest.mark.parametrize(("uniform", "drawn"), [(0.0, 1), (0.34, 2), (0.67, 0), (0.999, 0)])
def test_uniform_draw_gives_each_a_third(uniform, drawn):
    lists = empty_lists(8, 3)
    for i, priority in enumerate([5.0, 1.0, 3.0]):
        push(lists, 0, priority, visits(i), (0, i), False)
    place = draw(lists, 0, uniform, False)
    assert np.flatnonzero(lists.last[0, place] >= 0).tolist() == [drawn]


def test_softmax_draw_follows_the_priorities():
    lists = empty_lists(2, 2)
    for i, priority in enumerate([-1000.0, -1000.0 + np.log(3.0)]):  # weights 1/4 and 3/4
        push(lists, 0, priority, visits(i, count=2), (0, i), False)
    drawn = [int(lists.last[0, draw(lists, 0, u, True)][1] >= 0) for u in (0.0, 0.2, 0.3, 0.99)]
    assert drawn == [0, 0, 1, 1]


def test_empty_list_draws_nothing():
    assert draw(empty_lists(2, 2), 1, 0.5, False) == -1


def paid_walk(codes, pay_on_resample):
    """The worked walk: tau* = {3,5,7} alone at code 3, which no other trajectory beats."""
    lists = empty_lists(8, 1)
    push(lists, 3, 1e9, visits(3, 5, 7), (99, 0), False)
    rules = WalkRules(5, pay_on_resample, softmax=False, dedup=False)
    slots = np.array([len(codes)])
    follows = walk(
        lists,
        rules,
        np.array([codes]),
        np.zeros((1, len(codes))),
        slots,
        slots,
        np.zeros(1, dtype=np.int64),
        np.zeros((1, 2)),
    )
    return np.flatnonzero(follows[0]).tolist()


@pytest.mark.parametrize("pay_on_resample", [True, False])
def test_walk_pays_changes_to_codes_of_the_reference(pay_on_resample):
    assert paid_walk([3, 3, 5, 7, 7, 2], pay_on_resample) == [1, 2]


def test_transition_into_a_drawing_slot_is_judged_by_the_reference_before():
    assert paid_walk([3, 3, 5, 7, 7, 5], pay_on_resample=True) == [1, 2, 4]
    assert paid_walk([3, 3, 5, 7, 7, 5], pay_on_resample=False) == [1, 2]


@pytest.mark.parametrize(("last", "paid"), [(9, [1, 2]), (2, [1]), (1, [])])
def test_in_order_a_code_must_still_be_ahead_in_the_reference(last, paid):
    lists = empty_lists(8, 1)
    push(lists, 3, 1e9, visits(3, 5, 7, slot=last), (99, 0), False)
    rules = WalkRules(5, pay_on_resample=True, softmax=False, dedup=False, in_order=True)
    codes = np.array([[3, 3, 5, 7]])  # 5 after two slots, 7 after three
    numbers = np.zeros((1, 4))
    one = np.zeros(1, dtype=np.int64)
    follows = walk(lists, rules, codes, numbers, one + 4, one, one, numbers[:, :1])
    assert np.flatnonzero(follows[0]).tolist() == paid


def test_a_code_s_deviation_is_that_of_its_returns():
    values = CodeValues(2, 3)
    values.push(np.array([0, 0, 0, 0]), np.array([9.0, 1.0, 2.0, 3.0]))
    assert values.deviations() == pytest.approx([np.sqrt(2 / 3), 0.0])
    assert values.held.tolist() == [3, 0]


def test_the_memory_keeps_the_newest_in_order():
    memory = ReturnMemory(4, 1)
    for first, count in ((0, 3), (3, 2), (5, 6)):
        numbers = np.arange(first, first + count)
        memory.add(numbers[:, None].astype(np.float32), numbers.astype(np.float64))
        states, returns = memory.all()
        expected = list(range(max(0, first + count - 4), first + count))
        assert returns.tolist() == expected
        assert states[:, 0].tolist() == expected


def due_at(start, interval, t_env, first=31, last=61):
    schedule = EpisodeInterval(start, interval)
    return [e for e in range(first, last) if schedule.due(Progress(t_env=t_env, episode=e))]


def test_interval_counts_episodes_once_past_the_start():
    assert due_at(50_000, 10, t_env=50_001) == [31, 41, 51]


def test_every_update_is_due_up_to_the_start():
    assert due_at(50_000, 10, t_env=50_000) == list(range(31, 61))


def test_interval_runs_during_warm_up_too():
    schedule = EpisodeInterval(50_000, 10)
    for episode in range(31, 47):
        schedule.due(Progress(t_env=50_000, episode=episode))
    assert schedule.last == 41
    now = [e for e in range(47, 70) if schedule.due(Progress(t_env=50_001, episode=e))]
    assert now == [51, 61]

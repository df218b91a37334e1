"""Schedules: how many updates are due, by hand."""

from __future__ import annotations

import pytest

from marl.protocols.loop import Progress
from marl.runners.offline import OfflineUpdatesConfig
from marl.runners.updates import ReplayUpdatesConfig, RolloutUpdates

NOW = Progress(t_env=100, episode=4, update=9)


def due(schedule, *rows: tuple[int, bool]) -> list[int]:
    """Updates due after each row of so many steps, with or without an episode's end."""
    return [schedule.after_row(steps, ended, ready=True) for steps, ended in rows]


def test_an_episode_brings_its_updates_when_it_ends():
    schedule = ReplayUpdatesConfig(per_episode=2.0).build()
    assert due(schedule, (5, True), (5, False), (3, True)) == [2, 0, 2]


def test_parts_of_an_update_add_up_over_rows():
    half = ReplayUpdatesConfig(per_episode=0.5).build()
    assert due(half, *[(1, True)] * 5) == [0, 1, 0, 1, 0]
    quarter = ReplayUpdatesConfig(per_episode=0.0, per_step=0.25).build()
    assert due(quarter, (3, False), (3, True), (3, False), (7, True)) == [0, 1, 1, 2]  # of 0.75 ...


def test_episodes_and_steps_add_up():
    both = ReplayUpdatesConfig(per_episode=1.0, per_step=0.5).build()
    assert due(both, (3, True), (1, False), (2, True)) == [2, 1, 2]  # 2.5, then 0.5 + 0.5, 2


def test_nothing_is_owed_for_what_came_before_the_first_batch():
    schedule = ReplayUpdatesConfig(per_episode=0.5).build()
    assert [schedule.after_row(9, True, ready=False) for _ in range(4)] == [0, 0, 0, 0]
    assert due(schedule, (9, True), (9, True)) == [0, 1]


def test_a_replay_owes_nothing_more_at_a_collections_end_and_counts_steps():
    schedule = ReplayUpdatesConfig().build()
    assert schedule.after_collection(NOW, ready=True) == []
    assert schedule.time_passed(steps=12, updates=3) == 12


def test_a_saved_schedule_owes_the_same():
    first, second = (ReplayUpdatesConfig(0.0, 0.25).build() for _ in range(2))
    due(first, (3, False))
    second.load_state_dict(first.state_dict())
    assert due(second, (1, False)) == due(first, (1, False)) == [1]


def test_a_rollout_is_learnt_from_once():
    schedule = RolloutUpdates()
    assert due(schedule, (3, True), (3, False)) == [0, 0]
    assert schedule.after_collection(NOW, ready=True) == [4]
    assert schedule.after_collection(NOW, ready=False) == []  # all episodes broke off
    assert schedule.time_passed(steps=12, updates=1) == 12


def test_offline_the_clock_counts_updates_and_each_stands_for_an_episode():
    schedule = OfflineUpdatesConfig(per_round=7).build()
    assert schedule.after_collection(NOW, ready=True) == [9, 10, 11, 12, 13, 14, 15]
    assert schedule.time_passed(steps=0, updates=7) == 7


@pytest.mark.parametrize("schedule", [RolloutUpdates(), OfflineUpdatesConfig().build()])
def test_schedules_that_owe_nothing_refuse_the_state_of_another(schedule):
    assert schedule.state_dict() == {}
    schedule.load_state_dict({})
    with pytest.raises(ValueError, match="due"):
        schedule.load_state_dict({"due": 0.5})

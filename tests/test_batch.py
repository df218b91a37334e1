"""EpisodeBatch: its layout, and what is cut, taken and added."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, VECTORS, random_batch

from marl.batch import WON, Column, EpisodeBatch, Layout, goal_columns, joined, layout_of
from marl.envs.goals import BitFlipConfig

LOG_PROB = Column("log_prob", "step", (3,), torch.float32)
GOAL = Column("goal", "slot", (2,), torch.float32)


def shapes(layout: Layout, batch: int, steps: int) -> dict[str, tuple[int, ...]]:
    return {name: tuple(column.empty(batch, steps).shape) for name, column in layout.items()}


def test_a_discrete_layout_has_a_mask_and_numbered_actions():
    layout = layout_of(SMALL)
    assert shapes(layout, 2, 4) == {
        "obs": (2, 5, 3, 6),
        "state": (2, 5, 7),
        "avail": (2, 5, 3, 5),
        "actions": (2, 4, 3),
        "reward": (2, 4, 1),
        "terminated": (2, 4, 1),
        "filled": (2, 4, 1),
        "started": (2,),
        "previous_actions": (2, 3),
        "episode": (2,),
    }
    assert layout["actions"].dtype == layout["previous_actions"].dtype == torch.int64


def test_a_continuous_layout_has_vectors_and_no_mask():
    layout = layout_of(VECTORS)
    assert "avail" not in layout
    assert layout["actions"] == Column("actions", "step", (1, 2), torch.float32)
    assert layout["previous_actions"].shape == (1, 2)


def test_columns_of_parts_stand_at_their_level():
    layout = layout_of(SMALL, [WON, LOG_PROB, GOAL])
    assert layout.names("episode") == ["started", "previous_actions", "episode", "won"]
    assert layout.names("slot") == ["obs", "state", "avail", "goal"]
    assert layout.names("step") == ["actions", "reward", "terminated", "filled", "log_prob"]
    assert {"won": (2,), "goal": (2, 5, 2), "log_prob": (2, 4, 3)}.items() <= shapes(
        layout, 2, 4
    ).items()


def test_goals_stand_at_each_slot():
    spec = BitFlipConfig(bits=2).build(1, 1).spec
    layout = layout_of(spec, goal_columns(spec))
    assert layout.names("slot") == ["obs", "state", "avail", "goal", "achieved_goal"]
    assert layout["goal"] == GOAL


def test_two_parts_may_ask_for_the_same_column():
    layout = layout_of(SMALL, [WON]).with_columns([WON, LOG_PROB])
    assert list(layout) == [*layout_of(SMALL), "won", "log_prob"]


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two different columns are called 'obs'"):
        layout_of(SMALL, [Column("obs", "step", (), torch.float32)])


def test_a_batch_of_zeros_is_padding_alone():
    batch = EpisodeBatch.zeros(layout_of(SMALL), 2, 3)
    assert (batch.size, batch.steps) == (2, 3)
    assert batch.lengths.tolist() == [0, 0]
    assert all(not tensor.any() for tensor in batch.columns.values())


def test_every_column_has_its_dtype():
    batch = EpisodeBatch.empty(layout_of(SMALL, [WON]), 1, 1)
    assert all(batch[name].dtype == column.dtype for name, column in batch.layout.items())


def test_lengths_count_steps_and_slots_are_one_more():
    batch = random_batch(SMALL, 2, lengths=[1, 3])
    assert batch.lengths.tolist() == [1, 3]
    assert batch.slots_filled.tolist() == [[True, True, False, False], [True] * 4]


def test_trim_cuts_to_the_longest_row_at_every_level():
    layout = layout_of(SMALL, [WON, LOG_PROB, GOAL])
    batch = random_batch(SMALL, 2, lengths=[9, 3], layout=layout)
    batch = batch.rows(1, 2)
    trimmed = batch.trim()
    assert (trimmed.size, trimmed.steps) == (1, 3)
    for name, column in layout.items():
        width = {"slot": 4, "step": 3}.get(column.level)
        expected = batch[name] if width is None else batch[name][:, :width]
        assert torch.equal(trimmed[name], expected), name
    assert trimmed.trim() is trimmed


def test_trim_leaves_a_step_where_there_is_none():
    assert EpisodeBatch.zeros(layout_of(SMALL), 2, 5).trim().steps == 1


def test_rows_are_views_and_keep_the_layout():
    batch = random_batch(SMALL, 3)
    part = batch.rows(1, 3)
    assert part.episode.tolist() == [1, 2]
    assert part.layout is batch.layout
    part.reward.zero_()
    assert not batch.reward[1:].any()
    assert batch.reward[0].any()


def test_columns_may_be_added_step_by_step():
    batch = random_batch(SMALL, 2, lengths=[9, 4])
    returns, counts = torch.rand(2, 9, 1), torch.ones(2, 9, 3, dtype=torch.int64)
    wider = batch.with_steps(returns=returns, counts=counts)
    assert wider.layout["returns"] == Column("returns", "step", (1,), torch.float32)
    assert wider.layout["counts"] == Column("counts", "step", (3,), torch.int64)
    assert torch.equal(wider.rows(1, 2).trim()["returns"], returns[1:, :4])
    assert wider.obs is batch.obs
    assert "returns" not in batch.layout


def test_joined_batches_are_padded_to_the_longest():
    first, second = random_batch(SMALL, 2, lengths=[3, 1]), random_batch(SMALL, 1, lengths=[7])
    whole = joined([first, second])
    assert whole.lengths.tolist() == [3, 1, 7]
    assert torch.equal(whole.obs[:2, :4], first.obs)
    assert torch.equal(whole.reward[2], second.reward[0])
    assert whole.state[1, 2:].abs().sum() == 0
    assert whole.episode.tolist() == [0, 1, 0]

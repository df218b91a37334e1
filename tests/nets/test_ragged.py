"""Rectangles over a staircase of episodes."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from marl.nets.ragged import Chunk, chunks, map_chunks


def test_sorted_lengths_are_covered_step_by_step():
    assert chunks(torch.tensor([9, 5, 5, 2]), 9) == [Chunk(0, 2, 4), Chunk(2, 5, 3), Chunk(5, 9, 1)]


def test_equal_lengths_are_one_rectangle():
    assert chunks(torch.tensor([7, 7, 7]), 7) == [Chunk(0, 7, 3)]


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=9))
def test_every_real_column_of_every_row_is_covered_once(lengths):
    columns = max(lengths)
    covered = torch.zeros(len(lengths), columns)
    for start, stop, rows in chunks(torch.tensor(lengths), columns):
        covered[:rows, start:stop] += 1
    assert covered.max() == 1
    for row, length in enumerate(lengths):
        assert (covered[row, :length] == 1).all()


def test_function_is_applied_inside_and_zero_stands_outside():
    parts = chunks(torch.tensor([4, 1]), 4)
    result = map_chunks(torch.add, parts, torch.ones(2, 4, 3), torch.ones(2, 4, 3))
    assert result[0].tolist() == [[2.0] * 3] * 4
    assert result[1, 1:].abs().sum() == 0

"""Work on rows of different lengths: the same as a loop over the rows."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from marl.nets.packed import Packed

COLUMNS = 12
row_lengths = st.lists(st.integers(1, COLUMNS), min_size=1, max_size=9)


def test_columns_lie_by_time_and_the_longest_row_first():
    packed = Packed(torch.tensor([1, 3, 2]), 4)
    values = torch.tensor([[10, 0, 0, 0], [20, 21, 22, 0], [30, 31, 0, 0]])
    assert packed.pack(values).tolist() == [20, 30, 10, 21, 31, 22]
    assert packed.sizes.tolist() == [3, 2, 1]


def test_function_is_applied_inside_and_zero_stands_outside():
    ones = torch.ones(2, 4, 3)
    packed = Packed(torch.tensor([1, 4]), 4)
    result = packed.unpack(packed.pack(ones) + packed.pack(ones))
    assert result[0].tolist() == [[2.0] * 3] + [[0.0] * 3] * 3
    assert result[1].tolist() == [[2.0] * 3] * 4


@settings(deadline=None)
@given(row_lengths)
def test_every_real_column_of_every_row_is_there_once(lengths):
    numbers = torch.arange(len(lengths) * COLUMNS).view(-1, COLUMNS)
    found = Packed(torch.tensor(lengths), COLUMNS).pack(numbers)
    real = [row * COLUMNS + column for row, end in enumerate(lengths) for column in range(end)]
    assert sorted(found.tolist()) == real


def scaled(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum(-1, keepdim=True).tanh()


@settings(deadline=None, max_examples=30, derandomize=True)
@given(row_lengths)
def test_work_on_packed_columns_is_the_loop_over_the_rows_gradients_too(lengths):
    torch.manual_seed(0)
    values, weights = torch.rand(2, len(lengths), COLUMNS, 3, dtype=torch.float64)
    values.requires_grad_()
    packed = Packed(torch.tensor(lengths), COLUMNS)
    result = packed.unpack(scaled(packed.pack(values), packed.pack(weights)))
    expected = torch.zeros_like(result)
    for row, end in enumerate(lengths):
        expected[row, :end] = scaled(values[row, :end], weights[row, :end])
    assert torch.equal(result, expected)
    (grad,) = torch.autograd.grad(result.square().sum(), values)
    (naive,) = torch.autograd.grad(expected.square().sum(), values)
    assert torch.allclose(grad, naive, atol=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(1, COLUMNS - 1), min_size=1, max_size=9))
def test_steps_have_the_slots_before_and_after_them(lengths):
    slots = Packed(torch.tensor(lengths) + 1, COLUMNS)
    steps = slots.steps()
    numbers = torch.arange(len(lengths) * COLUMNS).view(-1, COLUMNS)  # of the slots
    packed = slots.pack(numbers)
    before = steps.before(packed)
    real = [row * COLUMNS + slot for row, end in enumerate(lengths) for slot in range(end)]
    assert sorted(before.tolist()) == real
    assert torch.equal(steps.after(packed), before + 1)
    assert torch.equal(steps.pack(numbers[:, :-1]), before)  # a column of steps
    assert torch.equal(steps.pack(numbers, shift=1), before + 1)
    inside = torch.arange(COLUMNS - 1) < torch.tensor(lengths)[:, None]
    assert torch.equal(steps.unpack(before), numbers[:, :-1] * inside)

"""Work on rows of different lengths: in any order the same as a loop over the rows."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from marl.nets.ragged import Chunk, Ragged, chunks

COLUMNS = 12
row_lengths = st.lists(st.integers(1, COLUMNS), min_size=1, max_size=9)


def test_sorted_lengths_are_covered_step_by_step():
    assert chunks(torch.tensor([9, 5, 5, 2]), 9) == [Chunk(0, 2, 4), Chunk(2, 5, 3), Chunk(5, 9, 1)]


def test_equal_lengths_are_one_rectangle():
    assert chunks(torch.tensor([7, 7, 7]), 7) == [Chunk(0, 7, 3)]


@settings(deadline=None)
@given(row_lengths)
def test_every_real_column_of_every_row_is_covered_once(lengths):
    columns = max(lengths)
    covered = torch.zeros(len(lengths), columns)
    for start, stop, rows in chunks(torch.tensor(lengths), columns):
        covered[:rows, start:stop] += 1
    assert covered.max() == 1
    for row, length in enumerate(lengths):
        assert (covered[row, :length] == 1).all()


def test_function_is_applied_inside_and_zero_stands_outside():
    ones = torch.ones(2, 4, 3)
    result = Ragged(torch.tensor([1, 4]), 4).map(torch.add, ones, ones)
    assert result[0].tolist() == [[2.0] * 3] + [[0.0] * 3] * 3
    assert result[1].tolist() == [[2.0] * 3] * 4


def test_rows_are_put_in_falling_order_and_back():
    ragged, heights = Ragged(torch.tensor([2, 5, 1, 5]), 5), []
    rows = torch.arange(4.0)[:, None].expand(4, 5)

    def seen(part: Tensor) -> Tensor:
        heights.append(part[:, 0].tolist())
        return part

    restored = ragged.map(seen, rows)
    assert heights[0] == [1.0, 3.0, 0.0, 2.0]  # those of one length keep their order
    assert restored[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_falling_rows_are_left_where_they_are():
    assert Ragged(torch.tensor([5, 5, 2]), 5).order is None


def scaled(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum(-1, keepdim=True).tanh()


def summed(hidden: Tensor, values: Tensor, cell: nn.GRU) -> tuple[Tensor, Tensor]:
    """values [t,b,3], hidden [b,4] -> [t,b,4], [b,4]."""
    outputs, last = cell(values, hidden[None])
    return outputs, last[0]


def masked(result: Tensor, lengths: list[int]) -> Tensor:
    """What stands in the rows' own columns; elsewhere anything may stand."""
    inside = torch.arange(COLUMNS) < torch.tensor(lengths)[:, None]
    return result * inside[..., None]


@settings(deadline=None, max_examples=30, derandomize=True)
@given(row_lengths)
def test_map_is_the_loop_over_the_rows_gradients_too(lengths):
    torch.manual_seed(0)
    values, weights = torch.rand(2, len(lengths), COLUMNS, 3, dtype=torch.float64)
    values.requires_grad_()
    weights.requires_grad_()
    result = masked(Ragged(torch.tensor(lengths), COLUMNS).map(scaled, values, weights), lengths)
    plain = torch.zeros(len(lengths), COLUMNS, 1, dtype=torch.float64)
    for row, length in enumerate(lengths):
        plain[row, :length] = scaled(values[row, :length], weights[row, :length])
    assert torch.allclose(result, plain, rtol=0, atol=1e-12)
    ours = torch.autograd.grad(result.square().sum(), [values, weights])
    theirs = torch.autograd.grad(plain.square().sum(), [values, weights])
    for one, two in zip(ours, theirs, strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(row_lengths)
def test_scan_is_the_loop_over_rows_and_columns_gradients_too(lengths):
    torch.manual_seed(0)
    cell = nn.GRU(3, 4).double()
    values = torch.rand(len(lengths), COLUMNS, 3, dtype=torch.float64, requires_grad=True)
    start = torch.rand(1, 4, dtype=torch.float64).expand(len(lengths), 4)  # the same for all rows

    def run(hidden: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
        return summed(hidden, part, cell)

    result = masked(Ragged(torch.tensor(lengths), COLUMNS).scan(run, start, values), lengths)
    plain = torch.zeros(len(lengths), COLUMNS, 4, dtype=torch.float64)
    for row, length in enumerate(lengths):
        hidden = start[:1]
        for column in range(length):
            here = values[row : row + 1, column : column + 1].transpose(0, 1)
            found, hidden = summed(hidden, here, cell)
            plain[row, column] = found[0, 0]
    assert torch.allclose(result, plain, rtol=0, atol=1e-12)
    inputs = [values, *cell.parameters()]
    ours = torch.autograd.grad(result.square().sum(), inputs)
    theirs = torch.autograd.grad(plain.square().sum(), inputs)
    for one, two in zip(ours, theirs, strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-11)

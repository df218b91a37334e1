"""Finite scalar quantisation: levels, numbers of codes and gradients by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import tensor

from marl.quantizers.fsq import MOST_LEVELS, FiniteScalarQuantizer


def test_an_odd_number_of_levels_lies_evenly_around_zero():
    found = FiniteScalarQuantizer([3]).quantize(
        tensor([[-9.0], [-0.5], [0.0], [0.5], [0.6], [9.0]])
    )
    # tanh(0.5) * 0.999 = 0.46 rounds to 0, tanh(0.6) * 0.999 = 0.54 to 1
    assert found.vectors.flatten().tolist() == [-1.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    assert found.indices.tolist() == [0, 1, 1, 1, 2, 2]


def test_an_even_number_of_levels_has_one_more_below_zero():
    quantizer = FiniteScalarQuantizer([4])
    # h = 1.4985; tanh(z + tan(1 / 2.997)) * h - 1/2 is -2.0, -0.9, -0.0004, 0.7 and 1.0
    z = tensor([[-9.0], [-0.61], [0.0], [0.8], [9.0]])
    bounded = quantizer.bound(z).flatten().tolist()
    shift = math.tan(0.5 / 1.4985)
    by_hand = [math.tanh(number + shift) * 1.4985 - 0.5 for number in z.flatten().tolist()]
    assert bounded == pytest.approx(by_hand, abs=1e-6)
    found = quantizer.quantize(z)
    assert found.vectors.flatten().tolist() == [-1.0, -0.5, 0.0, 0.5, 0.5]
    assert found.indices.tolist() == [0, 1, 2, 3, 3]


def test_a_codes_number_has_the_dimensions_as_digits():
    quantizer = FiniteScalarQuantizer([3, 4, 2])
    assert quantizer.n_codes == 24
    low, high = -9.0, 9.0
    corners = tensor([[low, low, low], [high, low, low], [low, high, low], [low, low, high]])
    assert quantizer.encode(corners).tolist() == [0, 2, 3 * 3, 3 * 4 * 1]
    assert quantizer.encode(torch.full((3,), high)).item() == 23
    assert quantizer.look_up(tensor(23)).tolist() == [1.0, 0.5, 0.0]
    assert quantizer.look_up(tensor(1)).tolist() == [0.0, -1.0, -1.0]


@pytest.mark.parametrize("levels", [[2], [2, 3, 4, 5], [8, 5, 5, 5], [7, 6], [MOST_LEVELS]])
def test_every_code_is_reached(levels):
    quantizer = FiniteScalarQuantizer(levels)
    steps = 40_000 if levels == [MOST_LEVELS] else 200
    axes = []
    for d, count in enumerate(levels):  # a point for each level of the dimension
        line = torch.zeros(steps, len(levels))
        line[:, d] = torch.linspace(-9, 9, steps)
        values = quantizer.quantize(line).vectors[:, d]
        assert len(values.unique()) == count
        axes.append([line[values == value][0, d] for value in values.unique()])
    grid = tensor([[float(number) for number in point] for point in itertools.product(*axes)])
    found = quantizer.quantize(grid)
    assert sorted(found.indices.tolist()) == list(range(math.prod(levels)))
    assert torch.equal(quantizer.look_up(found.indices), found.vectors)


def test_the_gradient_passes_the_rounding_but_not_the_bound():
    z = tensor([[0.0, 0.0], [1.0, -0.61]], requires_grad=True)
    FiniteScalarQuantizer([3, 4]).quantize(z).vectors.sum().backward()
    shift = math.tan(0.5 / 1.4985)

    def slope(number: float, reach: float, half_width: int) -> float:
        return (1 - math.tanh(number) ** 2) * reach / half_width

    expected = [
        [slope(0.0, 0.999, 1), slope(shift, 1.4985, 2)],
        [slope(1.0, 0.999, 1), slope(-0.61 + shift, 1.4985, 2)],
    ]
    assert expected[0][0] == 0.999
    torch.testing.assert_close(z.grad, tensor(expected), rtol=0, atol=1e-6)


def test_nothing_of_it_is_learnt_or_saved():
    quantizer = FiniteScalarQuantizer([3, 4])
    assert list(quantizer.parameters()) == []
    assert quantizer.state_dict() == {}


@pytest.mark.parametrize(
    ("levels", "line"),
    [
        ([], r"levels: each must be within 2\.\.1000, not \[\]"),
        ([8, 1], r"not \[8, 1\]"),
        ([1001], r"not \[1001\]"),
        ([1000] * 7, r"1e\+21 codes can't be numbered"),
    ],
)
def test_levels_that_cannot_be_are_refused(levels, line):
    with pytest.raises(ValueError, match=line):
        FiniteScalarQuantizer(levels)

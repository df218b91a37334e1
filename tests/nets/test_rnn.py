"""Our GRU over packed rows: torch's numbers and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from marl.compiled.lanes import LANES
from marl.nets.gru import gru

SIZES = torch.tensor([13, 13, 8, 7, 1, 1, 1])  # more than two tiles of rows, and odd ones
INPUTS = 5


def of_torch(memory: nn.GRU, inputs: Tensor, sizes: Tensor) -> Tensor:
    return memory(PackedSequence(inputs, sizes))[0].data


def gradients(memory: nn.GRU, inputs: Tensor, output: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    loss = (output * torch.randn(output.shape)).sum()
    return list(torch.autograd.grad(loss, [inputs, *memory.parameters()]))


@pytest.mark.parametrize("size", [LANES, 3 * LANES, 64, LANES - 1])
def test_values_and_gradients_are_those_of_torch(size):
    torch.manual_seed(0)
    memory = nn.GRU(INPUTS, size)
    inputs = (3.0 * torch.randn(int(SIZES.sum()), INPUTS)).requires_grad_()
    ours, theirs = gru(memory, inputs, SIZES), of_torch(memory, inputs, SIZES)
    assert torch.allclose(ours, theirs, atol=1e-6)
    pairs = zip(gradients(memory, inputs, ours), gradients(memory, inputs, theirs), strict=True)
    for one, other in pairs:
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def test_without_gradients_the_values_are_the_same():
    torch.manual_seed(0)
    memory, inputs = nn.GRU(INPUTS, 2 * LANES), torch.randn(int(SIZES.sum()), INPUTS)
    with torch.no_grad():
        blind = gru(memory, inputs, SIZES)
    assert torch.equal(blind, gru(memory, inputs, SIZES))


def test_a_row_does_not_depend_on_the_rows_beside_it():
    torch.manual_seed(0)
    memory, inputs = nn.GRU(INPUTS, 2 * LANES), torch.randn(7 * 9, INPUTS)
    together = gru(memory, inputs, torch.full((9,), 7)).view(9, 7, -1)
    for row in range(7):
        alone = gru(memory, inputs.view(9, 7, -1)[:, row], torch.ones(9, dtype=torch.int64))
        assert torch.allclose(alone, together[:, row], atol=1e-6)


def test_extreme_inputs_saturate():
    memory = nn.GRU(1, LANES)
    inputs = torch.tensor([[1e6], [-1e6], [1e38], [-1e38]], requires_grad=True)
    output = gru(memory, inputs, torch.tensor([4]))
    assert torch.allclose(output, of_torch(memory, inputs, torch.tensor([4])), atol=1e-6)
    assert all(torch.isfinite(grad).all() for grad in gradients(memory, inputs, output))


def test_not_a_number_stays_to_the_end_of_its_row():
    memory, inputs = nn.GRU(1, LANES), torch.tensor([[torch.nan], [0.0]])
    output = gru(memory, inputs, torch.tensor([1, 1]))
    assert output.isnan().all()

"""Our recurrent agent over packed rows: torch's numbers and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from marl.compiled.lanes import LANES
from marl.nets.agents import RnnAgent
from marl.nets.rnn_kernel import BLOCK

# Several blocks; more than two tiles of rows, and odd ones.
SIZES = torch.tensor([BLOCK + 1, 40, 40, 13, 13, 8, 7, 1, 1, 1])
ROWS, INPUTS, OUTPUTS = int(SIZES.sum()), 5, 3


def of_torch(agent: RnnAgent, inputs: Tensor, sizes: Tensor) -> Tensor:
    encoded = torch.relu(agent.encoder(inputs))
    return agent.head(agent.memory(PackedSequence(encoded, sizes))[0].data)


def gradients(agent: RnnAgent, inputs: Tensor, output: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    loss = (output * torch.randn(output.shape)).sum()
    return list(torch.autograd.grad(loss, [inputs, *agent.parameters()]))


@pytest.mark.parametrize("size", [LANES, 3 * LANES, 64, LANES - 1])
@pytest.mark.parametrize("outputs", [OUTPUTS, 70])
def test_values_and_gradients_are_those_of_torch(size, outputs):
    torch.manual_seed(0)
    agent = RnnAgent(INPUTS, outputs, size)
    inputs = (3.0 * torch.randn(ROWS, INPUTS)).requires_grad_()
    ours, theirs = agent.unroll(inputs, SIZES), of_torch(agent, inputs, SIZES)
    assert torch.allclose(ours, theirs, atol=1e-6)
    pairs = zip(gradients(agent, inputs, ours), gradients(agent, inputs, theirs), strict=True)
    for one, other in pairs:
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def test_without_gradients_the_values_are_the_same():
    torch.manual_seed(0)
    agent, inputs = RnnAgent(INPUTS, OUTPUTS, 2 * LANES), torch.randn(ROWS, INPUTS)
    with torch.no_grad():
        blind = agent.unroll(inputs, SIZES)
    assert torch.equal(blind, agent.unroll(inputs, SIZES))


def test_a_row_does_not_depend_on_the_rows_beside_it():
    torch.manual_seed(0)
    agent, inputs = RnnAgent(INPUTS, OUTPUTS, 2 * LANES), torch.randn(7 * 9, INPUTS)
    together = agent.unroll(inputs, torch.full((9,), 7)).view(9, 7, -1)
    for row in range(7):
        alone = agent.unroll(inputs.view(9, 7, -1)[:, row], torch.ones(9, dtype=torch.int64))
        assert torch.allclose(alone, together[:, row], atol=1e-6)


def test_slot_by_slot_gives_the_same():
    torch.manual_seed(0)
    agent, inputs = RnnAgent(INPUTS, OUTPUTS, LANES), torch.randn(9, 4, INPUTS)
    together = agent.unroll(inputs.flatten(0, 1), torch.full((9,), 4)).view(9, 4, -1)
    carry = torch.zeros(4, LANES)
    for slot in range(9):
        outputs, carry = agent(inputs[slot], carry)
        assert torch.allclose(outputs, together[slot], atol=1e-6)


def test_extreme_inputs_saturate():
    torch.manual_seed(0)
    agent, sizes = RnnAgent(1, OUTPUTS, LANES), torch.tensor([4])
    inputs = torch.tensor([[1e6], [-1e6], [1e38], [-1e38]], requires_grad=True)
    output = agent.unroll(inputs, sizes)
    assert torch.allclose(output, of_torch(agent, inputs, sizes), atol=1e-6)
    assert all(torch.isfinite(grad).all() for grad in gradients(agent, inputs, output)[1:3])


def test_not_a_number_stays_to_the_end_of_its_row():
    agent, inputs = RnnAgent(1, OUTPUTS, LANES), torch.tensor([[torch.nan], [0.0]])
    assert agent.unroll(inputs, torch.tensor([1, 1])).isnan().all()

"""Dueling networks: the formula by hand, and both kinds of agents against it."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, random_batch

from marl.controllers.shared import SharedController
from marl.nets.agents import MlpConfig
from marl.nets.dueling import (
    DuelingLayers,
    DuelingRnnAgent,
    ValueMlpConfig,
    ValueRnnConfig,
    dueling_values,
)


def test_the_mean_advantage_is_taken_off():
    values = dueling_values(torch.tensor([1.0]), torch.tensor([1.0, 2.0, 3.0]))
    assert values.tolist() == [0.0, 1.0, 2.0]


def test_the_mean_value_of_all_actions_is_v_available_or_not():
    torch.manual_seed(0)
    agent = ValueMlpConfig(dueling=True).build(6, 5)
    inputs = torch.randn(4, 6)
    values, carry = agent(inputs, torch.zeros(4, 1))
    expected = agent.layers.value(agent.layers.trunk(inputs))[:, 0]
    assert torch.allclose(values.mean(-1), expected, atol=1e-6)
    assert torch.equal(carry, torch.zeros(4, 1))


def test_streams_of_a_perceptron_have_a_hidden_layer_each():
    agent = ValueMlpConfig(hidden_dims=(32, 16), dueling=True).build(6, 5)
    shapes = {name: tuple(parameter.shape) for name, parameter in agent.named_parameters()}
    weights = {name: shape for name, shape in shapes.items() if len(shape) == 2}
    assert list(weights.values()) == [(32, 6), (16, 32), (1, 16), (16, 32), (5, 16)]
    alone = ValueMlpConfig(hidden_dims=(16,), dueling=True).build(6, 5).layers
    assert [len(list(part.parameters())) for part in alone.children()] == [0, 4, 4]


@pytest.mark.parametrize("config", [ValueMlpConfig(dueling=True), ValueRnnConfig(dueling=True)])
def test_steps_one_by_one_are_those_of_an_unroll(config):
    torch.manual_seed(0)
    controller = SharedController(SMALL, config)
    batch = random_batch(SMALL, 3, lengths=[9, 4, 1])
    values = controller.unroll(batch)  # [B,T+1,A,U]
    carry = controller.initial_carry(3)
    for slot in range(batch.steps + 1):
        stepped, hidden = controller.step(batch.obs[:, slot], carry)
        real = batch.slots_filled[:, slot]
        assert torch.allclose(stepped[real], values[real, slot], atol=1e-6), slot
        if slot < batch.steps:
            carry = controller.next_carry(hidden, batch.actions[:, slot])


def test_without_dueling_the_networks_are_the_plain_ones():
    torch.manual_seed(0)
    plain = MlpConfig().build(6, 5)
    torch.manual_seed(0)
    same = ValueMlpConfig().build(6, 5)
    assert not isinstance(same.layers, DuelingLayers)
    assert not isinstance(ValueRnnConfig().build(6, 5), DuelingRnnAgent)
    for one, other in zip(plain.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)

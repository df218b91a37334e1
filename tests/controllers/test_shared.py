"""The shared controller: what agents are told, and that acting equals learning."""

from __future__ import annotations

import pytest
import torch
from builders import SMALL, VECTORS, random_batch

from marl.controllers.shared import SharedController
from marl.nets.agents import RnnConfig


def test_inputs_are_observation_then_last_action_then_agent_number():
    controller = SharedController(SMALL, RnnConfig())
    previous, started = torch.tensor([[2, 0, 4], [0, 0, 0]]), torch.tensor([False, True])
    inputs = controller.inputs(torch.zeros(2, 3, 6), previous, started)
    assert inputs.shape == (2, 3, 6 + 5 + 3)
    assert inputs[0, 0, 6:].tolist() == [0, 0, 1, 0, 0, 1, 0, 0]
    assert inputs[0, 1, 6:].tolist() == [1, 0, 0, 0, 0, 0, 1, 0]
    assert inputs[0, 2, 6:].tolist() == [0, 0, 0, 0, 1, 0, 0, 1]
    assert inputs[1, 0, 6:].tolist() == [0, 0, 0, 0, 0, 1, 0, 0]  # no last action: all zeros


def test_a_last_action_that_is_a_vector_is_told_as_it_is():
    controller = SharedController(VECTORS, RnnConfig(), outputs=4)
    previous = torch.tensor([[[-1.5, 0.25]], [[-1.5, 0.25]]])
    inputs = controller.inputs(torch.zeros(2, 1, 6), previous, torch.tensor([False, True]))
    assert inputs[:, 0, 6:].tolist() == [[-1.5, 0.25, 1.0], [0.0, 0.0, 1.0]]


def test_agent_id_and_last_action_can_be_left_out():
    controller = SharedController(SMALL, RnnConfig(agent_id=False, last_action=False))
    obs = torch.rand(2, 3, 6)
    none = torch.zeros(2, 3, dtype=torch.int64)
    assert controller.inputs(obs, none, torch.ones(2, dtype=torch.bool)) is obs


def test_acting_step_by_step_equals_the_unrolled_values():
    controller = SharedController(SMALL, RnnConfig())
    batch = random_batch(SMALL, 4)
    unrolled = controller.unroll(batch)
    carry = controller.initial_carry(4)
    assert carry["started"].all()
    for slot in range(batch.steps + 1):
        values, hidden = controller.step(batch.obs[:, slot], carry)
        assert torch.allclose(values, unrolled[:, slot], atol=1e-6)
        if slot < batch.steps:
            started = torch.zeros(4, dtype=torch.bool)
            carry = {"hidden": hidden, "actions": batch.actions[:, slot], "started": started}


@pytest.mark.parametrize("spec", [SMALL, VECTORS], ids=["discrete", "continuous"])
def test_a_slice_is_told_the_action_before_it_and_a_start_none(spec):
    controller = SharedController(spec, RnnConfig(), outputs=2)
    batch = random_batch(spec, 2)
    batch.previous_actions[1] = batch.actions[1, 5]  # of the row that goes on
    batch.started[1] = False
    outputs = controller.unroll(batch)
    carry = controller.initial_carry(2)
    carry["actions"], carry["started"] = batch.previous_actions, batch.started
    assert torch.allclose(outputs[:, 0], controller.step(batch.obs[:, 0], carry)[0], atol=1e-6)
    batch.started[1] = True
    assert not torch.allclose(outputs[1, 0], controller.unroll(batch)[1, 0], atol=1e-6)

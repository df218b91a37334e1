"""The shared controller: what agents are told, and that acting equals learning."""

from __future__ import annotations

import torch
from builders import SMALL, random_batch

from marl.controllers.shared import SharedController
from marl.nets.agents import RnnConfig


def test_inputs_are_observation_then_last_action_then_agent_number():
    controller = SharedController(SMALL, RnnConfig())
    inputs = controller.inputs(torch.zeros(1, 3, 6), torch.tensor([[2, -1, 0]]))
    assert inputs.shape == (1, 3, 6 + 5 + 3)
    assert inputs[0, 0, 6:].tolist() == [0, 0, 1, 0, 0, 1, 0, 0]
    assert inputs[0, 1, 6:].tolist() == [0, 0, 0, 0, 0, 0, 1, 0]  # no last action: all zeros
    assert inputs[0, 2, 6:].tolist() == [1, 0, 0, 0, 0, 0, 0, 1]


def test_agent_id_and_last_action_can_be_left_out():
    controller = SharedController(SMALL, RnnConfig(agent_id=False, last_action=False))
    obs = torch.rand(2, 3, 6)
    assert controller.inputs(obs, torch.zeros(2, 3, dtype=torch.int64)) is obs


def test_acting_step_by_step_equals_the_unrolled_values():
    controller = SharedController(SMALL, RnnConfig())
    batch = random_batch(SMALL, 4)
    unrolled = controller.unroll(batch)
    carry = controller.initial_carry(4)
    last = batch.previous_actions
    for slot in range(batch.steps + 1):
        values, carry = controller.step(batch.obs[:, slot], last, carry)
        assert torch.allclose(values, unrolled[:, slot], atol=1e-6)
        if slot < batch.steps:
            last = batch.actions[:, slot]

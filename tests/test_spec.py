"""Specs: what an action is, and how wide."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import SMALL, STALKERS, VECTORS

from marl.envs.goals import BitFlipConfig
from marl.spec import Continuous, spec_from, spec_state


def test_discrete_actions_have_a_number():
    assert (SMALL.n_actions, SMALL.action_width) == (5, 5)


def test_vectors_have_a_width_and_no_number():
    assert VECTORS.action_width == VECTORS.action.dim == 2
    with pytest.raises(TypeError, match="test/vectors: continuous actions have no number"):
        _ = VECTORS.n_actions


def test_actions_are_clipped_to_their_bounds():
    clipped = VECTORS.action.clip(np.array([[-3.0, 0.25], [1.5, 0.75]], dtype=np.float32))
    assert clipped.tolist() == [[-2.0, 0.25], [1.5, 0.5]]
    assert clipped.dtype == np.float32


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ((0.0,), (1.0, 2.0), "bounds of 1 and 2 numbers"),
        ((), (), "bounds of 0 and 0 numbers"),
        ((0.0, 1.0), (1.0, 1.0), "each low must be below its high"),
        ((0.0,), (float("inf"),), "must be finite"),
        ((float("nan"),), (1.0,), "each low must be below its high"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(low, high, said):
    with pytest.raises(ValueError, match=said):
        Continuous(low, high)


@pytest.mark.parametrize("spec", [SMALL, STALKERS, VECTORS])
def test_a_spec_comes_back_from_a_checkpoint(spec):
    file = io.BytesIO()
    torch.save(spec_state(spec), file)
    file.seek(0)
    assert spec_from(torch.load(file, weights_only=True)) == spec


def test_a_spec_that_is_more_than_numbers_is_not_for_a_checkpoint():
    assert spec_state(BitFlipConfig(bits=3).build(1, 1).spec) is None


def test_a_goals_size_and_its_values_go_together():
    spec = BitFlipConfig(bits=3).build(1, 1).spec
    assert spec == BitFlipConfig(bits=3).build(2, 1).spec  # whoever computes the values
    assert SMALL.goal_dim == 0
    for wrong in ({"goal_dim": 0}, {"goals": None}):
        with pytest.raises(ValueError, match=r"bit_flip/3: goal_dim=[03] and goals go together"):
            replace(spec, **wrong)


def test_a_goal_that_observations_cannot_end_with_is_refused():
    spec = BitFlipConfig(bits=3).build(1, 1).spec
    with pytest.raises(ValueError, match="state of 2 numbers can't end with a goal of 3"):
        replace(spec, state_dim=2)

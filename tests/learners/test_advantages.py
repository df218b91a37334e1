"""Generalised advantage estimates, by the numbers of a hand-computed row."""

from __future__ import annotations

import pytest
import torch

from marl.learners.advantages import gae, normalised
from marl.learners.value_norm import ValueNorm

REWARD = torch.tensor([1.0, 0.0, 2.0]).view(1, 3, 1)
VALUES = torch.tensor([0.5, 0.4, 0.3, 0.2]).view(1, 4, 1)
ALIVE = torch.zeros(1, 3, 1, dtype=torch.bool)
FILLED = torch.ones(1, 3, 1, dtype=torch.bool)


@pytest.mark.parametrize(
    ("lam", "expected"),
    [
        (0.8, [1.740992, 1.2236, 1.88]),
        (0.0, [0.86, -0.13, 1.88]),
        (1.0, [2.2658, 1.562, 1.88]),
    ],
)
def test_a_row_of_three_steps(lam, expected):
    found = gae(REWARD, ALIVE, FILLED, VALUES, gamma=0.9, lam=lam)
    assert found.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_a_terminated_step_has_no_value_after_it_and_a_cut_off_one_has():
    ended = ALIVE.clone()
    ended[0, 2] = True
    found = gae(REWARD, ended, FILLED, VALUES, gamma=0.9, lam=0.0)
    assert found[0, 2].item() == pytest.approx(2.0 - 0.3)
    cut_off = gae(REWARD, ALIVE, FILLED, VALUES, gamma=0.9, lam=0.0)
    assert cut_off[0, 2].item() == pytest.approx(2.0 + 0.9 * 0.2 - 0.3)


def test_padding_has_no_advantage_and_gives_none():
    padded = [torch.cat([t, torch.full_like(t[:, :1], 7)], dim=1) for t in (REWARD, VALUES)]
    filled = torch.tensor([True, True, True, False]).view(1, 4, 1)
    ended = torch.zeros(1, 4, 1, dtype=torch.bool)
    found = gae(padded[0], ended, filled, padded[1], gamma=0.9, lam=0.8)
    assert found.flatten().tolist() == pytest.approx([1.740992, 1.2236, 1.88, 0.0], abs=1e-6)


def test_agents_have_advantages_of_their_own_values():
    values = torch.cat([VALUES, VALUES + 1.0], dim=-1)  # [1,4,2]
    found = gae(REWARD, ALIVE, FILLED, values, gamma=1.0, lam=0.0)
    assert torch.allclose(found[..., 0], found[..., 1])  # a constant cancels where gamma is 1


def test_only_masked_numbers_are_normalised():
    mask = torch.tensor([True, True, True, False])
    found = normalised(torch.tensor([1.0, 2.0, 3.0, 100.0]), mask)
    assert found[mask].mean().item() == pytest.approx(0.0, abs=1e-6)
    assert found[mask].std(correction=0).item() == pytest.approx(1.0, abs=1e-6)


def test_value_norm_knows_mean_and_deviation_after_the_first_targets():
    norm = ValueNorm()
    assert norm.normalise(torch.tensor(3.0)).item() == 3.0
    norm.update(torch.tensor([1.0, 5.0]))
    mean, deviation = norm.statistics()
    assert mean.item() == pytest.approx(3.0, rel=1e-4)
    assert deviation.item() == pytest.approx(2.0, rel=1e-4)
    values = torch.randn(5)
    assert torch.allclose(norm.denormalise(norm.normalise(values)), values, atol=1e-5)

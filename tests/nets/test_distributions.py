"""Distributions over actions beside torch's own."""

from __future__ import annotations

import pytest
import torch

from marl.nets.distributions import Categorical, Gaussian, distribution_of
from marl.spec import Continuous, Discrete

AVAIL = torch.tensor([[True, False, True, True], [False, True, False, False]])
OUTPUTS = torch.tensor([[0.5, 9.0, -1.0, 0.2], [1.0, 2.0, 3.0, 4.0]])


def test_the_kind_of_action_chooses_the_distribution():
    assert isinstance(distribution_of(Discrete(3)), Categorical)
    assert isinstance(distribution_of(Continuous((0.0,), (1.0,))), Gaussian)


def test_categorical_is_torchs_over_the_available_actions():
    mine = Categorical(4)
    theirs = torch.distributions.Categorical(logits=OUTPUTS.masked_fill(~AVAIL, -1e9))
    actions = torch.tensor([2, 1])
    assert torch.allclose(mine.log_prob(OUTPUTS, AVAIL, actions), theirs.log_prob(actions))
    assert torch.allclose(mine.entropy(OUTPUTS, AVAIL), theirs.entropy(), atol=1e-6)
    assert mine.mode(OUTPUTS, AVAIL).tolist() == [0, 1]


def test_samples_are_available_and_as_frequent_as_they_are_likely():
    rng = torch.Generator().manual_seed(0)
    many = OUTPUTS[:1].expand(20_000, 4), AVAIL[:1].expand(20_000, 4)
    drawn = Categorical(4).sample(*many, rng)
    shares = torch.bincount(drawn, minlength=4) / 20_000
    expected = OUTPUTS[0].masked_fill(~AVAIL[0], -torch.inf).softmax(0)
    assert shares[1] == 0
    assert torch.allclose(shares, expected, atol=0.015)  # four deviations of a share


def test_where_nothing_is_available_numbers_stay_finite():
    """Padding: its numbers are masked away, so they must not be NaN."""
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    outputs = torch.zeros(1, 4, requires_grad=True)
    found = Categorical(4).log_prob(outputs, nothing, torch.tensor([0]))
    entropy = Categorical(4).entropy(outputs, nothing)
    (found + entropy).sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(entropy).all()
    assert torch.isfinite(outputs.grad).all()


def test_gaussian_is_torchs():
    mine = Gaussian(2)
    mine.log_std.data.copy_(torch.tensor([0.3, -0.7]))
    outputs, actions = torch.randn(5, 2), torch.randn(5, 2)
    theirs = torch.distributions.Normal(outputs, mine.log_std.exp())
    assert torch.allclose(mine.log_prob(outputs, None, actions), theirs.log_prob(actions).sum(-1))
    assert torch.allclose(mine.entropy(outputs, None), theirs.entropy().sum(-1))
    assert torch.equal(mine.mode(outputs, None), outputs)


@pytest.mark.parametrize("deviation", [0.1, 2.0])
def test_gaussian_samples_have_the_deviation(deviation):
    mine = Gaussian(1)
    mine.log_std.data.fill_(torch.tensor(deviation).log())
    rng = torch.Generator().manual_seed(0)
    drawn = mine.sample(torch.full((20_000, 1), 3.0), None, rng)
    assert drawn.mean().item() == pytest.approx(3.0, abs=0.04 * deviation)
    assert drawn.std().item() == pytest.approx(deviation, rel=0.03)

"""The bound of mutual information: known numbers, and what it must do on distributions."""

from __future__ import annotations

import math

import pytest
import torch

from marl.intrinsic.mutual_information.estimate import (
    StatisticsNetwork,
    information,
    permutation,
    two_points,
)

# T(x_i, y_j) of two points.
T = torch.tensor([[0.5, -0.2], [-0.3, 0.4]])


def test_two_points_swapped():
    found = two_points(T[0, 0], T[1, 1], T[0, 1], T[1, 0])
    assert found.item() == pytest.approx(0.698751, abs=1e-6)
    joint, swapped = T.diagonal(), torch.stack([T[0, 1], T[1, 0]])
    again = information(joint, swapped, torch.ones(2, dtype=torch.bool))
    assert again.item() == pytest.approx(found.item(), abs=1e-6)


def test_two_points_that_stay_in_place_tell_nothing():
    found = two_points(T[0, 0], T[1, 1], T[0, 0], T[1, 1])
    assert found.item() == pytest.approx(-0.001249, abs=1e-6)


def test_the_tanh_bounds_the_estimate_by_two():
    most, least = torch.ones(2), -torch.ones(2)
    real = torch.ones(2, dtype=torch.bool)
    assert information(most, least, real).item() == pytest.approx(2.0, abs=1e-6)
    network = StatisticsNetwork(2, 3, 8)
    with torch.no_grad():
        network.head.weight.mul_(1e6)
    values = network(torch.randn(100, 2), torch.randn(100, 3))
    assert values.abs().max() <= 1.0


def test_the_network_is_its_formula():
    torch.manual_seed(0)
    network = StatisticsNetwork(2, 3, 5)
    x, y = torch.randn(4, 2), torch.randn(4, 3)
    hidden = (x @ network.of_x.weight.T + network.of_x.bias + y @ network.of_y.weight.T).relu()
    by_hand = (hidden @ network.head.weight[0] + network.head.bias).tanh()
    torch.testing.assert_close(network(x, y), by_hand, rtol=0, atol=1e-6)
    assert network.of_x.bias.abs().max() == 0.0
    assert network.of_x.weight.abs().max() <= math.sqrt(6 / (2 + 5))  # Xavier's bound


def test_padding_counts_for_nothing():
    mask = torch.tensor([[True, True, False]])
    joint = torch.tensor([[0.5, 0.4, 9.0]])
    marginal = torch.tensor([[-0.2, -0.3, 9.0]])
    assert information(joint, marginal, mask).item() == pytest.approx(0.698751, abs=1e-6)


def test_a_permutation_is_of_the_real_points_and_the_same_for_rows_of_one_length():
    mask = torch.arange(51) < torch.tensor([51, 51, 20, 1])[:, None]
    found = permutation(mask, torch.Generator().manual_seed(0))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], torch.arange(51))
    for row, length in enumerate((51, 51, 20, 1)):
        assert sorted(found[row, :length].tolist()) == list(range(length))
        assert found[row, length:].tolist() == list(range(length, 51))


@pytest.mark.parametrize("dependent", [True, False])
def test_it_is_high_where_two_variables_go_together_and_nothing_where_they_do_not(dependent):
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(1)
    network = StatisticsNetwork(1, 1, 32)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    real = torch.ones(64, 32, dtype=torch.bool)
    for _ in range(300):
        x = torch.randn(64, 32, 1)
        y = x + 0.1 * torch.randn(64, 32, 1) if dependent else torch.randn(64, 32, 1)
        others = permutation(real, rng)[..., None]
        estimate = information(network(x, y), network(x, y.gather(1, others)), real).mean()
        optimizer.zero_grad()
        (-estimate).backward()
        optimizer.step()
    if dependent:
        assert 0.5 < estimate.item() < 2.0
    else:
        assert abs(estimate.item()) < 0.05

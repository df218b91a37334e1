"""Distances between sets of actions: known values, slow formulas, gradients of equal sets."""

from __future__ import annotations

import math

import pytest
import torch

from marl.learners.divergences import mmd

KERNELS = ("laplacian", "gaussian")


def points(*values: float) -> torch.Tensor:
    """One state's samples of one number, [N,1]."""
    return torch.tensor(values)[:, None]


def by_pairs(kernel: str, sigma: float, xs: list[list[float]], ys: list[list[float]]) -> float:
    """The definition in double precision, pair by pair, of one state."""

    def mean_kernel(left: list[list[float]], right: list[list[float]]) -> float:
        total = 0.0
        for one in left:
            for other in right:
                gaps = [abs(a - b) for a, b in zip(one, other, strict=True)]
                size = sum(gaps) if kernel == "laplacian" else sum(gap**2 for gap in gaps)
                total += math.exp(-size / (2 * sigma))
        return total / (len(left) * len(right))

    return math.sqrt(mean_kernel(xs, xs) + mean_kernel(ys, ys) - 2 * mean_kernel(xs, ys) + 1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_same_set_is_apart_by_the_root_of_the_least(kernel):
    same = points(0.3, -2.0, 1.5)
    assert mmd(kernel, 10.0, same, same).item() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_known_values(kernel):
    apart = mmd(kernel, 0.5, points(0.0), points(1.0)).item()
    assert apart == pytest.approx(1.1243852, abs=1e-6)
    two = points(0.0, 1.0), points(0.0, 2.0)
    assert mmd(kernel, 1.0, *two).item() == pytest.approx(0.443549, abs=2e-6)


def test_a_wide_laplacian_kernel_sees_less():
    two = points(0.0, 1.0), points(0.0, 2.0)
    assert mmd("laplacian", 20.0, *two).item() == pytest.approx(0.111113, abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_sets_that_are_far_apart_are_as_wide_as_both_within(kernel):
    near, far = points(0.0, 1.0), points(1e4, 1e4 + 1)
    within = (1 + math.exp(-0.5)) / 2  # of either
    assert mmd(kernel, 1.0, near, far).item() == pytest.approx(math.sqrt(2 * within), abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_the_definition_pair_by_pair_for_each_state_by_itself(kernel):
    rng = torch.Generator().manual_seed(0)
    xs, ys = torch.randn(4, 6, 2, 3, generator=rng), torch.randn(5, 6, 2, 3, generator=rng)
    found = mmd(kernel, 3.0, xs, ys)
    assert found.shape == (6, 2)
    for row in range(6):
        for agent in range(2):
            own = [side[:, row, agent].double().tolist() for side in (xs, ys)]
            assert found[row, agent].item() == pytest.approx(by_pairs(kernel, 3.0, *own), abs=1e-6)


def test_a_squared_width_is_a_kernel_of_that_sigma():
    xs, ys = points(0.0, 0.4), points(1.0, -0.7)
    width = 1.7  # where k = exp(-d^2 / (2 width^2))
    kernels = [
        [math.exp(-((a - b) ** 2) / (2 * width**2)) for a in left for b in right]
        for left, right in (
            ((0.0, 0.4), (0.0, 0.4)),
            ((1.0, -0.7), (1.0, -0.7)),
            ((0.0, 0.4), (1.0, -0.7)),
        )
    ]
    within_x, within_y, between = (sum(each) / 4 for each in kernels)
    by_hand = math.sqrt(within_x + within_y - 2 * between + 1e-6)
    assert mmd("gaussian", width**2, xs, ys).item() == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_is_finite_where_the_sets_are_the_same(kernel):
    data = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    own = data.clone().requires_grad_()
    mmd(kernel, 10.0, data, own).backward()
    assert torch.isfinite(own.grad).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_descending_it_brings_the_sets_together(kernel):
    data, own = points(1.0, 1.5, 0.5), points(-1.0, -0.5, 0.2).requires_grad_()
    before = mmd(kernel, 1.0, data, own)
    before.backward()
    assert mmd(kernel, 1.0, data, own.detach() - 0.1 * own.grad).item() < before.item()

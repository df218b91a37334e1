"""How much of returns an estimate explains."""

from __future__ import annotations

import pytest
import torch

from marl.returns import explained_variance


def test_the_share_of_the_variance_that_is_explained():
    found = torch.tensor([0.0, 2.0, 4.0])  # variance 8 / 3
    assert explained_variance(found, found).item() == 1.0
    assert explained_variance(found, torch.full((3,), 2.0)).item() == pytest.approx(0.0)
    assert explained_variance(found, found + 1.0).item() == pytest.approx(1.0 - 3 / 8)


@pytest.mark.parametrize("value", [0.0, 1 / 3, 1e6])
def test_nothing_is_explained_where_all_is_the_same(value):
    found = torch.full((7,), value, dtype=torch.float64)
    assert explained_variance(found, found + 1.0).item() == 0.0

"""What is said of returns."""

from __future__ import annotations

import pytest
import torch

from marl.returns import explained_variance


def test_explained_variance_of_known_numbers():
    found = torch.tensor([1.0, 2.0, 3.0])
    assert float(explained_variance(found, found)) == 1.0
    assert float(explained_variance(found, torch.full((3,), 2.0))) == pytest.approx(0.0)
    assert float(explained_variance(found, torch.tensor([3.0, 2.0, 1.0]))) == pytest.approx(-3.0)


@pytest.mark.parametrize("value", [0.0, 1 / 3, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_is_explained_where_all_is_the_same(value, dtype):
    same = torch.full((7,), value, dtype=dtype)
    assert float(explained_variance(same, same + 1.0)) == 0.0


def test_nothing_is_explained_of_what_discounting_has_left():
    same = torch.zeros(4)
    assert float(explained_variance(same + 1e-19 * torch.arange(4), same + 0.3)) == 0.0

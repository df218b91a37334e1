"""Shares of codes, and codes in effect."""

import pytest
import torch

from marl.quantizers.usage import perplexity, shares


def test_shares_of_codes_and_of_nothing():
    assert shares(torch.tensor([0, 2, 2, 2]), 4).tolist() == [0.25, 0.0, 0.75, 0.0]
    assert shares(torch.zeros(0, dtype=torch.int64), 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("used", [1, 3, 8])
def test_codes_used_alike_are_all_in_effect(used):
    assert perplexity(shares(torch.arange(used), 8)).item() == pytest.approx(used, rel=1e-5)

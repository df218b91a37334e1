"""Codes that begin at encodings, follow moving averages, and are drawn anew when not used."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from marl.quantizers.upkeep import k_means
from marl.quantizers.vq import VectorQuantizer, nearest_codes
from marl.quantizers.vq_learner import VqConfig, VqLearner

POINTS = torch.tensor([[0.0, 0.0], [0.0, 0.2], [10.0, 0.0], [10.0, 0.2]])
SLOTS = torch.zeros(4, dtype=torch.int64)
STILL = {"vq_weight": 0.0, "coverage_weight": 0.0, "code_lr": None}  # losses leave the codes alone


def learner(n_codes=2, **options) -> VqLearner:
    """A quantiser whose encoder is the identity."""
    torch.manual_seed(0)
    quantizer = VectorQuantizer(2, n_codes, 2, 4)
    quantizer.encoder = nn.Sequential(nn.Identity())
    config = replace(VqConfig(size=n_codes, dim=2), **{**STILL, **options})
    return VqLearner(quantizer, config, "none", limit=1, seed=5)


def test_k_means_finds_the_means_and_an_idle_centre_stays():
    centres = k_means(POINTS, torch.tensor([[1.0, 0.0], [9.0, 0.0], [99.0, 99.0]]))
    expected = torch.tensor([[0.0, 0.1], [10.0, 0.1], [99.0, 99.0]])
    assert torch.allclose(centres, expected)


def test_codes_begin_at_encodings_of_the_first_batch():
    vq = learner(init="batch")
    vq.step(POINTS, SLOTS, 1)
    found = vq.quantizer.codebook.detach()
    assert all((code == POINTS).all(1).any() for code in found)
    assert not torch.equal(found[0], found[1])
    before = found.clone()
    vq.step(POINTS + 5.0, SLOTS, 1)  # the first batch alone
    assert torch.equal(vq.quantizer.codebook, before)


def test_more_codes_than_states_begin_at_some_twice():
    vq = learner(n_codes=9, init="batch")
    vq.step(POINTS, SLOTS, 1)
    assert torch.isfinite(vq.quantizer.codebook).all()


def test_moving_averages_go_to_the_means_of_what_chose_them():
    vq = learner(init="uniform", codes="ema", ema_decay=0.5)
    vq.quantizer.codebook.data.copy_(torch.tensor([[0.0, 1.0], [9.0, 1.0]]))
    for _ in range(40):
        vq.step(POINTS, SLOTS, 1)
    expected = torch.tensor([[0.0, 0.1], [10.0, 0.1]])
    assert torch.allclose(vq.quantizer.codebook, expected, atol=1e-3)


def test_a_code_without_use_stays_where_it_is():
    vq = learner(init="uniform", codes="ema")
    vq.quantizer.codebook.data.copy_(torch.tensor([[5.0, 0.1], [500.0, -7.0]]))
    for _ in range(3000):
        vq.step(POINTS, SLOTS, 1)
    assert torch.allclose(vq.quantizer.codebook[1], torch.tensor([500.0, -7.0]), rtol=1e-3)


def test_a_code_without_use_is_drawn_anew_after_its_time():
    vq = learner(init="uniform", revive_after=3)
    vq.quantizer.codebook.data.copy_(torch.tensor([[5.0, 0.1], [500.0, 0.0]]))
    for _ in range(2):
        vq.step(POINTS, SLOTS, 1)
    assert vq.quantizer.codebook[1, 0] == 500.0
    vq.step(POINTS, SLOTS, 1)
    assert (vq.quantizer.codebook[1] == POINTS).all(1).any()
    assert vq.upkeep.idle.tolist() == [0, 0]


def test_codes_have_a_learning_rate_of_their_own():
    moved = []
    for code_lr in (None, 0.005):
        vq = learner(init="uniform", vq_weight=1.0, code_lr=code_lr)
        before = vq.quantizer.codebook.detach().clone()
        vq.step(POINTS, SLOTS, 1)
        moved.append(float((vq.quantizer.codebook.detach() - before).abs().max()))
    assert moved[1] == pytest.approx(10 * moved[0], rel=1e-3)  # Adam's first step is lr


def test_going_on_from_a_saved_state_is_never_having_stopped():
    options = {"init": "kmeans", "codes": "ema", "revive_after": 2}
    whole, half = learner(n_codes=5, **options), learner(n_codes=5, **options)
    batches = [POINTS + shift for shift in (0.0, 1.0, 30.0, 2.0, 31.0, 0.0)]
    for batch in batches:
        whole.step(batch, SLOTS, 1)
    for batch in batches[:3]:
        half.step(batch, SLOTS, 1)
    again = learner(n_codes=5, **options)
    again.load_state_dict(half.state_dict())
    for batch in batches[3:]:
        again.step(batch, SLOTS, 1)
    assert torch.equal(again.quantizer.codebook, whole.quantizer.codebook)


def test_a_learning_rate_for_averaged_codes_is_refused():
    with pytest.raises(ValueError, match="code_lr"):
        VqConfig(codes="ema", code_lr=0.01)


@pytest.mark.parametrize("n_codes", [1, 7, 64, 100])
def test_the_nearest_code_is_at_the_least_sum_of_squares(n_codes):
    rng = torch.Generator().manual_seed(0)
    vectors, codes = torch.randn(500, 3, generator=rng), torch.randn(n_codes, 3, generator=rng)
    exact = (vectors[:, None].double() - codes.double()).square().sum(-1)  # [N,K]
    found = nearest_codes(vectors, codes)
    chosen = exact.gather(1, found[:, None])[:, 0]
    assert torch.allclose(chosen, exact.min(1).values, rtol=1e-6)


def test_a_tie_takes_the_smallest():
    codes = torch.tensor([[2.0], [1.0], [1.0], [-1.0]])
    assert nearest_codes(torch.tensor([[1.0], [0.0]]), codes).tolist() == [1, 1]

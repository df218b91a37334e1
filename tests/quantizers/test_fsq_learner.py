"""Finite scalar quantisation of states: the reconstruction alone trains it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from marl.config.schema import parse
from marl.errors import FieldError
from marl.quantizers.fsq_learner import FsqConfig, FsqLearner

CPU = torch.device("cpu")
SMALL = FsqConfig(levels=(4, 3, 2), hidden_dim=16, lr=0.01)
SLOT = torch.zeros(40, dtype=torch.int64)


def learner(config: FsqConfig = SMALL) -> FsqLearner:
    torch.manual_seed(0)
    return config.build(5, "none", 10, CPU)


def states(seed: int = 1) -> Tensor:
    return torch.rand(40, 5, generator=torch.Generator().manual_seed(seed))


def test_a_state_gets_the_code_that_it_lies_nearest_to():
    trained = learner()
    for _ in range(100):
        trained.step(states(), SLOT, 1)
    quantizer = trained.quantizer
    codes = quantizer.encode(states())
    assert len(codes.unique()) > 3
    apart = quantizer.place(states())[:, None] - quantizer.vectors()  # [N,K,D]
    assert torch.equal(apart.square().sum(-1).argmin(1), codes)


def test_the_loss_is_the_reconstruction_and_nothing_else():
    trained = learner()
    quantizer = trained.quantizer
    decoded = quantizer.decoder(quantizer.look_up(quantizer.encode(states())))
    expected = (decoded - states()).square().mean()
    codes, metrics = trained.step(states(), SLOT, 1)
    assert metrics.keys() == {"recon_loss", "vae_grad_norm"}
    assert metrics["recon_loss"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert codes.dtype == torch.int64


def test_a_summed_reconstruction_is_that_of_all_five_numbers():
    mean, total = (learner(replace(SMALL, recon_reduction=how)) for how in ("mean", "sum"))
    one, five = (each.step(states(), SLOT, 1)[1]["recon_loss"].item() for each in (mean, total))
    assert five == pytest.approx(5 * one, rel=1e-6)


def test_encoder_and_decoder_both_learn():
    trained = learner()
    quantizer = trained.quantizer
    before = [weight.detach().clone() for weight in quantizer.parameters()]
    first = (quantizer.reconstruct(states()) - states()).square().mean()
    codes = quantizer.encode(states())
    found, _ = trained.step(states(), SLOT, 1)
    assert torch.equal(found, codes)  # from before the step
    for _ in range(300):
        trained.step(states(), SLOT, 1)
    for old, new in zip(before, quantizer.parameters(), strict=True):
        assert not torch.equal(old, new)
    assert (quantizer.reconstruct(states()) - states()).square().mean() < 0.5 * first


def test_a_clipped_gradient_has_that_norm():
    loose, tight = learner(replace(SMALL, grad_clip=None)), learner(replace(SMALL, grad_clip=1e-4))
    assert loose.step(states(), SLOT, 1)[1]["vae_grad_norm"] > 1e-4  # as it was before clipping
    tight.step(states(), SLOT, 1)
    squares = sum(weight.grad.square().sum() for weight in tight.quantizer.parameters())
    assert math.sqrt(squares) == pytest.approx(1e-4, rel=1e-3)


def test_a_state_with_other_levels_is_refused():
    other = learner(replace(SMALL, levels=(4, 3, 2, 2)))
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.load_state_dict(learner().state_dict())


@pytest.mark.parametrize("levels", [[], [4, 1], [4, 1001]])
def test_levels_that_cannot_be_are_refused_as_options(levels):
    with pytest.raises(FieldError, match=r"levels: each must be within 2\.\.1000"):
        parse(FsqConfig, {"levels": levels})

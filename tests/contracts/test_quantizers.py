"""What `Quantizer` promises, asked of every quantiser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from marl.protocols.quantizing import Quantizer
from marl.quantizers.fsq import FiniteScalarQuantizer
from marl.quantizers.vq import VectorQuantizer


def learnt_codebook() -> Quantizer:
    torch.manual_seed(0)
    return VectorQuantizer(5, 16, 3, 8)


BUILDS: dict[str, tuple[Callable[[], Quantizer], int, int]] = {  # with S and D
    "vq": (learnt_codebook, 5, 3),
    "fsq": (lambda: FiniteScalarQuantizer([4, 3, 2]), 3, 3),
}
every_quantizer = pytest.mark.parametrize(("build", "size", "dim"), BUILDS.values(), ids=BUILDS)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@every_quantizer
def test_states_become_numbers_of_codes_without_gradient(build, size, dim):
    quantizer = build()
    states = random(7, 4, size).requires_grad_()
    codes = quantizer.encode(states)
    assert (codes.shape, codes.dtype) == ((7, 4), torch.int64)
    assert not codes.requires_grad
    assert 0 <= int(codes.min()) <= int(codes.max()) < quantizer.n_codes


@every_quantizer
def test_vectors_become_those_of_their_codes(build, size, dim):
    quantizer = build()
    vectors, codes = quantizer.quantize(random(7, 4, dim))
    assert (vectors.shape, codes.shape, codes.dtype) == ((7, 4, dim), (7, 4), torch.int64)
    assert torch.equal(vectors, quantizer.look_up(codes))
    assert len(codes.unique()) > 1


@every_quantizer
def test_every_code_has_a_vector_of_its_own(build, size, dim):
    quantizer = build()
    vectors = quantizer.look_up(torch.arange(quantizer.n_codes))
    assert vectors.shape == (quantizer.n_codes, dim)
    assert len(vectors.unique(dim=0)) == quantizer.n_codes


@every_quantizer
def test_a_gradient_reaches_what_was_quantised_and_no_parameter(build, size, dim):
    quantizer = build()
    vectors = random(6, dim).requires_grad_()
    quantizer.quantize(vectors).vectors.square().sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.isfinite().all()
    assert (vectors.grad != 0).any()
    assert all(parameter.grad is None for parameter in quantizer.parameters())

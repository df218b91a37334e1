"""What `Quantizer` and `QuantizerLearner` promise, asked of every quantiser."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import torch

from marl.protocols.quantizing import Quantizer, QuantizerLearner
from marl.quantizers.config import CODEBOOKS, CodebookConfig
from marl.quantizers.fsq import FiniteScalarQuantizer, FsqAutoencoder
from marl.quantizers.fsq_learner import FsqConfig
from marl.quantizers.vq import VectorQuantizer
from marl.quantizers.vq_learner import VqConfig


def learnt_codebook() -> Quantizer:
    torch.manual_seed(0)
    return VectorQuantizer(5, 16, 3, 8)


BUILDS: dict[str, tuple[Callable[[], Quantizer], int, int]] = {  # with S and D
    "vq": (learnt_codebook, 5, 3),
    "fsq": (lambda: FiniteScalarQuantizer([4, 3, 2]), 3, 3),
    "fsq of states": (lambda: FsqAutoencoder(5, [4, 3, 2], 8), 5, 3),
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


CODES = 24
LEARNT: dict[str, CodebookConfig] = {
    "vq": VqConfig(size=CODES, dim=3, hidden_dim=8),
    "fsq": FsqConfig(levels=(4, 3, 2), hidden_dim=8),
}
every_codebook = pytest.mark.parametrize("config", LEARNT.values(), ids=LEARNT)


def learner_of(config: CodebookConfig) -> QuantizerLearner:
    torch.manual_seed(0)
    coverage = "none" if config.unmoved else "timestep"
    return config.build(5, coverage, limit=4, device=torch.device("cpu"))


def steps(learner: QuantizerLearner, seeds: range) -> list[torch.Tensor]:
    """A step on other states of four slots for each seed; all that it returned."""
    found = []
    for seed in seeds:
        states = torch.rand(32, 5, generator=torch.Generator().manual_seed(seed))
        codes, metrics = learner.step(states, torch.arange(32) % 4, 4)
        found += [codes, *metrics.values()]
    return found


def test_every_kind_of_codebook_is_asked():
    assert LEARNT.keys() == {kind.kind for kind in CODEBOOKS.members}


@every_codebook
def test_a_learner_knows_its_steps_and_all_its_codes(config):
    learner = learner_of(config)
    steps(learner, range(3))
    assert learner.steps == 3
    quantizer = learner.quantizer
    assert quantizer.n_codes == CODES
    assert torch.equal(quantizer.vectors(), quantizer.look_up(torch.arange(CODES)))
    states = random(7, 4, 5)
    placed, again = quantizer.place(states), quantizer.reconstruct(states)
    assert (placed.shape, again.shape) == ((7, 4, 3), states.shape)
    found = placed, again, quantizer.vectors()
    assert not any(tensor.requires_grad for tensor in found)


@every_codebook
def test_a_step_makes_the_next_one_better_and_its_metrics_are_numbers(config):
    learner = learner_of(config)
    states = torch.rand(32, 5, generator=torch.Generator().manual_seed(1))
    losses = []
    for _ in range(200):
        codes, metrics = learner.step(states, torch.arange(32) % 4, 4)
        assert all(value.ndim == 0 and not value.requires_grad for value in metrics.values())
        assert (codes.shape, codes.dtype) == ((32,), torch.int64)
        losses.append(metrics["recon_loss"].item())
    assert losses[-1] < 0.8 * losses[0]


@every_codebook
def test_steps_after_a_saved_state_are_those_without_a_stop(config):
    straight, resumed = learner_of(config), learner_of(config)
    steps(straight, range(3))
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    pairs = zip(steps(straight, range(3, 6)), steps(resumed, range(3, 6)), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert resumed.steps == straight.steps == 6

"""Quantiser and losses on four codes at the corners of the unit square."""

import pytest
import torch
from torch import Tensor, nn, tensor

from marl.quantizers.coverage import coverage_weights
from marl.quantizers.layers import straight_through
from marl.quantizers.vq import VectorQuantizer
from marl.quantizers.vq_learner import VqConfig, VqLearner
from marl.quantizers.vq_loss import coverage_loss, latent_distance, reconstruction_loss

CORNERS = tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # [K,D]
X = tensor([[0.9, 0.2]])  # [N,D], nearest to code 1
SLOT = tensor([1])


def corners() -> VectorQuantizer:
    """The identity as encoder and decoder, so that x is the state."""
    quantizer = VectorQuantizer(2, 4, 2, 8)
    quantizer.encoder, quantizer.decoder = nn.Identity(), nn.Identity()
    quantizer.codebook.data.copy_(CORNERS)
    return quantizer


def learner(config: VqConfig | None = None, coverage="timestep") -> VqLearner:
    return VqLearner(corners(), config or VqConfig(size=4, dim=2), coverage, limit=4)


def gradient(term: Tensor, of: Tensor) -> list[list[float]]:
    (grad,) = torch.autograd.grad(term, of, allow_unused=True, retain_graph=True)
    return torch.zeros_like(of).tolist() if grad is None else grad.tolist()


def test_state_gets_the_nearest_code():
    distances = (X - CORNERS).square().sum(1)
    assert distances.tolist() == pytest.approx([0.85, 0.05, 1.45, 0.65])
    assert corners().encode(X).tolist() == [1]


def test_a_quantised_vector_is_its_codes_and_the_gradient_that_of_a_copy():
    x = X.clone().requires_grad_()
    vectors, codes = corners().quantize(x)
    assert (vectors.tolist(), codes.tolist()) == ([[1.0, 0.0]], [1])
    (vectors * tensor([[2.0, -3.0]])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[2.0, -3.0]]


def test_leading_axes_are_kept():
    assert corners().encode(X.expand(3, 5, 2)).shape == (3, 5)


def test_tie_takes_the_smallest_index():
    quantizer = corners()
    assert quantizer.encode(tensor([[0.5, 0.5], [1.0, 0.5], [0.5, 1.0]])).tolist() == [0, 1, 2]
    twins = VectorQuantizer(2, 67, 2, 8)
    twins.encoder = nn.Identity()
    twins.codebook.data.copy_(tensor([0.3, 0.7]).expand(67, 2))
    assert twins.encode(torch.rand(200, 2)).unique().tolist() == [0]


def test_latent_losses_are_squared_distances():
    _, losses = learner().losses(X, SLOT, 2)  # two slots of two codes: J(1) = {2, 3}
    assert losses.vq.item() == pytest.approx(0.05)
    assert losses.commit.item() == pytest.approx(0.05)
    assert losses.coverage.item() == pytest.approx(1.05)


def test_covering_all_codes_takes_the_mean_over_them():
    _, losses = learner(coverage="all").losses(X, SLOT, 2)
    assert losses.coverage.item() == pytest.approx(0.75)


@pytest.mark.parametrize(("coverage", "total"), [("timestep", 0.90), ("all", 0.75)])
def test_published_weights_sum_the_terms(coverage, total):
    _, losses = learner(coverage=coverage).losses(X, SLOT, 2)
    config = VqConfig()
    weighted = (
        0.3  # a reconstruction loss
        + config.vq_weight * losses.vq
        + config.commit_weight * losses.commit
        + config.coverage_weight * losses.coverage
    )
    assert weighted.item() == pytest.approx(total)


def test_coverage_none_costs_nothing():
    _, losses = learner(coverage="none").losses(X, SLOT, 2)
    assert losses.coverage.item() == 0.0


def test_each_term_trains_its_own_part():
    states = X.clone().requires_grad_()
    trained = learner()
    _, losses = trained.losses(states, SLOT, 2)
    book = trained.quantizer.codebook
    zero = [[0.0, 0.0]]
    assert gradient(losses.vq, book)[1] == pytest.approx([0.2, -0.4])
    assert gradient(losses.vq, states) == zero
    assert gradient(losses.commit, states)[0] == pytest.approx([-0.2, 0.4])
    assert gradient(losses.commit, book) == zero * 4
    assert gradient(losses.coverage, book)[:2] == zero * 2
    assert gradient(losses.coverage, book)[2] == pytest.approx([-0.9, 0.8])
    assert gradient(losses.coverage, book)[3] == pytest.approx([0.1, 0.8])
    assert gradient(losses.coverage, states) == zero
    assert gradient(losses.recon, book) == zero * 4


@pytest.mark.parametrize(("gradient_kind", "expected"), [("plain", -0.2), ("per_code", -0.1)])
def test_per_code_gradient_is_a_mean_over_the_states_of_a_slot(gradient_kind, expected):
    config = VqConfig(size=4, dim=2, gradient=gradient_kind)
    trained = learner(config)
    states = tensor([[0.9, 0.2], [1.1, 0.0]])
    _, losses = trained.losses(states, tensor([0, 0]), 2)
    assert losses.vq.item() == pytest.approx(0.03)
    grad = gradient(losses.vq, trained.quantizer.codebook)
    assert grad[1] == pytest.approx([0.0, expected], abs=1e-7)
    _, apart = trained.losses(states, tensor([0, 1]), 2)  # alone in its slot each
    assert gradient(apart.vq, trained.quantizer.codebook)[1][1] == pytest.approx(-0.2)


def test_straight_through_passes_the_code_on_and_the_gradient_back():
    encoded = X.clone().requires_grad_()
    picked = CORNERS[[1]].clone().requires_grad_()
    seen = straight_through(encoded, picked)
    assert torch.equal(seen, picked)
    out = (seen * tensor([2.0, 3.0])).sum()
    assert gradient(out, encoded) == [[2.0, 3.0]]
    assert gradient(out, picked) == [[0.0, 0.0]]


def test_other_latent_distances_by_name():
    code = CORNERS[[1]]
    assert latent_distance(X, code, "norm").item() == pytest.approx(0.0412311, abs=1e-6)
    assert latent_distance(X, code, "mean").item() == pytest.approx(0.025)


def test_reconstruction_is_a_mean_or_a_sum_over_the_state():
    states = torch.zeros(2, 3)
    assert reconstruction_loss(states + 2, states, "mean").item() == 4.0
    assert reconstruction_loss(states + 2, states, "sum").item() == 12.0


@pytest.mark.parametrize("loss", ["squared", "mean", "norm"])
@pytest.mark.parametrize("kind", ["timestep", "all"])
def test_coverage_equals_the_sum_over_pairs(kind, loss):
    rng = torch.Generator().manual_seed(0)
    encoded = torch.randn(40, 3, generator=rng)
    codebook = torch.randn(11, 3, generator=rng).requires_grad_()
    slot = torch.randint(5, (40,), generator=rng)
    weights = coverage_weights(kind, 11, 5, "official")
    ours = coverage_loss(encoded, slot, codebook, weights, loss)
    pairs = [
        weights[t, j] * latent_distance(x[None], codebook[[j]], loss)
        for x, t in zip(encoded, slot, strict=True)
        for j in range(11)
    ]
    naive = torch.stack(pairs).sum() / 40
    assert ours.item() == pytest.approx(naive.item(), rel=1e-5)
    (grad,) = torch.autograd.grad(ours, codebook)
    (expected,) = torch.autograd.grad(naive, codebook)
    assert torch.allclose(grad, expected, atol=1e-6)


def real_learner(coverage="timestep", **options) -> VqLearner:
    torch.manual_seed(3)
    config = VqConfig(**{"size": 12, "dim": 3, "hidden_dim": 8, "lr": 0.01, **options})
    quantizer = VectorQuantizer(5, config.size, config.dim, config.hidden_dim)
    return VqLearner(quantizer, config, coverage, limit=9)


def trained_codebook(coverage="timestep", **options) -> Tensor:
    trained = real_learner(coverage, **options)
    states = torch.rand(30, 5, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        trained.step(states, torch.arange(30) % 5, 5)
    # Seen in the encoder, not in the codebook: commitment and reconstruction.
    encoder = trained.quantizer.encoder[4].weight
    return torch.cat([trained.quantizer.codebook.flatten(), encoder.flatten()]).detach()


@pytest.mark.parametrize(
    "change",
    [
        {"size": 11},
        {"dim": 4},
        {"hidden_dim": 9},
        {"lr": 0.02},
        {"code_lr": 0.02},
        {"code_lr": None, "codes": "ema"},
        {"code_lr": None, "codes": "ema", "ema_decay": 0.5},
        {"init": "uniform"},
        {"init": "batch"},
        {"revive_after": 1},
        {"grad_clip": 0.001},
        {"vq_weight": 2.0},
        {"commit_weight": 1.0},
        {"coverage_weight": 1.0},
        {"loss": "norm"},
        {"loss": "mean"},
        {"recon_reduction": "sum"},
        {"gradient": "per_code"},
        {"horizon": "limit"},
        {"leftovers": "balanced"},
        {"coverage": "none"},
        {"coverage": "all"},
    ],
    ids=str,
)
def test_every_option_changes_the_learnt_weights(change):
    plain, changed = trained_codebook(), trained_codebook(**change)
    assert plain.shape != changed.shape or not torch.equal(plain, changed)


def test_gradients_are_clipped_after_backward_and_their_norm_is_reported():
    clipped = real_learner(grad_clip=0.001)
    _, metrics = clipped.step(torch.rand(30, 5), torch.arange(30) % 5, 5)
    squares = [p.grad.square().sum() for p in clipped.quantizer.parameters()]
    assert torch.stack(squares).sum().sqrt().item() == pytest.approx(0.001, rel=1e-3)
    assert metrics["vae_grad_norm"].item() > 0.1


def test_no_clip_leaves_gradients_alone():
    free = real_learner(grad_clip=None)
    _, metrics = free.step(1000 * torch.rand(30, 5), torch.arange(30) % 5, 5)
    squares = [p.grad.square().sum() for p in free.quantizer.parameters()]
    norm = torch.stack(squares).sum().sqrt().item()
    assert norm == pytest.approx(metrics["vae_grad_norm"].item(), rel=1e-4)
    assert norm > 10


@pytest.mark.parametrize(("coverage", "used"), [("timestep", 5), ("none", 1)])
def test_coverage_brings_the_codes_to_the_states(coverage, used):
    published = {"init": "uniform", "code_lr": None}
    trained = real_learner(coverage, hidden_dim=64, dim=8, size=64, **published)
    slot = torch.arange(100) % 5
    states = nn.functional.one_hot(slot, 5).float()  # each slot its own state
    for _ in range(200):
        codes, metrics = trained.step(states, slot, 5)
    assert len(codes.unique()) == used
    assert (metrics["recon_loss"] < 0.01) == (used == 5)


def test_batch_longer_than_the_limit_is_refused():
    with pytest.raises(ValueError, match="longer than the limit"):
        real_learner(horizon="limit").step(torch.rand(11, 5), torch.arange(11), 11)

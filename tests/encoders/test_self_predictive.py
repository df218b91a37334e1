"""iQRL's encoder: rounding, loss and learning, by hand and on a small system."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from marl.batch import EpisodeBatch, layout_of
from marl.encoders.latent import Rounding, codes_in_effect, effective_rank
from marl.encoders.self_predictive import SelfPredictive, SelfPredictiveConfig
from marl.quantizers.fsq import FiniteScalarQuantizer
from marl.spec import Continuous, EnvSpec

CPU = torch.device("cpu")
SPEC = EnvSpec("test/continuous", 1, Continuous((-1.0,), (1.0,)), 3, 3, 50)
TINY = SelfPredictiveConfig(groups=8, hidden_dims=(16,), dynamics_dims=(16,), rank_interval=1)


def slices(count: int, steps: int = 5, seed: int = 0) -> EpisodeBatch:
    """Slices of a system that turns: o' = rotation(o) with the action added to its last number."""
    rng = torch.Generator().manual_seed(seed)
    batch = EpisodeBatch.zeros(layout_of(SPEC), count, steps)
    angle = torch.rand(count, generator=rng) * 6.28
    drift = torch.zeros(count)
    batch.actions.copy_(2 * torch.rand(batch.actions.shape, generator=rng) - 1)
    for slot in range(steps + 1):
        batch.obs[:, slot, 0] = torch.stack([angle.cos(), angle.sin(), drift], dim=-1)
        angle = angle + 0.3
        if slot < steps:
            drift = drift + 0.3 * batch.actions[:, slot, 0, 0]
    batch.reward.copy_(torch.rand(batch.reward.shape, generator=rng))
    batch.filled.fill_(True)
    return batch


def encoder_of(config: SelfPredictiveConfig = TINY) -> SelfPredictive:
    torch.manual_seed(0)
    return SelfPredictive(SPEC, config, CPU)


@pytest.mark.parametrize(
    ("levels", "z", "expected"),
    [
        (
            8,
            [0.0, 0.3, 0.5, 1.0, -0.5, -1.0, 5.0, -5.0],
            [0, 0.25, 0.25, 0.5, -0.5, -0.75, 0.75, -1],
        ),
        (5, [0.0, 0.3, 1.0, -1.0], [0, 0.5, 1, -1]),
    ],
)
def test_latents_are_rounded_as_in_the_published_code(levels, z, expected):
    grid = FiniteScalarQuantizer([levels], reach="beyond")
    assert grid.quantize(torch.tensor(z)[:, None]).vectors.flatten().tolist() == expected


def test_codes_of_groups_and_the_slope_at_zero_are_those_of_the_published_code():
    rounding = Rounding((8, 8))
    codes = rounding(torch.tensor([[0.0, 0.0], [5.0, 5.0], [-5.0, -5.0]])).codes
    assert codes.flatten().tolist() == [36, 63, 0]
    z = torch.zeros(1, 2, requires_grad=True)
    rounding(z).latents.sum().backward()
    assert z.grad[0, 0].item() == pytest.approx(0.85804, abs=1e-5)


def test_a_latent_is_rounded_in_groups_of_neighbours():
    latents = torch.tensor([[0.0, 0.0, 5.0, 5.0, -5.0, -5.0]])
    rounded = Rounding((8, 8))(latents)
    assert rounded.codes.tolist() == [[36, 63, 0]]
    assert rounded.latents.tolist() == [[0.0, 0.0, 0.75, 0.75, -1.0, -1.0]]


def test_a_perfect_prediction_has_the_least_loss_there_is(monkeypatch):
    encoder = encoder_of()
    batch = slices(16)
    with torch.no_grad():
        targets = encoder.targets["encoder"](batch.obs[:, 1:]).latents  # [B,H,A,Z]
    following = iter(targets.unbind(1))
    monkeypatch.setattr(encoder.nets["dynamics"], "forward", lambda *_: next(following))
    loss, metrics = encoder.loss(batch)
    assert loss.item() == pytest.approx(-0.81902, abs=1e-5)
    assert metrics["latent_error"].item() == pytest.approx(-1.0, abs=1e-5)


def test_the_loss_is_the_equation_row_by_row():
    encoder, batch = encoder_of(), slices(4)
    batch.filled[1, 3:] = False  # padding counts as nothing
    nets, rounding = encoder.nets, Rounding((8, 8))
    total = 0.0
    for row in range(4):
        z = nets["encoder"](batch.obs[row, 0]).latents
        for h in range(5):
            change = nets["dynamics"].layers(torch.cat([z, batch.actions[row, h]], dim=-1))
            z = rounding(z + change).latents
            target = encoder.targets["encoder"](batch.obs[row, h + 1]).latents
            cosine = (z * target).sum() / (z.norm() * target.norm())
            total -= 0.9**h / 5 * cosine.item() * batch.filled[row, h].item() / 4
    assert encoder.loss(batch)[0].item() == pytest.approx(total, abs=1e-5)


def test_padding_changes_nothing():
    encoder, batch = encoder_of(), slices(4)
    batch.filled[1, 3:] = False
    before = [encoder.loss(batch)[0].item(), encoder.loss(batch)[1]["latent_error"].item()]
    batch.obs[1, 4:] = 100.0
    loss, metrics = encoder.loss(batch)
    assert [loss.item(), metrics["latent_error"].item()] == before


def test_the_target_follows_and_the_rest_learns():
    encoder, batch = encoder_of(), slices(32)
    before = [one.clone() for one in encoder.targets.parameters()]
    encoder.learn(batch)
    online = [*encoder.nets["encoder"].parameters()]
    for old, new, target in zip(before, encoder.targets.parameters(), online, strict=True):
        torch.testing.assert_close(new, 0.995 * old + 0.005 * target)


@pytest.mark.parametrize(
    "changed",
    [
        {"distance": "squared"},
        {"projection": 4},
        {"reward_weight": 1.0},
        {"decoder_weight": 1.0},
        {"residual": False},
        {"levels": ()},
    ],
    ids=str,
)
def test_each_variant_learns_and_goes_on_from_its_state(changed):
    encoder = encoder_of(replace(TINY, **changed))
    losses = [encoder.learn(slices(64, seed=n))["latent_loss"].item() for n in range(3)]
    other = encoder_of(replace(TINY, **changed))
    other.load_state_dict(copy.deepcopy(encoder.state_dict()))
    for seed in range(3, 6):
        one, same = (part.learn(slices(64, seed=seed)) for part in (encoder, other))
        assert one["latent_loss"].item() == same["latent_loss"].item()
    assert all(torch.isfinite(torch.tensor(losses)))
    assert ("fsq_codes_in_effect" in one) == (changed != {"levels": ()})


def test_latents_come_to_predict_themselves_without_all_becoming_the_same():
    encoder = encoder_of(replace(TINY, optimizer=replace(TINY.optimizer, lr=0.003)))
    for seed in range(300):
        metrics = encoder.learn(slices(128, seed=seed))
    assert metrics["latent_error"].item() < -0.9  # the cosine, over five steps
    assert metrics["latent_rank"].item() >= 3  # position on the circle, and the drift
    assert metrics["fsq_codes_in_effect"].item() > 4


def test_measures_of_use_by_hand():
    assert codes_in_effect(torch.tensor([0, 0, 1, 1])).item() == pytest.approx(2.0)
    assert codes_in_effect(torch.tensor([5, 5, 5, 5])).item() == pytest.approx(1.0)
    latents = torch.zeros(10, 4)
    latents[0, 0], latents[1, 1], latents[2, 2] = 1.0, 1.0, 0.001
    assert effective_rank(latents).item() == 2

"""Normalised observations: statistics by hand, clips, padding, skills, state."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, random_batch

from marl.config.schema import parse
from marl.encoders.normalised import Normalised, NormalisedConfig
from marl.errors import ConfigError

CPU = torch.device("cpu")


def encoder_of(spec=ONE_AGENT, **options) -> Normalised:
    return NormalisedConfig(**options).build(spec, CPU)


def test_before_anything_is_learnt_observations_are_only_clipped():
    obs = torch.tensor([[0.5, -3.0, 7.0, -9.0, 0.0, 1.0]])
    assert encoder_of().encode(obs).tolist() == [[0.5, -3.0, 5.0, -5.0, 0.0, 1.0]]


def test_statistics_are_those_of_all_real_observations_learnt_from():
    encoder = encoder_of(SMALL)
    batches = [random_batch(SMALL, 4, seed, lengths=[9, 5, 3, 1]) for seed in range(3)]
    for batch in batches:
        encoder.learn(batch)
    real = torch.cat([batch.obs[batch.slots_filled].flatten(0, 1) for batch in batches]).double()
    mean, std = real.mean(0), real.std(0, correction=0)
    torch.testing.assert_close(encoder.mean.double(), mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(encoder.std.double(), std, rtol=0, atol=1e-6)
    by_hand = ((batches[0].obs - mean.float()) / std.float()).clamp(-5, 5)
    encoded = encoder.encoded(batches[0])
    real = batches[0].slots_filled
    torch.testing.assert_close(encoded.obs[real], by_hand[real])
    assert (encoded.obs[~real] == 0.0).all()
    assert torch.equal(encoded.state, batches[0].state)


def test_a_number_that_never_changes_is_divided_by_the_least_std():
    encoder, batch = encoder_of(), random_batch(ONE_AGENT, 4)
    batch.obs[..., 2] = 3.0
    encoder.learn(batch)
    assert encoder.std[2].item() == pytest.approx(0.01)
    shown = batch.obs[:1, 0].clone()
    shown[..., 2] = 3.02
    assert encoder.encode(shown)[0, 0, 2].item() == pytest.approx(2.0, abs=1e-3)
    shown[..., 2] = 4.0
    assert encoder.encode(shown)[0, 0, 2].item() == 5.0


def test_numbers_beyond_the_raw_clip_count_as_those_at_it():
    encoder, batch = encoder_of(), random_batch(ONE_AGENT, 1, lengths=[1])
    batch.obs[0, :, 0, 0] = torch.tensor([1e9, -200.0])
    encoder.learn(batch)
    assert encoder.mean[0].item() == 0.0
    assert encoder.std[0].item() == pytest.approx(200.0)


def test_a_skill_stays_as_it_is():
    skilled = replace(ONE_AGENT, skills=2)  # before no goal: the last two numbers
    encoder, batch = encoder_of(skilled), random_batch(ONE_AGENT, 4)
    batch.obs[..., 4:] = torch.tensor([1.0, 0.0])
    encoder.learn(batch)
    assert torch.equal(encoder.encoded(batch).obs[..., 4:], batch.obs[..., 4:])
    assert not torch.equal(encoder.encoded(batch).obs[..., :4], batch.obs[..., :4])


def test_a_saved_one_goes_on_as_the_first():
    one, two = encoder_of(), encoder_of()
    one.learn(random_batch(ONE_AGENT, 4, seed=1))
    two.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    batch = random_batch(ONE_AGENT, 4, seed=2)
    for encoder in (one, two):
        encoder.learn(batch)
    assert torch.equal(one.encode(batch.obs), two.encode(batch.obs))
    with pytest.raises(ValueError, match="statistics of observations: total"):
        two.load_state_dict(one.state_dict() | {"total": torch.zeros(2)})


@pytest.mark.parametrize("name", ["least_std", "clip", "raw_clip"])
def test_options_that_make_no_sense_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        parse(NormalisedConfig, {name: 0.0})

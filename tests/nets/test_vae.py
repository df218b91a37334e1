"""The model of the data's actions: its losses by hand, agents, and that it learns."""

from __future__ import annotations

import pytest
import torch
from builders import TEAM_OF_VECTORS, VECTORS
from torch.distributions import Normal, kl_divergence

from marl.nets.vae import LOG_STD, Reconstruction, VaeConfig

SMALL = VaeConfig(hidden_dims=(32, 32))


def test_the_squares_are_of_the_squashed_numbers():
    numbers = torch.tensor([[0.5, -1.0]])
    rebuilt = Reconstruction(numbers, torch.zeros(1, 4), torch.zeros(1, 4))
    actions = torch.tensor([[0.1, 0.2]])
    by_hand = ((numbers.tanh() - actions) ** 2).sum() / 2
    assert rebuilt.squares(actions).item() == pytest.approx(by_hand.item())


def test_the_divergence_is_that_of_torch_over_the_latents_dimensions():
    mean, log_std = torch.randn(5, 4), 0.3 * torch.randn(5, 4)
    normal = kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).mean(-1)
    found = Reconstruction(torch.zeros(5, 2), mean, log_std).divergence()
    torch.testing.assert_close(found, normal, atol=1e-6, rtol=1e-5)


def test_a_standard_normal_latent_has_no_divergence():
    zeros = torch.zeros(3, 4)
    assert Reconstruction(zeros, zeros, zeros).divergence().tolist() == [0.0] * 3


def test_the_way_there_and_back_by_hand():
    torch.manual_seed(0)
    vae = SMALL.build(VECTORS)
    obs, actions, noise = torch.randn(7, 1, 6), torch.rand(7, 1, 2), torch.randn(7, 1, 4)
    found = vae(obs, actions, noise)
    mean, log_std = vae.encoder(torch.cat([obs, actions], -1)).split(4, dim=-1)
    latent = mean + log_std.exp() * noise
    assert torch.equal(found.mean, mean)
    torch.testing.assert_close(found.numbers, vae.decoder(torch.cat([obs, latent], -1)))


def test_the_latents_spread_stays_between_its_bounds():
    torch.manual_seed(0)
    vae = SMALL.build(VECTORS)
    with torch.no_grad():
        vae.encoder[-1].bias.copy_(torch.tensor([0.0] * 4 + [-50.0, 50.0] * 2))
    found = vae(torch.zeros(2, 1, 6), torch.zeros(2, 1, 2), torch.zeros(2, 1, 4))
    assert found.log_std[0, 0].tolist() == [LOG_STD[0], LOG_STD[1]] * 2


def test_many_latents_for_each_observation_are_decoded_as_each_alone():
    torch.manual_seed(0)
    vae = SMALL.build(TEAM_OF_VECTORS)
    obs, latent = torch.randn(5, 3, 6), torch.randn(4, 5, 3, 4)
    together = vae.decode(obs, latent)
    assert together.shape == (4, 5, 3, 2)
    for number in range(4):
        torch.testing.assert_close(together[number], vae.decode(obs, latent[number]))


@pytest.mark.parametrize("agent_id", [False, True])
def test_agents_are_told_apart_where_it_is_asked(agent_id):
    torch.manual_seed(0)
    vae = VaeConfig(hidden_dims=(32,), agent_id=agent_id).build(TEAM_OF_VECTORS)
    obs, latent = torch.ones(1, 3, 6), torch.ones(1, 3, 4)
    numbers = vae.decode(obs, latent)[0]
    assert torch.allclose(numbers[0], numbers[1]) != agent_id


def test_bounds_are_half_ranges_and_back():
    vae = SMALL.build(VECTORS)
    actions = torch.tensor([[-2.0, 0.0], [2.0, 0.5], [0.0, 0.25]])
    assert vae.in_halves(actions).tolist() == [[-1, -1], [1, 1], [0, 0]]
    numbers = torch.randn(4, 2)
    torch.testing.assert_close(vae.in_halves(vae.squash(numbers)), numbers.tanh())

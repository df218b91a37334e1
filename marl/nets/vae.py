"""A variational autoencoder of actions: what the data's policy does at an observation.

    z ~ N(mean(s, a), exp(log_std(s, a))^2), of two numbers for each of the action's
    loss = mean (tanh(decoded(s, z)) - a)^2 + kl_weight * KL,
    KL = -1/2 mean(1 + 2 log_std - mean^2 - exp(2 log_std))

Kingma and Welling 2014 (arXiv:1312.6114), conditioned on the observation as in BCQ (Fujimoto et
al. 2019, arXiv:1812.02900), whose code gives the sizes, the bounds of log_std and the means over
the dimensions of latent and action. Actions are in half-ranges: the loss is the same in any unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from marl.config.schema import option
from marl.nets.agents import perceptron, with_agent_ids
from marl.nets.bounded import Bounded
from marl.spec import EnvSpec

LOG_STD = (-4.0, 15.0)  # least and greatest, of the latent numbers


@dataclass(frozen=True)
class VaeConfig:
    """The networks of both ways."""

    hidden_dims: tuple[int, ...] = option((750, 750), low=1, high=4096)  # of encoder and decoder
    agent_id: bool = False  # append the agent's one-hot number

    def build(self, spec: EnvSpec) -> BehaviourVae:
        return BehaviourVae(spec, self)


class Reconstruction(NamedTuple):
    """An action after both ways, and the latent numbers between."""

    numbers: Tensor  # [...,D], before tanh
    mean: Tensor  # [...,Z]
    log_std: Tensor  # [...,Z]

    def squares(self, actions: Tensor) -> Tensor:
        """Squared distance from the actions, in half-ranges [...,D]: mean over D, [...]."""
        return (torch.tanh(self.numbers) - actions).square().mean(-1)

    def divergence(self) -> Tensor:
        """KL from a standard normal latent: mean over Z, [...]."""
        variance = (2.0 * self.log_std).exp()
        return -0.5 * (1.0 + 2.0 * self.log_std - self.mean.square() - variance).mean(-1)


class BehaviourVae(Bounded):
    """Actions like those of the data; all agents share it."""

    def __init__(self, spec: EnvSpec, config: VaeConfig) -> None:
        super().__init__()
        self.keep_bounds(spec)
        self.n_agents = spec.n_agents
        self.agent_id = config.agent_id
        self.latent_dim = 2 * spec.action_width
        seen = spec.obs_dim + (spec.n_agents if config.agent_id else 0)
        sizes = config.hidden_dims
        self.encoder = perceptron(seen + spec.action_width, sizes, 2 * self.latent_dim)
        self.decoder = perceptron(seen + self.latent_dim, sizes, spec.action_width)

    def _joined(self, obs: Tensor, numbers: Tensor) -> Tensor:
        """obs [...,A,O] beside numbers [(N,)...,A,J], and who the agent is."""
        parts = [obs.expand(*numbers.shape[:-1], obs.shape[-1]), numbers]
        return with_agent_ids(parts, self.n_agents) if self.agent_id else torch.cat(parts, dim=-1)

    def forward(self, obs: Tensor, actions: Tensor, noise: Tensor) -> Reconstruction:
        """obs [...,A,O], actions [...,A,D] in half-ranges, noise [...,A,Z] standard normal."""
        mean, log_std = self.encoder(self._joined(obs, actions)).chunk(2, dim=-1)
        log_std = log_std.clamp(*LOG_STD)
        return Reconstruction(self.decode(obs, mean + log_std.exp() * noise), mean, log_std)

    def decode(self, obs: Tensor, latent: Tensor) -> Tensor:
        """obs [...,A,O], latent [(N,)...,A,Z] -> an action's numbers before tanh, [(N,)...,A,D]."""
        return self.decoder(self._joined(obs, latent))

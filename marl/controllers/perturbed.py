"""Actions like the data's, each moved a little: BCQ's policy.

a = decoded(s, z),  z ~ N(0, 1) clipped to +-`latent_clip`
pi(s, a) = clip(a + phi * half-range * tanh(xi(s, a)))
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marl.config.schema import option
from marl.controllers.candidates import CandidatesConfig
from marl.nets.agents import MlpConfig, perceptron, with_agent_ids
from marl.nets.bounded import Bounded
from marl.nets.vae import BehaviourVae
from marl.protocols.acting import Carry
from marl.spec import EnvSpec


@dataclass(frozen=True)
class PerturbedConfig(CandidatesConfig):
    """Acting by the best of the data's actions, as moved."""

    candidates: int = option(100, low=1, high=1000)
    phi: float = option(0.05, low=0.0, high=2.0)  # farthest move, in halves of the range


class Perturbation(Bounded):
    """Moves actions; all agents share it."""

    def __init__(self, spec: EnvSpec, agent: MlpConfig, phi: float) -> None:
        super().__init__()
        self.keep_bounds(spec)
        self.n_agents = spec.n_agents
        self.agent_id = agent.agent_id
        self.phi = phi
        width = spec.obs_dim + spec.action_width + (spec.n_agents if agent.agent_id else 0)
        self.net = perceptron(
            width, agent.hidden_dims, spec.action_width, agent.activation, agent.layer_norm
        )

    def forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """obs [...,A,O], actions [(N,)...,A,D] -> actions within the bounds, [(N,)...,A,D]."""
        parts = [obs.expand(*actions.shape[:-1], obs.shape[-1]), actions]
        joined = with_agent_ids(parts, self.n_agents) if self.agent_id else torch.cat(parts, dim=-1)
        move = torch.tanh(self.net(joined))
        return self.clip(actions + self.phi * self.action_scale * move)


class PerturbedPolicy(nn.Module):
    """Proposes moved actions of the data's model; greedy ones are of the same latents always."""

    candidate_noise: Tensor  # [N,1,1,Z]

    def __init__(
        self,
        vae: BehaviourVae,
        perturbation: Perturbation,
        candidates: int,
        latent_clip: float,
    ) -> None:
        super().__init__()
        self.vae = vae
        self.perturbation = perturbation
        self.latent_clip = latent_clip
        self.register_buffer("candidate_noise", torch.randn(candidates, 1, 1, vae.latent_dim))

    def initial_carry(self, batch: int) -> Carry:
        """Nothing: there is no memory."""
        return {}

    def propose(
        self, obs: Tensor, carry: Carry, rng: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """obs [B,A,O] -> actions [N,B,A,D], hidden [B,A,0]."""
        noise = self.candidate_noise
        if rng is None:
            noise = noise.expand(-1, *obs.shape[:-1], -1)
        else:
            shape = (len(noise), *obs.shape[:-1], noise.shape[-1])
            noise = torch.randn(shape, generator=rng).to(obs.device)
        latent = noise.clamp(-self.latent_clip, self.latent_clip)
        actions = self.vae.squash(self.vae.decode(obs, latent))
        return self.perturbation(obs, actions), obs[..., :0]

    def next_carry(self, hidden: Tensor, actions: Tensor) -> Carry:
        """Nothing: there is no memory."""
        return {}

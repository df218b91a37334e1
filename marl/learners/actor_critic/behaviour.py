"""What learners have in common that keep to the data's actions: a model of them, learnt beside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from marl.batch import BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.learners.actor_critic.learner import CriticLearnerConfig
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.critics import cached_parts
from marl.nets.optimizing import descend, load_optimizer
from marl.nets.vae import BehaviourVae
from marl.protocols.loop import Metrics, State


@dataclass(frozen=True)
class BehaviourLearnerConfig(CriticLearnerConfig):
    """Critics whose next value is the best of several actions like the data's."""

    policy_delay: int = option(1, low=1)
    target_delay: int = option(1, low=1)
    soft_clip: float = option(0.75, low=0.0, high=1.0)  # weight of the least critic's next value
    next_samples: int = option(10, low=1, high=1000)  # actions for it, of which the best counts
    latent_clip: float = option(0.5, above=0.0)  # of the latent noise that actions are made from
    kl_weight: float = option(0.5, low=0.0)  # in the loss of the model of the data's actions
    actor_optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001, fused=True)
    vae_optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001, fused=True)


class Behaviour:
    """A variational autoencoder of the data's actions, and how it is learnt."""

    def __init__(self, vae: BehaviourVae, config: BehaviourLearnerConfig) -> None:
        self.vae = vae
        self.config = config
        self.parameters = [*vae.parameters()]
        self.optimizer = config.vae_optimizer.build(self.parameters)

    def learn(self, batch: EpisodeBatch, rng: torch.Generator) -> Metrics:
        """One gradient step."""
        squares, divergence = self.losses(batch, rng)
        loss = squares + self.config.kl_weight * divergence
        descend(loss, self.optimizer, self.parameters)
        return {"vae_squares": squares.detach(), "vae_divergence": divergence.detach()}

    def losses(self, batch: EpisodeBatch, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Means over real steps of the squared error and of the latent's divergence."""
        vae, filled = self.vae, batch.filled
        actions = vae.in_halves(batch.actions)
        shape = (*actions.shape[:-1], vae.latent_dim)
        noise = torch.randn(shape, generator=rng).to(actions.device)
        rebuilt = vae(batch.obs[:, BEFORE], actions, noise)
        return (
            masked_mean(rebuilt.squares(actions), filled),
            masked_mean(rebuilt.divergence(), filled),
        )

    @torch.no_grad()
    def numbers(self, obs: Tensor, count: int, rng: torch.Generator) -> Tensor:
        """Actions like the data's before tanh, obs [B,T,A,O] -> [N,B,T,A,D]."""
        shape = (count, *obs.shape[:-1], self.vae.latent_dim)
        latent = torch.randn(shape, generator=rng).to(obs.device)
        latent = latent.clamp(-self.config.latent_clip, self.config.latent_clip)
        return torch.cat([self.vae.decode(obs, part) for part in cached_parts(latent)])

    def state_dict(self) -> State:
        return {"vae": self.vae.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self.vae.load_state_dict(state["vae"])
        load_optimizer(self.optimizer, state["optimizer"])

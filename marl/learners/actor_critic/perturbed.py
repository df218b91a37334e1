"""Batch-constrained learning: the best of the data's actions, each moved a little by the critics.

    next value = max over `next_samples` actions a' = pi_target(s', decoded(s', z)) of
                 c * min_k Q_target,k(s', a') + (1 - c) * max_k Q_target,k(s', a')
    actor loss = -mean over real steps of Q_1(s, pi(s, decoded(s, z)))
        z ~ N(0, 1) clipped; pi as in marl/controllers/perturbed.py

Fujimoto et al. 2019 (BCQ, arXiv:1812.02900).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from marl.batch import AFTER, BEFORE, EpisodeBatch, masked_mean
from marl.controllers.perturbed import PerturbedPolicy
from marl.learners.actor_critic.behaviour import Behaviour, BehaviourLearnerConfig
from marl.learners.actor_critic.learner import soft_update
from marl.learners.actor_critic.reductions import soft_clipped
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.critics import QEnsemble
from marl.nets.optimizing import descend, load_optimizer
from marl.protocols.loop import Metrics, Progress, State


@dataclass(frozen=True)
class PerturbedLearnerConfig(BehaviourLearnerConfig):
    """Batch-constrained learning; the authors' values are the defaults."""

    critic_optimizer: OptimizerConfig = AdamConfig(lr=0.001, eps=0.00000001, fused=True)


class PerturbedImprovement:
    """Moves the data's actions to where the first critic is higher."""

    def __init__(self, policy: PerturbedPolicy, config: PerturbedLearnerConfig) -> None:
        self.policy = policy
        self.config = config
        self.behaviour = Behaviour(policy.vae, config)
        self.perturbation = policy.perturbation
        self.target_perturbation = copy.deepcopy(self.perturbation).requires_grad_(False)
        self.policy_parameters = [*self.perturbation.parameters()]
        self.parameters = [*self.policy_parameters, *self.behaviour.parameters]
        self.optimizer = config.actor_optimizer.build(self.policy_parameters)

    def vectors(self, actions: Tensor) -> Tensor:
        return actions

    def prepare(self, batch: EpisodeBatch, rng: torch.Generator) -> Metrics:
        return self.behaviour.learn(batch, rng)

    def _data(self, obs: Tensor, count: int, rng: torch.Generator) -> Tensor:
        """Actions like the data's, obs [B,T,A,O] -> [N,B,T,A,D]; no gradient."""
        return self.perturbation.squash(self.behaviour.numbers(obs, count, rng))

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Best of the moved actions by the soft-clipped target critics, [B,T,A]."""
        obs = batch.obs[:, AFTER]
        actions = self.target_perturbation(obs, self._data(obs, self.config.next_samples, rng))
        values = critics.values_of_each(batch, AFTER, actions)  # [K,N,B,T,A]
        return soft_clipped(values, self.config.soft_clip).amax(0)

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        loss = self.loss(batch, critics, rng)
        descend(loss, self.optimizer, self.policy_parameters)
        return {"actor_loss": loss.detach()}

    def loss(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """What the perturbation's parameters descend."""
        obs = batch.obs[:, BEFORE]
        actions = self.perturbation(obs, self._data(obs, 1, rng)[0])
        return -masked_mean(critics.values(batch, BEFORE, actions, [0])[0], batch.filled)

    def follow(self, tau: float) -> None:
        soft_update(self.target_perturbation.parameters(), self.policy_parameters, tau)

    def state_dict(self) -> State:
        return {
            "policy": self.policy.state_dict(),  # the data's model too
            "target_perturbation": self.target_perturbation.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "vae_optimizer": self.behaviour.optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.policy.load_state_dict(state["policy"])
        self.target_perturbation.load_state_dict(state["target_perturbation"])
        load_optimizer(self.optimizer, state["optimizer"])
        load_optimizer(self.behaviour.optimizer, state["vae_optimizer"])

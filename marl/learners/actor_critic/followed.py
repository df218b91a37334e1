"""What most improvements are made of: a policy, its target copy and its optimiser."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch
from marl.learners.optimizers import OptimizerConfig
from marl.nets.optimizing import descend, load_optimizer
from marl.nets.soft_update import soft_update
from marl.protocols.loop import Metrics, State

Policy = TypeVar("Policy", bound=nn.Module)


class FollowedPolicy(Generic[Policy]):
    """A policy whose target copy follows it; learns nothing beside it."""

    def __init__(self, policy: Policy, optimizer: OptimizerConfig) -> None:
        self.policy = policy
        self.target_policy = copy.deepcopy(policy).requires_grad_(False)
        self.policy_parameters = [*policy.parameters()]
        self.parameters: Sequence[nn.Parameter] = self.policy_parameters
        self.optimizer = optimizer.build(self.policy_parameters)

    def vectors(self, actions: Tensor) -> Tensor:
        """Continuous actions are vectors already."""
        return actions

    def prepare(self, batch: EpisodeBatch, rng: torch.Generator) -> Metrics:
        return {}

    def descend(self, loss: Tensor) -> None:
        """One gradient step of the policy alone."""
        descend(loss, self.optimizer, self.policy_parameters)

    def follow(self, tau: float) -> None:
        soft_update(self.target_policy.parameters(), self.policy_parameters, tau)

    def state_dict(self) -> State:
        return {
            "policy": self.policy.state_dict(),
            "target_policy": self.target_policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.policy.load_state_dict(state["policy"])
        self.target_policy.load_state_dict(state["target_policy"])
        load_optimizer(self.optimizer, state["optimizer"])

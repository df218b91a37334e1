"""Stochastic policies of bounded actions: a normal number squashed by tanh, in each dimension.

    z = mean + exp(log_std) * noise,    action = middle + half-range * tanh(z)
    log pi = sum over d of log N(z_d) - log(1 - tanh(z_d)^2)

The density is that of the action in half-ranges, so that entropies compare between environments.
Haarnoja et al. 2018 (SAC, arXiv:1801.01290), appendix C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from marl.batch import Column, EpisodeBatch
from marl.config.schema import option
from marl.controllers.noise import DeterministicPolicy, uniform_actions
from marl.controllers.shared import ALL
from marl.nets.agents import AgentConfig
from marl.protocols.acting import Acted, Carry, ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import EnvSpec

LOG_STD = (-5.0, 2.0)  # least and greatest, reached by a tanh so that the gradient never ends


class Gauss(NamedTuple):
    """Independent normal numbers before the squashing, [...,D] each."""

    mean: Tensor
    log_std: Tensor

    def draw(self, noise: Tensor) -> Tensor:
        """Numbers of standard normal noise [...,D]; the gradient passes."""
        return self.mean + self.log_std.exp() * noise

    def log_prob(self, numbers: Tensor) -> Tensor:
        """Log-density of the squashed numbers, whose unsquashed ones [...,D] these are, [...]."""
        scaled = (numbers - self.mean) * (-self.log_std).exp()
        normal = -0.5 * scaled.square() - self.log_std - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(z)^2) without the loss of digits where tanh is nearly 1
        squash = 2.0 * (math.log(2.0) - numbers - softplus(-2.0 * numbers))
        return (normal - squash).sum(-1)


class SquashedPolicy(DeterministicPolicy):
    """A distribution of actions for each observation; its mode stands for the deterministic one."""

    def __init__(self, spec: EnvSpec, config: AgentConfig) -> None:
        super().__init__(spec, config, outputs_per_action=2)

    def gauss(self, outputs: Tensor) -> Gauss:
        """The normal numbers that outputs [...,2D] stand for."""
        mean, spread = outputs.chunk(2, dim=-1)
        low, high = LOG_STD
        return Gauss(mean, low + 0.5 * (high - low) * (torch.tanh(spread) + 1.0))

    def at(self, batch: EpisodeBatch, slots: slice = ALL) -> Gauss:
        """The normal numbers at the slots, [B,T',A,D] each."""
        return self.gauss(self.unroll(batch, slots))

    def draw(
        self, batch: EpisodeBatch, slots: slice, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Drawn actions at the slots [B,T',A,D], and their log-densities [B,T',A]."""
        gauss = self.at(batch, slots)
        noise = torch.randn(gauss.mean.shape, generator=rng).to(gauss.mean.device)
        numbers = gauss.draw(noise)
        return self.squash(numbers), gauss.log_prob(numbers)

    def scale_to_bounds(self, outputs: Tensor) -> Tensor:
        """Outputs [...,2D] to the mode within the bounds, [...,D]."""
        return self.squash(outputs.chunk(2, dim=-1)[0])


@dataclass(frozen=True)
class WarmUpConfig:
    """Exploration by the policy's own draws, after uniform actions at first."""

    random_steps: int = option(5_000, low=0)  # environment steps of uniform actions


class SquashedActor:
    """Draws from a squashed policy; asked greedily it takes the mode."""

    columns: tuple[Column, ...] = ()

    def __init__(self, policy: SquashedPolicy, noise: WarmUpConfig) -> None:
        self.policy = policy
        self.noise = noise

    def initial_carry(self, batch: int) -> Carry:
        return self.policy.initial_carry(batch)

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """actions [B,A,D] within the bounds."""
        policy = self.policy
        outputs, hidden = policy.step(observation.obs, carry)
        if greedy:
            actions = policy.scale_to_bounds(outputs)
        elif progress.t_env < self.noise.random_steps:
            actions = uniform_actions(policy, (*outputs.shape[:-1], policy.action_dim), rng)
        else:
            gauss = policy.gauss(outputs)
            noise = torch.randn(gauss.mean.shape, generator=rng).to(outputs.device)
            actions = policy.squash(gauss.draw(noise))
        return Acted(actions, policy.next_carry(hidden, actions), {})

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {}

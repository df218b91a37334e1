"""Deterministic policies for continuous actions, and the noise that they explore with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch
from marl.config.schema import option
from marl.controllers.shared import ALL, SharedController
from marl.nets.agents import AgentConfig
from marl.nets.bounded import Bounded
from marl.protocols.acting import Acted, Carry, ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import EnvSpec


class DeterministicPolicy(SharedController, Bounded):
    """One action for each observation: tanh of the outputs, scaled to the bounds."""

    def __init__(self, spec: EnvSpec, config: AgentConfig, outputs_per_action: int = 1) -> None:
        super().__init__(spec, config, outputs=spec.action_width * outputs_per_action)
        self.keep_bounds(spec)

    def actions(self, batch: EpisodeBatch, slots: slice = ALL) -> Tensor:
        """The policy's actions at the slots, [B,T',A,D]."""
        return self.scale_to_bounds(self.unroll(batch, slots))

    def scale_to_bounds(self, outputs: Tensor) -> Tensor:
        """Outputs of the network to actions within the bounds, [...,D]."""
        return self.squash(outputs)


def uniform_actions(
    policy: DeterministicPolicy, shape: Sequence[int], rng: torch.Generator
) -> Tensor:
    """Actions anywhere within the policy's bounds, each as likely as any other, [...,D]."""
    uniform = 2.0 * torch.rand(*shape, generator=rng).to(policy.action_bias.device) - 1.0
    return policy.action_bias + policy.action_scale * uniform


@dataclass(frozen=True)
class NoiseConfig:
    """Exploration: uniform actions at first, then Gaussian noise on the policy's, or both."""

    random_steps: int = option(25_000, low=0)  # environment steps of uniform actions
    std: float = option(0.1, low=0.0)  # of the noise, in halves of the range between the bounds
    random_share: float = option(0.0, low=0.0, high=1.0)  # of uniform actions, for good
    start_std: float | None = option(None, low=0.0)  # it begins there; null: it is std throughout
    anneal: int = option(0, low=0)  # environment steps in which it goes from start_std to std

    def std_at(self, t_env: int) -> float:
        """Deviation of the noise after so many environment steps."""
        if self.start_std is None or t_env >= self.anneal:
            return self.std
        return self.start_std + (self.std - self.start_std) * t_env / self.anneal


class NoisyActor:
    """Acts by a deterministic policy, with noise unless it is asked greedily."""

    columns: tuple[Column, ...] = ()

    def __init__(self, policy: DeterministicPolicy, noise: NoiseConfig) -> None:
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
        actions = policy.scale_to_bounds(outputs)
        if not greedy:
            actions = self._explore(actions, progress, rng)
        return Acted(actions, policy.next_carry(hidden, actions), {})

    def _explore(self, actions: Tensor, progress: Progress, rng: torch.Generator) -> Tensor:
        policy = self.policy
        if progress.t_env < self.noise.random_steps:
            return uniform_actions(policy, actions.shape, rng)
        noise = torch.randn(actions.shape, generator=rng).to(actions.device)
        std = self.noise.std_at(progress.t_env)
        noisy = policy.clip(actions + std * policy.action_scale * noise)
        if self.noise.random_share == 0.0:
            return noisy
        drawn = torch.rand(actions.shape[:-1], generator=rng) < self.noise.random_share  # [B,A]
        uniform = uniform_actions(policy, actions.shape, rng)
        return torch.where(drawn.to(actions.device)[..., None], uniform, noisy)

    def metrics(self, progress: Progress) -> dict[str, float]:
        """noise: the deviation, where it changes."""
        if self.noise.start_std is None:
            return {}
        return {"noise": self.noise.std_at(progress.t_env)}

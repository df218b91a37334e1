"""TD3: deterministic actor-critic with twin critics (Fujimoto et al. 2018, arXiv:1802.09477).

    a' = clip(pi_target(s') + clip(noise, -0.5, 0.5)),  noise ~ N(0, 0.2^2), in halves of the range
    y = r + gamma * (1 - terminated) * min(Q_target,1(s', a'), Q_target,2(s', a'))
    the actor climbs Q_1 on every second update; the targets follow with it

Differs from the paper: networks of 256-256 and Adam at 3e-4 with batches of 256 (400-300, 1e-3 and
100 there), as in the authors' later release and in CleanRL, whose 25,000 random steps are the
default too (10,000 there, 1,000 for easy tasks). An episode cut off by a time limit bootstraps, as
in the paper. The noise scales with each action's own range.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.actor_critic import ActorCriticRecipeConfig
from marl.controllers.noise import DeterministicPolicy, NoiseConfig, NoisyActor
from marl.learners.actor_critic.deterministic import DeterministicConfig, DeterministicImprovement
from marl.learners.actor_critic.improvement import Improvement
from marl.protocols.acting import Actor
from marl.spec import EnvSpec


@dataclass(frozen=True)
class Td3Config(ActorCriticRecipeConfig):
    """Twin delayed deterministic policy gradient; CleanRL's values are the defaults."""

    learner: DeterministicConfig = DeterministicConfig()
    noise: NoiseConfig = NoiseConfig()

    def policy(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor]:
        policy = DeterministicPolicy(spec, self.agent).to(device)
        return DeterministicImprovement(policy, self.learner), NoisyActor(policy, self.noise)

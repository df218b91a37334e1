"""SAC: soft actor-critic with a learnt temperature (Haarnoja et al. 2018, arXiv:1812.05905).

    y = r + gamma * (1 - terminated) * (min_k Q_target,k(s', a') - alpha * log pi(a' | s'))
    the actor descends alpha * log pi(a | s) - min_k Q_k(s, a)
    alpha moves so that the entropy is that of the target, -1 nat for each dimension of an action

Differs from the paper: Adam at 1e-3 for the critics (3e-4 there) and 5,000 random steps (10,000),
as in CleanRL, which takes two steps of the actor on every second update. The entropy is that of
actions in half-ranges, so that it does not depend on an environment's units.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.actor_critic import ActorCriticRecipeConfig
from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.squashed import SquashedActor, SquashedPolicy, WarmUpConfig
from marl.learners.actor_critic.improvement import Improvement
from marl.learners.actor_critic.soft import SoftConfig, SoftImprovement
from marl.protocols.acting import Actor
from marl.spec import EnvSpec


@dataclass(frozen=True)
class SacConfig(ActorCriticRecipeConfig):
    """Soft actor-critic; CleanRL's values are the defaults."""

    learner: SoftConfig = SoftConfig()
    noise: WarmUpConfig = WarmUpConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, start=5_000)

    def policy(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor]:
        policy = SquashedPolicy(spec, self.agent).to(device)
        return SoftImprovement(policy, self.learner), SquashedActor(policy, self.noise)

"""TD3+BC: TD3 that is pulled to the data's actions (Fujimoto and Gu 2021, arXiv:2106.06860).

    the actor descends -2.5 / mean|Q_1(s, pi(s))| * Q_1(s, pi(s)) + mean (pi(s) - a)^2

all else as TD3, with the authors' networks of 256-256, Adam at 3e-4, batches of 256. Differs from
the paper: the squares are of half-ranges; observations are normalised where `encoder.kind` says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.noise import NoiseConfig
from marl.errors import ConfigError
from marl.learners.actor_critic.deterministic import DeterministicConfig
from marl.single_agent.actor_critic.td3 import Td3Config
from marl.spec import EnvSpec


@dataclass(frozen=True)
class Td3BcConfig(Td3Config):
    """TD3 with behaviour cloning; the authors' values are the defaults."""

    learner: DeterministicConfig = DeterministicConfig(cloning=2.5)
    noise: NoiseConfig = NoiseConfig(random_steps=0)
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, start=256)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        super().check(spec)
        if self.learner.cloning == 0.0:
            raise ConfigError("learner.cloning: 0 is TD3 without cloning; choose --config=td3")

"""iQRL: TD3 on quantised latents that predict themselves (Scannell et al. 2024, arXiv:2406.02696).

    z = round(e(o)); e learns by predicting its own next latents (marl/encoders/self_predictive.py)
    a' = clip(pi_target(z_t+n) + clip(noise, -0.3, 0.3)),  noise ~ N(0, 0.2^2), in half-ranges
    y = sum over k < n of gamma^k r_t+k + gamma^n * (1 - terminated) * min of 2 of 5 Q_target(z, a')
    the actor climbs the mean of 2 of the 5 Q on every second update
    critics' targets follow on every update, the actor's with the actor

The order of an update: the encoder, then the critics, then the actor; neither of the two changes
the encoder, and nothing plans with its dynamics.

Differs from the published code, whose text says otherwise in each case: the encoder's loss has its
minus sign; the next value is discounted by gamma^n (by 1 with n = 1 there); a terminated step keeps
its reward and ends the sum. Differs besides: noise falls with environment steps, not with episodes;
the critics' loss is the sum of their means (the mean of them there; Adam does not mind).
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.buffers.episodes import BufferConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.noise import NoiseConfig
from marl.encoders.config import EncoderConfig
from marl.encoders.self_predictive import SelfPredictiveConfig
from marl.learners.actor_critic.deterministic import DeterministicConfig
from marl.nets.agents import AgentConfig, MlpConfig
from marl.nets.critics import CriticConfig
from marl.nets.team_critics import AnyCriticConfig
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.kinds import RolloutConfig
from marl.single_agent.actor_critic.td3 import Td3Config


@dataclass(frozen=True)
class IqrlConfig(Td3Config):
    """Implicitly quantised reinforcement learning; the paper's values are the defaults."""

    agent: AgentConfig = MlpConfig(
        hidden_dims=(512, 512),
        activation="mish",
        layer_norm=True,
        agent_id=False,
        last_action=False,
    )
    critic: AnyCriticConfig = CriticConfig(
        count=5, hidden_dims=(512, 512), activation="mish", layer_norm=True
    )
    encoder: EncoderConfig = SelfPredictiveConfig()
    learner: DeterministicConfig = DeterministicConfig(
        target_delay=1, target_noise_clip=0.3, drawn_critics=2, climb="mean"
    )
    noise: NoiseConfig = NoiseConfig(random_steps=0, std=0.1, start_std=1.0, anneal=75_000)
    rollout: RolloutConfig = EpisodeRolloutConfig()
    buffer: ReplayConfig = BufferConfig(episodes=10_000)
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, length=5, start=5_000)

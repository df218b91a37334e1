"""MUSIC: mutual information state intrinsic control (Zhao et al. 2021, arXiv:2103.08107).

    I(x, y) = mean_i T(x_i, y_i) - log mean_i exp T(x_i, y_perm(i)),    T learnt over whole episodes
    r' = reward_weight * r + weight * (clip(scale * I of the step, 0, 1) - 1)
    y = r' + gamma * Q_target(s', pi_target(s'))
    the actor climbs Q(s, pi(s)) - action_penalty * mean(pi(s)^2)
    targets keep 95 % of themselves, every 40 updates

x is where the agent is, y where what surrounds it is: gripper and object of the Fetch tasks. An
agent without a reward so learns to get hold of things. `music` is DDPG with it, `music_sac` soft
actor-critic; `learner.kind=clipped_entropy` makes that the published code's.

The published variants are presets: configs/algs/music*.yaml, diayn.yaml.

Differs from the published code: one process, where 16 added up their gradients; a terminated step
has no bootstrap (its tasks never end early); the reward of a step swaps its two points
(marl/intrinsic/mutual_information/bonus.py); statistics of observations are of what is learnt from
(marl/encoders/normalised.py); updates are counted per step, 0.4 for each as there, and targets
follow by their number. `music_sac` has twin critics and a learnt temperature by default. Hidden
goals are zeros after the observations' normalisation, whose statistics know the real ones, so that
weights serve a later task (there zeros were normalised too, and the real goals of tests and tasks
then lay at the clips); relabelled goals are hidden too. Weights begin as torch's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.actor_critic import ActorCriticRecipeConfig
from marl.buffers.episodes import BufferConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.noise import NoiseConfig, NoisyActor
from marl.controllers.squashed import SquashedPolicy
from marl.encoders.config import EncoderConfig
from marl.encoders.normalised import NormalisedConfig
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.mutual_information.bonus import MutualInformationConfig
from marl.learners.actor_critic.clipped_entropy import (
    ClippedEntropyConfig,
    ClippedEntropyImprovement,
)
from marl.learners.actor_critic.deterministic import DeterministicConfig
from marl.learners.actor_critic.improvement import Improvement
from marl.learners.actor_critic.soft import SoftConfig, SoftImprovement
from marl.learners.optimizers import AdamConfig
from marl.nets.agents import AgentConfig, MlpConfig
from marl.nets.critics import CriticConfig
from marl.nets.team_critics import AnyCriticConfig
from marl.protocols.acting import Actor
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.single_agent.actor_critic.ddpg import DdpgConfig
from marl.spec import EnvSpec

LAYERS = (256, 256, 256)
POLICY = MlpConfig(hidden_dims=LAYERS, agent_id=False, last_action=False)
ADAM = AdamConfig(lr=0.001, eps=0.00000001, fused=True)
NOISE = NoiseConfig(random_steps=0, std=0.2, random_share=0.3)
EPISODES = BufferConfig(episodes=20_000)  # a million steps of 50 an episode
STEPS = SliceSamplerConfig(batch_size=256)
UPDATES = ReplayUpdatesConfig(per_episode=0.0, per_step=0.4)  # 40 for two episodes of 50 steps


@dataclass(frozen=True)
class MusicConfig(DdpgConfig):
    """DDPG that is paid for mutual information; the published values are the defaults."""

    agent: AgentConfig = POLICY
    critic: AnyCriticConfig = CriticConfig(count=1, hidden_dims=LAYERS)
    encoder: EncoderConfig = NormalisedConfig()
    bonus: BonusConfig = MutualInformationConfig()
    learner: DeterministicConfig = DeterministicConfig(
        gamma=0.98,
        reward_weight=0.0,
        tau=0.05,
        policy_delay=1,
        target_delay=40,
        target_noise=0.0,
        action_penalty=1.0,
        critic_optimizer=ADAM,
        actor_optimizer=ADAM,
    )
    noise: NoiseConfig = NOISE
    rollout: RolloutConfig = EpisodeRolloutConfig()
    buffer: ReplayConfig = EPISODES
    sampler: SamplerConfig = STEPS
    updates: UpdatesConfig = UPDATES


@dataclass(frozen=True)
class MusicSacConfig(ActorCriticRecipeConfig):
    """Soft actor-critic that is paid for mutual information, with DDPG's noise on its mode."""

    agent: AgentConfig = MlpConfig(
        hidden_dims=(*LAYERS, LAYERS[-1]), agent_id=False, last_action=False
    )
    critic: AnyCriticConfig = CriticConfig(count=2, hidden_dims=LAYERS)
    encoder: EncoderConfig = NormalisedConfig()
    bonus: BonusConfig = MutualInformationConfig()
    learner: SoftConfig | ClippedEntropyConfig = SoftConfig(
        gamma=0.98,
        reward_weight=0.0,
        tau=0.05,
        target_delay=40,
        action_penalty=1.0,
        critic_optimizer=ADAM,
        actor_optimizer=ADAM,
        alpha_optimizer=ADAM,
    )
    noise: NoiseConfig = NOISE
    rollout: RolloutConfig = EpisodeRolloutConfig()
    buffer: ReplayConfig = EPISODES
    sampler: SamplerConfig = STEPS
    updates: UpdatesConfig = UPDATES

    def policy(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor]:
        policy = SquashedPolicy(spec, self.agent).to(device)
        actor = NoisyActor(policy, self.noise)
        if isinstance(self.learner, ClippedEntropyConfig):
            return ClippedEntropyImprovement(policy, self.learner), actor
        return SoftImprovement(policy, self.learner), actor

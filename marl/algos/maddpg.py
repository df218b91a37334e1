"""MADDPG: actors of their own observations, a critic of all (Lowe et al. 2017, arXiv:1706.02275).

    y = r + gamma * (1 - terminated) * Q_target(s', pi_target(o'_1) .. pi_target(o'_A))
    each agent climbs Q(s, a_1 .. pi(o_i) .. a_A), the others doing what they did

It is DDPG with a critic of the team, and TD3 on request (critic.count=2). Actions are continuous,
or discrete ones through their relaxation (marl/learners/actor_critic/relaxed.py).

Differs from the paper: the agents share one policy and one critic, as they have one reward; the
critic sees the environment's state instead of all observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.actor_critic import ActorCriticRecipeConfig
from marl.buffers.episodes import BufferConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.samplers import EpisodeSamplerConfig
from marl.config.schema import option
from marl.controllers.drawing import DrawingActor
from marl.controllers.exploration import EpsilonConfig
from marl.controllers.noise import DeterministicPolicy, NoiseConfig, NoisyActor
from marl.controllers.shared import SharedController
from marl.errors import ConfigError
from marl.learners.actor_critic.deterministic import DeterministicConfig, DeterministicImprovement
from marl.learners.actor_critic.improvement import Improvement
from marl.learners.actor_critic.relaxed import RelaxedConfig, RelaxedImprovement
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.agents import AgentConfig, RnnConfig
from marl.nets.critics import CriticConfig
from marl.nets.team_critics import AnyCriticConfig, JointCriticConfig
from marl.protocols.acting import Actor
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.spec import Continuous, Discrete, EnvSpec

CONTINUOUS_ALONE = ("target_noise", "target_noise_clip", "climb", "action_penalty", "cloning")
DISCRETE_ALONE = ("temperature", "logit_penalty")  # options of the learner
ADAM = AdamConfig(lr=0.0005, eps=0.00000001, fused=True)


@dataclass(frozen=True)
class TeamLearnerConfig(DeterministicConfig, RelaxedConfig):
    """Climbing a team's critic with either kind of actions."""

    policy_delay: int = option(1, low=1)
    target_delay: int = option(1, low=1)
    tau: float = option(0.01, above=0.0, high=1.0)
    target_noise: float = option(0.0, low=0.0)
    actor_optimizer: OptimizerConfig = ADAM
    critic_optimizer: OptimizerConfig = ADAM


@dataclass(frozen=True)
class MaddpgConfig(ActorCriticRecipeConfig):
    """Multi-agent deterministic policy gradient."""

    agent: AgentConfig = RnnConfig()
    critic: AnyCriticConfig = JointCriticConfig(count=1, hidden_dims=(128, 128))
    learner: TeamLearnerConfig = TeamLearnerConfig()
    epsilon: EpsilonConfig = EpsilonConfig(start=0.5)  # discrete actions alone
    noise: NoiseConfig = NoiseConfig(random_steps=0)  # continuous ones alone
    rollout: RolloutConfig = EpisodeRolloutConfig()
    buffer: ReplayConfig = BufferConfig()
    sampler: SamplerConfig = EpisodeSamplerConfig()
    updates: UpdatesConfig = ReplayUpdatesConfig()

    def check_actions(self, spec: EnvSpec) -> None:
        """Both kinds are learnt."""

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        super().check(spec)
        discrete = isinstance(spec.action, Discrete)
        plain, kind = TeamLearnerConfig(), "discrete" if discrete else "continuous"
        for name in CONTINUOUS_ALONE if discrete else DISCRETE_ALONE:
            if getattr(self.learner, name) != getattr(plain, name):
                raise ConfigError(
                    f"learner.{name}: {spec.name} has {kind} actions, which it is not for; leave "
                    f"it at {getattr(plain, name)}"
                )

    def remark(self, spec: EnvSpec) -> str:
        """What critics of each agent's own mean: there is nothing joint in it."""
        if self.critic.kind == CriticConfig.kind:
            return "critic.kind=own: each agent learns by itself from the team's reward"
        return ""

    def policy(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor]:
        if isinstance(spec.action, Continuous):
            policy = DeterministicPolicy(spec, self.agent).to(device)
            return DeterministicImprovement(policy, self.learner), NoisyActor(policy, self.noise)
        assert isinstance(spec.action, Discrete)
        logits = SharedController(spec, self.agent).to(device)
        actor = DrawingActor(logits, self.epsilon)
        return RelaxedImprovement(logits, self.learner), actor

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

from marl.algos.agent import Agent, check_offline, check_replay
from marl.batch import layout_of
from marl.buffers.kinds import ReplayConfig
from marl.buffers.samplers import SamplerConfig, SliceSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig
from marl.controllers.noise import DeterministicPolicy, NoiseConfig, NoisyActor
from marl.errors import ConfigError
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.none import NoBonusConfig
from marl.learners.actor_critic import ActorCriticConfig, ActorCriticLearner
from marl.nets.agents import AgentConfig, MlpConfig
from marl.nets.critics import CriticConfig
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.steps import StepRolloutConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.spec import Continuous, EnvSpec

PERCEPTRON = MlpConfig(hidden_dims=(256, 256), agent_id=False, last_action=False)


@dataclass(frozen=True)
class Td3Config:
    """Twin delayed deterministic policy gradient; CleanRL's values are the defaults."""

    agent: AgentConfig = PERCEPTRON  # the policy's network
    critic: CriticConfig = CriticConfig()
    bonus: BonusConfig = NoBonusConfig()
    learner: ActorCriticConfig = ActorCriticConfig()
    noise: NoiseConfig = NoiseConfig()
    rollout: RolloutConfig = StepRolloutConfig()
    buffer: ReplayConfig = TransitionBufferConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, start=25_000)
    updates: UpdatesConfig = ReplayUpdatesConfig(per_episode=0.0, per_step=1.0)

    def __post_init__(self) -> None:
        """Refuse a run whose first update could never come."""
        check_offline(self.rollout.kind, self.updates.kind, self.buffer.kind)
        self.buffer.refuse_too_small(self.sampler.episodes_needed, self.sampler.steps_needed)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        if not isinstance(spec.action, Continuous):
            raise ConfigError(
                f"{spec.name} has discrete actions, and this learns continuous ones; "
                "choose --config=dqn, ppo or a multi-agent recipe"
            )
        check_replay(spec, self.rollout, self.buffer, self.sampler, self.bonus)

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        policy = DeterministicPolicy(spec, self.agent).to(device)
        critics = self.critic.build(spec).to(device)
        bonus = self.bonus.build(spec, self.learner.gamma, device)
        seed = int(torch.randint(2**62, ()))
        actor = NoisyActor(policy, self.noise)
        layout = layout_of(spec, (*actor.columns, *bonus.columns))
        return Agent(
            layout=layout,
            actor=actor,
            learner=ActorCriticLearner(policy, critics, bonus, self.learner, seed),
            buffer=self.buffer.build(layout, spec),
            sampler=self.sampler.build(),
            schedule=self.updates.build(),
            rollout=self.rollout,
        )

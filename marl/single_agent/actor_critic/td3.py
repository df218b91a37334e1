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

from marl.algos.agent import Agent
from marl.algos.replay import ReplayRecipeConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig
from marl.controllers.noise import DeterministicPolicy, NoiseConfig, NoisyActor
from marl.errors import ConfigError
from marl.learners.actor_critic import ActorCriticConfig, ActorCriticLearner
from marl.nets.agents import AgentConfig, MlpConfig
from marl.nets.critics import CriticConfig
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.steps import StepRolloutConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.spec import Continuous, EnvSpec

PERCEPTRON = MlpConfig(hidden_dims=(256, 256), agent_id=False, last_action=False)


@dataclass(frozen=True)
class Td3Config(ReplayRecipeConfig):
    """Twin delayed deterministic policy gradient; CleanRL's values are the defaults."""

    agent: AgentConfig = PERCEPTRON  # the policy's network
    critic: CriticConfig = CriticConfig()
    learner: ActorCriticConfig = ActorCriticConfig()
    noise: NoiseConfig = NoiseConfig()
    rollout: RolloutConfig = StepRolloutConfig()
    buffer: ReplayConfig = TransitionBufferConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, start=25_000)
    updates: UpdatesConfig = ReplayUpdatesConfig(per_episode=0.0, per_step=1.0)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        if not isinstance(spec.action, Continuous):
            raise ConfigError(
                f"{spec.name} has discrete actions, and this learns continuous ones; "
                "choose --config=dqn, ppo or a multi-agent recipe"
            )
        super().check(spec)

    def remark(self, spec: EnvSpec) -> str:
        """What several agents mean: each learns by itself, with networks that all share."""
        if spec.n_agents == 1:
            return ""
        told = self.agent.agent_id and self.critic.agent_id
        ids = "" if told else "; agent.agent_id=True critic.agent_id=True tell them apart"
        return (
            f"the {spec.n_agents} agents of {spec.name} share one policy and its critics, and each "
            f"learns by itself from the team's reward{ids}"
        )

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        policy = DeterministicPolicy(spec, self.agent).to(device)
        critics = self.critic.build(spec).to(device)
        bonus = self.bonus.build(spec, self.learner.gamma, device)
        seed = int(torch.randint(2**62, ()))
        learner = ActorCriticLearner(policy, critics, bonus, self.learner, seed)
        return self.assemble(spec, NoisyActor(policy, self.noise), learner, bonus)

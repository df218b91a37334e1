"""Behaviour cloning: do what the data's actors did (Pomerleau 1989).

    loss = -mean over real steps and agents of log pi(a | o)

Discrete actions: the cross-entropy over the available ones; continuous ones: the likelihood of a
Gaussian whose deviation is learnt too. Tests play the likeliest action. Several agents share one
policy; one with a memory (agent.kind=rnn) learns from whole episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.agent import Agent
from marl.algos.replay import ReplayRecipeConfig
from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.policy import StochasticActor, StochasticPolicy
from marl.errors import ConfigError
from marl.intrinsic.none import NoBonusConfig
from marl.learners.cloning import CloningConfig, CloningLearner, unlikelihood
from marl.nets.agents import AgentConfig, MlpConfig
from marl.spec import EnvSpec


@dataclass(frozen=True)
class BcConfig(ReplayRecipeConfig):
    """Behaviour cloning."""

    agent: AgentConfig = MlpConfig(hidden_dims=(256, 256), agent_id=False, last_action=False)
    learner: CloningConfig = CloningConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where this recipe and that environment don't go together."""
        if self.agent.kind == "rnn" and self.sampler.single_steps:
            raise ConfigError(
                f"sampler.kind: {self.sampler.kind} gives single steps, and agent.kind=rnn learns "
                "from what came before; use sampler.kind=episodes"
            )
        if self.bonus.kind != NoBonusConfig.kind:
            raise ConfigError(
                f"bonus.kind: cloning learns from no rewards, so {self.bonus.kind} would do "
                "nothing; leave it at none"
            )
        super().check(spec)

    def remark(self, spec: EnvSpec) -> str:
        """What several agents mean: one policy for all."""
        if spec.n_agents == 1 or self.agent.agent_id:
            return ""
        return (
            f"the {spec.n_agents} agents of {spec.name} share one policy; "
            "agent.agent_id=True tells them apart"
        )

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        policy = StochasticPolicy(spec, self.agent).to(device)
        bonus = self.bonus.build(spec, 1.0, device)
        learner = CloningLearner(policy, unlikelihood(policy), self.learner)
        return self.assemble(spec, StochasticActor(policy, keeps=False), learner, bonus)

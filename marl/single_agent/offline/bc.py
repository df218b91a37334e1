"""Behaviour cloning: do what the data's actors did (Pomerleau 1989).

    loss = -mean over real steps and agents of log pi(a | o)

Discrete actions: the cross-entropy over the available ones; continuous ones: the likelihood of a
Gaussian whose deviation is learnt too, or with `policy=squashed` of one that tanh keeps within the
bounds (data on a bound is taken as a thousandth of a half-range within); `policy=deterministic`
descends mean ((pi(o) - a) / half-range)^2 instead. Tests play the likeliest action. Several agents
share one policy; one with a memory (agent.kind=rnn) learns from whole episodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from marl.algos.agent import Agent
from marl.algos.replay import ReplayRecipeConfig
from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.noise import DeterministicPolicy, NoiseConfig, NoisyActor
from marl.controllers.policy import StochasticActor, StochasticPolicy
from marl.controllers.squashed import SquashedActor, SquashedPolicy, WarmUpConfig
from marl.errors import ConfigError
from marl.intrinsic.none import NoBonusConfig
from marl.learners.cloning import (
    CloningConfig,
    CloningLearner,
    Errors,
    squares,
    squashed_unlikelihood,
    unlikelihood,
)
from marl.nets.agents import AgentConfig, MlpConfig
from marl.protocols.acting import Actor
from marl.spec import Continuous, EnvSpec


@dataclass(frozen=True)
class BcConfig(ReplayRecipeConfig):
    """Behaviour cloning."""

    agent: AgentConfig = MlpConfig(hidden_dims=(256, 256), agent_id=False, last_action=False)
    policy: Literal["stochastic", "deterministic", "squashed"] = "stochastic"
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
        if self.policy != "stochastic" and not isinstance(spec.action, Continuous):
            raise ConfigError(
                f"policy: {self.policy} is for continuous actions, and {spec.name} has discrete "
                "ones; set policy=stochastic"
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
        bonus = self.bonus.build(spec, 1.0, device)
        policy, errors, actor = self.parts(spec, device)
        return self.assemble(spec, actor, CloningLearner(policy, errors, self.learner), bonus)

    def parts(self, spec: EnvSpec, device: torch.device) -> tuple[nn.Module, Errors, Actor]:
        """The policy, how far it is from the data's actions, and who acts by it."""
        if self.policy == "deterministic":
            exact = DeterministicPolicy(spec, self.agent).to(device)
            return exact, squares(exact), NoisyActor(exact, NoiseConfig(random_steps=0, std=0.0))
        if self.policy == "squashed":
            squashed = SquashedPolicy(spec, self.agent).to(device)
            actor = SquashedActor(squashed, WarmUpConfig(random_steps=0))
            return squashed, squashed_unlikelihood(squashed), actor
        policy = StochasticPolicy(spec, self.agent).to(device)
        return policy, unlikelihood(policy), StochasticActor(policy, keeps=False)

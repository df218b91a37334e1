"""ValueRecipeConfig: network, mixer, learner and exploration of every value-learning recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from marl.algos.agent import Agent
from marl.algos.replay import ReplayRecipeConfig
from marl.buffers.prioritised import PrioritisedSamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.constrained import ConstrainedGreedy
from marl.controllers.exploration import EpsilonConfig, EpsilonGreedy
from marl.controllers.shared import SharedController
from marl.errors import ConfigError
from marl.intrinsic.none import NoBonusConfig
from marl.learners.constrained import (
    ConstrainedQLearner,
    ConstraintConfig,
    NoConstraintConfig,
)
from marl.learners.q import QLearner, QLearnerConfig
from marl.nets.dueling import ValueAgentConfig, ValueRnnConfig, without_dueling
from marl.nets.mixers import IndependentConfig, MixerConfig
from marl.spec import Discrete, EnvSpec


@dataclass(frozen=True)
class ValueRecipeConfig(ReplayRecipeConfig):
    """Shared by IQL, VDN, QMIX, LAGMA and DQN; PyMARL's SMAC values are the defaults."""

    weighs_rows: ClassVar[bool] = True

    agent: ValueAgentConfig = ValueRnnConfig()
    mixer: MixerConfig = IndependentConfig()
    learner: QLearnerConfig = QLearnerConfig()
    epsilon: EpsilonConfig = EpsilonConfig()
    constraint: ConstraintConfig = NoConstraintConfig()

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where this recipe and that environment don't go together."""
        if not isinstance(spec.action, Discrete):
            raise ConfigError(
                f"{spec.name} has continuous actions, which have no table of values; "
                "choose --config=td3, ddpg or ppo"
            )
        if self.agent.kind == "rnn" and self.sampler.single_steps:
            raise ConfigError(
                f"sampler.kind: {self.sampler.kind} gives single steps, and agent.kind=rnn learns "
                "from what came before; use sampler.kind=slices with sampler.length above 1, or "
                "agent.kind=mlp"
            )
        if self.learner.td_lambda > 0.0 and self.sampler.single_steps:
            raise ConfigError("learner.td_lambda: single steps have no later ones; set it to 0")
        if self.learner.n_step > 1:
            self.check_n_step()
        super().check(spec)

    def check_n_step(self) -> None:
        """ConfigError where rows are no slices of so many steps, or a part asks for single ones."""
        n_step = self.learner.n_step
        sampler, length = self.sampler, 0
        if isinstance(sampler, SliceSamplerConfig | PrioritisedSamplerConfig):
            length = 0 if sampler.whole_episodes else sampler.length
        if length < n_step:
            raise ConfigError(
                f"sampler.length: learner.n_step={n_step} needs sampler.kind=slices (or "
                f"prioritised) with slices of {n_step} steps at least; set sampler.length={n_step}"
            )
        if self.agent.kind == "rnn":
            raise ConfigError(
                f"learner.n_step: {n_step} steps are folded into one, of which agent.kind=rnn "
                "can't remember those before; use agent.kind=mlp, or learner.td_lambda"
            )
        if self.agent.last_action:
            raise ConfigError(
                "agent.last_action: of n steps folded into one the last action is not kept; set "
                "it to False, or learner.n_step=1"
            )
        if self.bonus.kind != NoBonusConfig.kind:
            raise ConfigError(
                f"learner.n_step: bonus.kind={self.bonus.kind} pays single steps; set it to 1"
            )

    def remark(self, spec: EnvSpec) -> str:
        """What a mixer and a bonus mean where there is one agent, which needs neither."""
        parts = []
        if self.mixer.kind != IndependentConfig.kind:
            parts.append(f"mixer.kind={self.mixer.kind} has its value alone to mix")
        if self.bonus.kind == "lagma":
            seen = "its observations" if spec.state_dim == spec.obs_dim else "the state"
            parts.append(f"LAGMA's codes are of {seen} and its goals the best returns from them")
        if spec.n_agents > 1 or not parts:
            return ""
        return f"{spec.name} has one agent: {', '.join(parts)}; plain Q-learning is --config=dqn"

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        controller = SharedController(spec, self.agent).to(device)
        mixer = self.mixer.build(spec).to(device)
        check_mixer(mixer, self.mixer.kind, spec, device)
        bonus = self.bonus.build(spec, self.learner.gamma, device)
        if isinstance(self.constraint, NoConstraintConfig):
            actor = EpsilonGreedy(controller, self.epsilon)
            learner = QLearner(controller, mixer, bonus, self.learner)
            return self.assemble(spec, actor, learner, bonus)
        imitation = SharedController(spec, without_dueling(self.agent)).to(device)
        threshold = self.constraint.threshold
        actor = ConstrainedGreedy(controller, imitation, self.epsilon, threshold)
        learner = ConstrainedQLearner(
            controller, imitation, mixer, bonus, self.learner, self.constraint
        )
        return self.assemble(spec, actor, learner, bonus)


@torch.no_grad()
def check_mixer(mixer: nn.Module, kind: str, spec: EnvSpec, device: torch.device) -> None:
    """ConfigError where it gives neither one value for all agents nor one for each."""
    values = torch.zeros(2, spec.n_agents, device=device)
    state = torch.zeros(2, spec.state_dim, device=device)
    shape = tuple(mixer(values, state).shape)
    if shape not in ((2, 1), (2, spec.n_agents)):
        raise ConfigError(
            f"mixer.kind: {kind!r} makes {shape} of values (2, {spec.n_agents}); it must give "
            f"(2, 1), or (2, {spec.n_agents}) where every agent learns its own value"
        )

"""What every value-learning recipe shares: network, learner, exploration, replay, schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from marl.algos.agent import Agent, check_offline, check_replay
from marl.batch import layout_of
from marl.buffers.episodes import BufferConfig
from marl.buffers.kinds import ReplayConfig
from marl.buffers.samplers import EpisodeSamplerConfig, SamplerConfig
from marl.controllers.exploration import EpsilonConfig, EpsilonGreedy
from marl.controllers.shared import SharedController
from marl.errors import ConfigError
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.none import NoBonusConfig
from marl.learners.q import QLearner, QLearnerConfig
from marl.nets.agents import AgentConfig, RnnConfig
from marl.nets.mixers import IndependentConfig, MixerConfig
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.spec import Discrete, EnvSpec


@dataclass(frozen=True)
class ValueRecipeConfig:
    """Shared by IQL, VDN, QMIX, LAGMA and DQN; PyMARL's SMAC values are the defaults."""

    agent: AgentConfig = RnnConfig()
    mixer: MixerConfig = IndependentConfig()
    bonus: BonusConfig = NoBonusConfig()
    learner: QLearnerConfig = QLearnerConfig()
    epsilon: EpsilonConfig = EpsilonConfig()
    rollout: RolloutConfig = EpisodeRolloutConfig()
    buffer: ReplayConfig = BufferConfig()
    sampler: SamplerConfig = EpisodeSamplerConfig()
    updates: UpdatesConfig = ReplayUpdatesConfig()

    def __post_init__(self) -> None:
        """Refuse a run whose first update could never come."""
        check_offline(self.rollout.kind, self.updates.kind, self.buffer.kind)
        self.buffer.refuse_too_small(self.sampler.episodes_needed, self.sampler.steps_needed)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where this recipe and that environment don't go together."""
        if not isinstance(spec.action, Discrete):
            raise ConfigError(
                f"{spec.name} has continuous actions, which have no table of values; "
                "choose --config=td3, ddpg or ppo"
            )
        if self.agent.kind == "rnn" and getattr(self.sampler, "length", None) == 1:
            raise ConfigError(
                "sampler.length: agent.kind=rnn learns from what came before; use longer slices or "
                "agent.kind=mlp"
            )
        check_replay(spec, self.rollout, self.buffer, self.sampler, self.bonus)

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        controller = SharedController(spec, self.agent).to(device)
        mixer = self.mixer.build(spec).to(device)
        check_mixer(mixer, self.mixer.kind, spec, device)
        bonus = self.bonus.build(spec, self.learner.gamma, device)
        actor = EpsilonGreedy(controller, self.epsilon)
        layout = layout_of(spec, (*actor.columns, *bonus.columns))
        return Agent(
            layout=layout,
            actor=actor,
            learner=QLearner(controller, mixer, bonus, self.learner),
            buffer=self.buffer.build(layout, spec),
            sampler=self.sampler.build(),
            schedule=self.updates.build(),
            rollout=self.rollout,
        )


@torch.no_grad()
def check_mixer(mixer: nn.Module, kind: str, spec: EnvSpec, device: torch.device) -> None:
    """ConfigError where it gives neither one value for all agents nor one for each."""
    values = torch.zeros(1, 1, spec.n_agents, device=device)
    state = torch.zeros(1, 1, spec.state_dim, device=device)
    shape = tuple(mixer(values, state).shape)
    if shape not in ((1, 1, 1), (1, 1, spec.n_agents)):
        raise ConfigError(
            f"mixer.kind: {kind!r} makes {shape} of values (1, 1, {spec.n_agents}); it must give "
            f"(1, 1, 1), or (1, 1, {spec.n_agents}) where every agent learns its own value"
        )

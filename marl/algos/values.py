"""What every value-learning recipe shares: network, learner, exploration, replay, schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from marl.buffers.episodes import BufferConfig, EpisodeBuffer
from marl.buffers.samplers import EpisodeSamplerConfig, SamplerConfig, Slices, WholeEpisodes
from marl.config.schema import option
from marl.controllers.exploration import EpsilonConfig, EpsilonGreedy, Greedy
from marl.controllers.shared import SharedController
from marl.errors import ConfigError
from marl.intrinsic.none import NoBonus
from marl.learners.q import QLearner, QLearnerConfig
from marl.nets.agents import AgentConfig, RnnConfig
from marl.protocols import IntrinsicReward
from marl.spec import EnvSpec


@dataclass(frozen=True)
class Agent:
    """A recipe's parts, assembled: all that the loop needs to collect, learn and test."""

    controller: SharedController
    exploration: EpsilonGreedy
    greedy: Greedy
    learner: QLearner
    buffer: EpisodeBuffer
    sampler: WholeEpisodes | Slices


@dataclass(frozen=True)
class ValueRecipeConfig:
    """Shared by IQL, VDN, QMIX, LAGMA and DQN; PyMARL's SMAC values are the defaults.

    `updates_per_episode` and `updates_per_step` add up. Neither depends on how many
    environments run in parallel.
    """

    agent: AgentConfig = RnnConfig()
    learner: QLearnerConfig = QLearnerConfig()
    epsilon: EpsilonConfig = EpsilonConfig()
    buffer: BufferConfig = BufferConfig()
    sampler: SamplerConfig = EpisodeSamplerConfig()
    updates_per_episode: float = option(1.0, low=0.0)  # learner updates per collected episode
    updates_per_step: float = option(0.0, low=0.0)  # and per collected environment step

    def __post_init__(self) -> None:
        """Refuse a run whose first update could never come."""
        sampler, kept = self.sampler, self.buffer
        if sampler.episodes_needed > kept.episodes:
            raise ValueError(
                f"buffer.episodes: {kept.episodes} can never fill a batch of "
                f"{sampler.episodes_needed} episodes; raise it or lower sampler.batch_size"
            )
        if kept.steps is not None and sampler.steps_needed > kept.steps:
            raise ValueError(
                f"buffer.steps: {kept.steps} can never hold the {sampler.steps_needed} steps that "
                "the first update waits for; raise it or lower sampler.start and sampler.batch_size"
            )
        if self.updates_per_episode + self.updates_per_step == 0:
            raise ValueError("updates_per_episode and updates_per_step: one must be more than 0")

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where this recipe and that environment don't go together."""
        kept, limit = self.buffer.steps, spec.episode_limit
        # A whole episode may have to go to make room for one, so that many steps may be missing.
        needed = max(self.sampler.steps_needed, self.sampler.episodes_needed * limit) + limit - 1
        if kept is not None and kept < needed:
            raise ConfigError(
                f"buffer.steps: {kept} may never hold what an update needs in {spec.name}, whose "
                f"episodes have up to {limit} steps; set it to {needed} or more"
            )

    def make_mixer(self, spec: EnvSpec) -> nn.Module:
        """How the agents' values become the learnt ones."""
        raise NotImplementedError

    def make_bonus(self, spec: EnvSpec, device: torch.device) -> IntrinsicReward:
        """The intrinsic part of the TD target; none by default."""
        return NoBonus()

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (the replay stays on the CPU)."""
        self.check(spec)
        controller = SharedController(spec, self.agent).to(device)
        mixer = self.make_mixer(spec).to(device)
        bonus = self.make_bonus(spec, device)
        return Agent(
            controller=controller,
            exploration=EpsilonGreedy(self.epsilon),
            greedy=Greedy(),
            learner=QLearner(controller, mixer, bonus, self.learner),
            buffer=self.buffer.build(spec),
            sampler=self.sampler.build(),
        )

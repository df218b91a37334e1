"""Sections that every recipe with a replay shares: bonus, rollout, buffer, sampler, updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from marl.algos.agent import Agent, Needed
from marl.batch import layout_of
from marl.buffers.episodes import BufferConfig
from marl.buffers.informative import Informative, InformativeSamplerConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.prioritised import PrioritisedSamplerConfig
from marl.buffers.samplers import EpisodeSamplerConfig, NamedSamplers
from marl.errors import ConfigError
from marl.intrinsic.config import BonusConfig
from marl.intrinsic.none import NoBonusConfig
from marl.protocols.acting import Actor
from marl.protocols.experience import BATCH, Feedback, Sampler
from marl.protocols.learning import (
    IntrinsicReward,
    Learner,
    SamplingBonus,
    ScoringBonus,
    TrainedBonus,
)
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.kinds import RolloutConfig, UpdatesConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.spec import EnvSpec

# The kinds for learning offline: all of them together, or none.
OFFLINE = {"rollout": "offline", "updates": "offline", "buffer": "dataset"}


@dataclass(frozen=True)
class ReplayRecipeConfig:
    """Learning from a replay, collected on the way or there already."""

    weighs_rows: ClassVar[bool] = False  # its learner is Weighing

    bonus: BonusConfig = NoBonusConfig()
    rollout: RolloutConfig = EpisodeRolloutConfig()
    buffer: ReplayConfig = BufferConfig()
    sampler: SamplerConfig = EpisodeSamplerConfig()
    updates: UpdatesConfig = ReplayUpdatesConfig()

    def __post_init__(self) -> None:
        """Refuse a run that is offline by half, or whose first update could never come."""
        kinds = {name: getattr(self, name).kind for name in OFFLINE}
        if any(kinds[name] == OFFLINE[name] for name in kinds):
            for name, kind in kinds.items():
                if kind != OFFLINE[name]:
                    raise ValueError(
                        f"{name}: kind={kind} is for collected experience, and the run is to learn "
                        f"offline; set {name}.kind={OFFLINE[name]} too"
                    )
        self.buffer.refuse_too_small(self.sampler.episodes_needed, self.sampler.steps_needed)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where these parts don't go together, or not with the environment."""
        sampler, kinds = self.sampler, f"not {self.rollout.kind} and {self.buffer.kind}"
        whole = self.rollout.whole_episodes and self.buffer.whole_episodes
        sampler.check(spec, whole, kinds)
        if isinstance(sampler, PrioritisedSamplerConfig) and not self.weighs_rows:
            raise ConfigError(
                "sampler.kind: prioritised needs a learner that weighs its errors, as value "
                "learning does (iql, vdn, qmix, dqn ...); use sampler.kind=slices"
            )
        self.buffer.check(spec, sampler.episodes_needed, sampler.steps_needed)
        self.bonus.check(spec, whole and sampler.whole_episodes)
        if self.bonus.samples_episodes and not whole:
            raise ConfigError(
                f"bonus.kind: {self.bonus.kind} draws whole episodes, which need "
                f"rollout.kind=episodes and buffer.kind=episodes, {kinds}"
            )
        if isinstance(sampler, InformativeSamplerConfig) and not self.bonus.scores_episodes:
            raise ConfigError(
                f"sampler.kind: {sampler.kind} needs a bonus that scores episodes, and "
                f"bonus.kind={self.bonus.kind} does not; use bonus.kind=mutual_information, with "
                "bonus.weight=0 where it is to pay nothing"
            )

    def assemble(
        self, spec: EnvSpec, actor: Actor, learner: Learner, bonus: IntrinsicReward
    ) -> Agent:
        """The agent of an actor and a learner, with the replay that they need."""
        sampler: Sampler = self.sampler.build(spec)
        feedback = sampler if isinstance(sampler, Feedback) else None
        if isinstance(sampler, Informative) and isinstance(bonus, ScoringBonus):
            sampler.score_by(bonus)
        if isinstance(bonus, SamplingBonus):
            sampler = NamedSamplers({BATCH: sampler, **bonus.samplers})
        layout = layout_of(spec, (*actor.columns, *bonus.columns, *sampler.columns))
        return Agent(
            layout=layout,
            actor=actor,
            learner=learner,
            buffer=self.buffer.build(layout, spec),
            sampler=sampler,
            schedule=self.updates.build(),
            rollout=self.rollout,
            feedback=feedback,
            needed=Needed(self.sampler.episodes_needed, self.sampler.steps_needed),
            bonus=bonus,
            bonus_parameters=bonus.parameters if isinstance(bonus, TrainedBonus) else (),
        )

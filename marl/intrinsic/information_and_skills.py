"""Two bonuses in one: what the surroundings tell of the agent, and of its skill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import Column, EpisodeBatch
from marl.intrinsic.config import BONUSES, BonusConfig
from marl.intrinsic.mutual_information.bonus import MutualInformation, MutualInformationConfig
from marl.intrinsic.skills import SkillBonus, SkillsConfig
from marl.protocols.experience import Sampler, Samples
from marl.protocols.loop import Metrics, Progress, State
from marl.spec import EnvSpec


@BONUSES.add
@dataclass(frozen=True)
class InformationAndSkillsConfig(BonusConfig):
    """MUSIC's and DIAYN's bonus together, each with its own weight."""

    kind: ClassVar[str] = "information_and_skills"
    samples_episodes: ClassVar[bool] = True
    scores_episodes: ClassVar[bool] = True
    mutual_information: MutualInformationConfig = MutualInformationConfig()
    skills: SkillsConfig = SkillsConfig()

    def check(self, spec: EnvSpec, whole_episodes: bool) -> None:
        self.mutual_information.check(spec, whole_episodes)
        self.skills.check(spec, whole_episodes)

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> InformationAndSkills:
        information = self.mutual_information.build(spec, gamma, device)
        return InformationAndSkills(information, self.skills.build(spec, gamma, device))


class InformationAndSkills:
    """Both bonuses, added; each learns as it would alone."""

    def __init__(self, information: MutualInformation, skills: SkillBonus) -> None:
        self.information = information
        self.skills = skills
        self.device = information.device
        self.pretrained = information.pretrained
        self.columns: tuple[Column, ...] = (*information.columns, *skills.columns)
        self.samplers: Mapping[str, Sampler] = {**information.samplers, **skills.samplers}

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [*self.information.parameters, *self.skills.parameters]

    def learn(self, samples: Samples) -> Metrics:
        return self.information.learn(samples) | self.skills.learn(samples)

    def __call__(
        self, batch: EpisodeBatch, bootstrap: Tensor, progress: Progress
    ) -> tuple[Tensor, Metrics]:
        one, of_one = self.information(batch, bootstrap, progress)
        other, of_other = self.skills(batch, bootstrap, progress)
        return one + other, of_one | of_other

    def scores(self, batch: EpisodeBatch) -> Tensor:
        """As the information alone scores episodes."""
        return self.information.scores(batch)

    def start_from(self, state: State) -> bool:
        """Take what there is of either; False where there is nothing of the information."""
        had = self.information.start_from(state)
        self.skills.start_from(state)
        return had

    def state_dict(self) -> State:
        return {
            "mutual_information": self.information.state_dict(),
            "skills": self.skills.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.information.load_state_dict(state["mutual_information"])
        self.skills.load_state_dict(state["skills"])

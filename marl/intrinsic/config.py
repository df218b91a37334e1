"""BonusConfig: what every intrinsic reward's options have in common, and the kinds of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from marl.config.kinds import Kinds
from marl.protocols.learning import IntrinsicReward
from marl.spec import EnvSpec


@dataclass(frozen=True)
class BonusConfig:
    """An intrinsic reward's options; `kind` chooses the class."""

    kind: ClassVar[str]
    samples_episodes: ClassVar[bool] = False  # it draws whole episodes of its own from the replay
    scores_episodes: ClassVar[bool] = False  # it says how much an episode is worth learning from

    def check(self, spec: EnvSpec, whole_episodes: bool) -> None:
        """ConfigError where it can't work; whole_episodes: whether batches hold those."""

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> IntrinsicReward:
        """The bonus. gamma: of the target that it is added to."""
        raise NotImplementedError


BONUSES = Kinds("bonus", BonusConfig)

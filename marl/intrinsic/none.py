"""No intrinsic reward: the bonus of a plain value learner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch
from marl.intrinsic.config import BONUSES, BonusConfig
from marl.protocols.loop import Metrics, Progress, State
from marl.spec import EnvSpec


@BONUSES.add
@dataclass(frozen=True)
class NoBonusConfig(BonusConfig):
    """The environment's reward alone."""

    kind: ClassVar[str] = "none"

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> NoBonus:
        return NoBonus()


class NoBonus:
    """Adds nothing, learns nothing."""

    columns: tuple[Column, ...] = ()

    def __call__(
        self, batch: EpisodeBatch, bootstrap: Tensor, progress: Progress
    ) -> tuple[Tensor, Metrics]:
        """A 0-d zero, which broadcasts to the [B,T,G] of `bootstrap`."""
        return bootstrap.new_zeros(()), {}

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"no intrinsic reward here, yet the state holds {sorted(state)}")

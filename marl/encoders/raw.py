"""No encoder: policy and critics see observations as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch
from marl.encoders.config import ENCODERS, EncoderConfig
from marl.protocols.loop import Metrics, State
from marl.spec import EnvSpec


@ENCODERS.add
@dataclass(frozen=True)
class RawConfig(EncoderConfig):
    """Observations as they are."""

    kind: ClassVar[str] = "raw"
    in_place: ClassVar[bool] = True

    def build(self, spec: EnvSpec, device: torch.device) -> Raw:
        return Raw(spec.obs_dim)


class Raw:
    """Changes nothing, learns nothing."""

    slices = 1
    parameters: Sequence[nn.Parameter] = ()

    def __init__(self, width: int) -> None:
        self.width = width

    def encode(self, obs: Tensor) -> Tensor:
        return obs

    def encoded(self, batch: EpisodeBatch) -> EpisodeBatch:
        return batch

    def learn(self, batch: EpisodeBatch) -> Metrics:
        return {}

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"observations stay as they are, yet the state holds {sorted(state)}")

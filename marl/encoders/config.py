"""EncoderConfig: what every encoder's options have in common, and the kinds of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from marl.config.kinds import Kinds
from marl.protocols.learning import Encoder
from marl.spec import EnvSpec


@dataclass(frozen=True)
class EncoderConfig:
    """An encoder's options; `kind` chooses the class."""

    kind: ClassVar[str]
    in_place: ClassVar[bool] = False  # each number stays where it stands in an observation

    @property
    def slices(self) -> int:
        """Steps that a sampled row must have for it to learn; 1: any."""
        return 1

    def build(self, spec: EnvSpec, device: torch.device) -> Encoder:
        raise NotImplementedError


ENCODERS = Kinds("encoder", EncoderConfig)

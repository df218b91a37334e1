"""An actor that sees encoded observations."""

from __future__ import annotations

import torch

from marl.controllers.wrapped import WrappedActor
from marl.protocols.acting import Acted, Actor, Carry, ObservationTensors
from marl.protocols.learning import Encoder
from marl.protocols.loop import Progress


class EncodedActor(WrappedActor):
    """Acts as another actor does on what an encoder makes of the observations."""

    def __init__(self, encoder: Encoder, actor: Actor) -> None:
        super().__init__(actor)
        self.encoder = encoder

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        seen = observation._replace(obs=self.encoder.encode(observation.obs))
        return self.actor.act(seen, carry, progress, rng, greedy)

"""Trains a finite scalar quantiser of states: one Adam step per call, on all states at once.

    loss = |decoder(q(encoder(s))) - s|^2    mean or sum over the state's numbers, mean over states

with q of fsq.py. There is no other term: the codes are a grid, so nothing has to hold them to the
encodings or the encodings to them, and none can die for want of being near (Mentzer et al. 2023,
arXiv:2309.15505).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.config.schema import option
from marl.nets.optimizing import load_optimizer
from marl.protocols.loop import Metrics, State
from marl.quantizers.config import CODEBOOKS, CodebookConfig
from marl.quantizers.coverage import Coverage
from marl.quantizers.fsq import FsqAutoencoder, check_levels
from marl.quantizers.vq_loss import reconstruction_loss


@CODEBOOKS.add
@dataclass(frozen=True)
class FsqConfig(CodebookConfig):
    """States as few numbers, each rounded to one of a few levels; every combination is a code."""

    kind: ClassVar[str] = "fsq"
    lr: float = option(0.005, above=0)  # Adam; at 5e-4 a third of the codes after as many updates
    levels: tuple[int, ...] = (4, 4, 4)  # of each of the D numbers; their product is K

    def __post_init__(self) -> None:
        """ValueError where there can't be such levels."""
        check_levels(self.levels)

    @property
    def n_codes(self) -> int:
        return math.prod(self.levels)

    def build(
        self,
        state_dim: int,
        coverage: Coverage,
        limit: int,
        device: torch.device,
        seed: int | None = None,
    ) -> FsqLearner:
        """Draws nothing while it learns."""
        return FsqLearner(FsqAutoencoder(state_dim, self.levels, self.hidden_dim).to(device), self)


class FsqLearner:
    """The quantiser's own optimiser; no gradient passes between it and the value networks."""

    def __init__(self, quantizer: FsqAutoencoder, config: FsqConfig) -> None:
        self.quantizer = quantizer
        self.config = config
        self.steps = 0
        self.optimizer = torch.optim.Adam(quantizer.parameters(), lr=config.lr)

    def step(self, states: Tensor, slot: Tensor, slots: int) -> tuple[Tensor, Metrics]:
        """One gradient step. Returns the codes [N] from before it, and the loss.

        states [N,S]; the time slots make no difference.
        """
        quantized, codes = self.quantizer.quantize(self.quantizer.encoder(states))  # [N,D], [N]
        decoded = self.quantizer.decoder(quantized)
        loss = reconstruction_loss(decoded, states, self.config.recon_reduction)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        limit = math.inf if self.config.grad_clip is None else self.config.grad_clip
        norm = nn.utils.clip_grad_norm_(self.quantizer.parameters(), limit)
        self.optimizer.step()
        self.steps += 1
        return codes, {"recon_loss": loss.detach(), "vae_grad_norm": norm.detach()}

    def state_dict(self) -> State:
        return {
            "quantizer": self.quantizer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: State) -> None:
        self.quantizer.load_state_dict(state["quantizer"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.steps = state["steps"]

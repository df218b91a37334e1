"""Trains a vector quantiser: one Adam step per call, on all states at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from marl.config.schema import option
from marl.nets.optimizing import load_optimizer
from marl.protocols.loop import Metrics, State
from marl.quantizers.config import CODEBOOKS, CodebookConfig
from marl.quantizers.coverage import Coverage, Leftovers, coverage_weights
from marl.quantizers.upkeep import CodeUpkeep, UpkeepRules
from marl.quantizers.vq import VectorQuantizer
from marl.quantizers.vq_loss import (
    LatentLoss,
    Losses,
    coverage_loss,
    latent_distance,
    reconstruction_loss,
    share_of_slot,
)


@CODEBOOKS.add
@dataclass(frozen=True)
class VqConfig(CodebookConfig):
    """Codes that are learnt, each the nearest to its states' encodings."""

    kind: ClassVar[str] = "vq"
    size: int = option(64, low=1, high=65_536)  # K, codes
    dim: int = option(8, low=1, high=1024)  # D, numbers per code
    code_lr: float | None = option(0.005, above=0)  # Adam, of the codes; None: lr
    # uniform: codes from U[0,1), as published. batch: encodings of the first batch, drawn at
    # random; kmeans: those of them that k-means finds.
    init: Literal["uniform", "batch", "kmeans"] = "kmeans"
    # gradient: codes follow the vq and coverage losses; ema: moving averages of their encodings.
    codes: Literal["gradient", "ema"] = "gradient"
    ema_decay: float = option(0.99, low=0, high=1)  # of codes=ema, per update
    revive_after: int | None = option(None, low=1)  # updates without use; then drawn anew
    vq_weight: float = option(1.0, low=0)
    commit_weight: float = option(0.5, low=0)
    coverage_weight: float = option(0.5, low=0)
    # Distance of state and code in the three latent terms: squared = sum over D of squares,
    # mean = that over D, norm = the norm of the element-wise squares.
    loss: LatentLoss = "squared"
    # per_code divides the vq gradient of a code by the number of states of that slot that chose it.
    gradient: Literal["plain", "per_code"] = "plain"
    horizon: Literal["batch", "limit"] = "batch"  # of J(t): the batch's slots, or all possible
    leftovers: Leftovers = "official"  # slots that get the remainder of K / horizon

    def __post_init__(self) -> None:
        """Refuse settings that would do nothing."""
        if self.codes == "gradient":
            return
        for name, idle in {"code_lr": None, "gradient": "plain"}.items():
            if getattr(self, name) != idle:
                raise ValueError(
                    f"{name}: codes=ema are moved by no gradient; set it to {idle or 'null'}"
                )

    @property
    def n_codes(self) -> int:
        return self.size

    @property
    def unmoved(self) -> str:
        return "codebook.codes=ema" if self.codes == "ema" else ""

    def build(
        self,
        state_dim: int,
        coverage: Coverage,
        limit: int,
        device: torch.device,
        seed: int | None = None,
    ) -> VqLearner:
        """seed: of the encodings that codes are drawn from."""
        quantizer = VectorQuantizer(state_dim, self.size, self.dim, self.hidden_dim)
        seed = int(torch.randint(2**62, ())) if seed is None else seed
        return VqLearner(quantizer.to(device), self, coverage, limit, seed)


class VqLearner:
    """The quantiser's own optimiser; no gradient passes between it and the value networks."""

    def __init__(
        self,
        quantizer: VectorQuantizer,
        config: VqConfig,
        coverage: Coverage,
        limit: int,
        seed: int = 0,
    ) -> None:
        """limit: slots of the longest possible episode, the horizon of `horizon: limit`.

        seed: of the encodings that codes are drawn from.
        """
        self.quantizer = quantizer
        self.config = config
        self.coverage: Coverage = coverage
        self.limit = limit
        averaged = config.codes == "ema"
        rules = UpkeepRules(config.init, averaged, config.ema_decay, config.revive_after)
        self.upkeep = CodeUpkeep(quantizer.codebook, rules, seed)
        nets = [*quantizer.encoder.parameters(), *quantizer.decoder.parameters()]
        code_lr = config.lr if config.code_lr is None else config.code_lr
        groups: list[dict[str, Any]] = [
            {"params": nets},
            {"params": [quantizer.codebook], "lr": code_lr},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=config.lr)

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self.upkeep.steps

    def step(self, states: Tensor, slot: Tensor, slots: int) -> tuple[Tensor, Metrics]:
        """One gradient step. Returns the codes [N] from before it, and the losses.

        states [N,S], slot [N] int64: the time slot of each; slots: T + 1 of the batch.
        """
        self.upkeep.begin(self.quantizer, states)
        codes, losses = self.losses(states, slot, slots)
        config = self.config
        total = (
            losses.recon
            + config.vq_weight * losses.vq
            + config.commit_weight * losses.commit
            + config.coverage_weight * losses.coverage
        )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if config.codes == "ema":
            self.quantizer.codebook.grad = None
        limit = math.inf if config.grad_clip is None else config.grad_clip
        norm = nn.utils.clip_grad_norm_(self.quantizer.parameters(), limit)
        self.optimizer.step()
        self.upkeep.end(self.quantizer, states, codes, self.optimizer)
        metrics = {f"{name}_loss": term.detach() for name, term in losses._asdict().items()}
        return codes, {**metrics, "vae_grad_norm": norm.detach()}

    def losses(self, states: Tensor, slot: Tensor, slots: int) -> tuple[Tensor, Losses]:
        """The codes [N] and the loss terms; arguments as in `step`."""
        quantizer, config = self.quantizer, self.config
        encoded = quantizer.encoder(states)  # [N,D]
        quantized, codes = quantizer.quantize(encoded)  # [N,D], [N]
        picked = quantizer.look_up(codes)  # [N,D], for the codebook's gradient
        if config.gradient == "per_code" and picked.requires_grad:
            share = share_of_slot(codes, slot, quantizer.n_codes)
            picked.register_hook(lambda grad: grad * share)
        decoded = quantizer.decoder(quantized)
        weights = self._weights(slots, states.device)
        covered = (
            states.new_zeros(())
            if weights is None
            else coverage_loss(encoded, slot, quantizer.codebook, weights, config.loss)
        )
        return codes, Losses(
            recon=reconstruction_loss(decoded, states, config.recon_reduction),
            vq=latent_distance(picked, encoded.detach(), config.loss),
            commit=latent_distance(encoded, picked.detach(), config.loss),
            coverage=covered,
        )

    def _weights(self, slots: int, device: torch.device) -> Tensor | None:
        horizon = self.limit if self.config.horizon == "limit" else slots
        if slots > horizon:
            raise ValueError(f"a batch of {slots} slots is longer than the limit of {horizon}")
        weights = coverage_weights(
            self.coverage, self.quantizer.n_codes, horizon, self.config.leftovers
        )
        return None if weights is None else weights[:slots].to(device)

    def state_dict(self) -> State:
        return {
            "quantizer": self.quantizer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "upkeep": self.upkeep.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.quantizer.load_state_dict(state["quantizer"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.upkeep.load_state_dict(state["upkeep"])

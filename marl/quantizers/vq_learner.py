"""Trains a vector quantiser: one Adam step per call, on all states at once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from marl.nets.optimizing import load_optimizer
from marl.protocols import Metrics, State
from marl.quantizers.coverage import Coverage, coverage_weights
from marl.quantizers.upkeep import CodeUpkeep
from marl.quantizers.vq import CodebookConfig, VectorQuantizer
from marl.quantizers.vq_loss import (
    Losses,
    coverage_loss,
    latent_distance,
    reconstruction_loss,
    share_of_slot,
)


class VqLearner:
    """The quantiser's own optimiser; no gradient passes between it and the value networks."""

    def __init__(
        self,
        quantizer: VectorQuantizer,
        config: CodebookConfig,
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
        self.upkeep = CodeUpkeep(quantizer.codebook, config, seed)
        nets = [*quantizer.encoder.parameters(), *quantizer.decoder.parameters()]
        code_lr = config.lr if config.code_lr is None else config.code_lr
        groups: list[dict[str, Any]] = [
            {"params": nets},
            {"params": [quantizer.codebook], "lr": code_lr},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=config.lr)

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

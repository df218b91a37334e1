"""What keeps codes in use beside the losses: where they begin, moving averages, and revival.

- Codes drawn from U[0,1) (as published) lie apart from the encodings of an untrained encoder, so
  that one of them takes all states; begun at encodings, all take part from the first update on.
- Moving averages: each code goes to the mean of the encodings that chose it (van den Oord et al.
  2017, appendix A.1), without gradient.
- A code that no state has chosen for a while is drawn anew from the encodings.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from marl.protocols.loop import State
from marl.quantizers.vq import VectorQuantizer, nearest_codes

KMEANS_ROUNDS = 10
SMALL = 1e-3  # states in a moving average; a code with fewer stays where it is


class UpkeepRules(NamedTuple):
    """Rules for placing codes."""

    init: Literal["uniform", "batch", "kmeans"]
    averaged: bool  # codes are moving averages of their encodings
    decay: float  # of those, per update
    revive_after: int | None  # updates without use; then drawn anew


class CodeUpkeep:
    """Counts and sums of each code, and the random numbers that codes are drawn with."""

    def __init__(self, codebook: Tensor, rules: UpkeepRules, seed: int) -> None:
        self.rules = rules
        self.rng = torch.Generator().manual_seed(seed)
        self.steps = 0
        self.idle = torch.zeros(len(codebook), dtype=torch.int64, device=codebook.device)
        self.counts = torch.zeros(len(codebook), device=codebook.device)  # [K], moving averages
        self.sums = torch.zeros_like(codebook)  # [K,D]

    @torch.no_grad()
    def begin(self, quantizer: VectorQuantizer, states: Tensor) -> None:
        """Before a step on states [N,S]; the first one places the codes."""
        if self.steps == 0 and self.rules.init != "uniform":
            encoded = quantizer.encoder(states)
            codes = self._drawn(encoded, len(quantizer.codebook))
            if self.rules.init == "kmeans":
                codes = k_means(encoded, codes)
            quantizer.codebook.copy_(codes)
        if self.steps == 0:
            self.counts.fill_(1.0)
            self.sums.copy_(quantizer.codebook)
        self.steps += 1

    @torch.no_grad()
    def end(
        self,
        quantizer: VectorQuantizer,
        states: Tensor,
        codes: Tensor,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        """After a step; codes [N]: those that the states [N,S] had chosen before it."""
        book, rules = quantizer.codebook, self.rules
        used = torch.bincount(codes, minlength=len(book))  # [K]
        self.idle = torch.where(used > 0, 0, self.idle + 1)
        if rules.averaged:
            encoded = quantizer.encoder(states)
            keep = rules.decay
            self.counts.lerp_(used.to(book.dtype), 1.0 - keep)
            self.sums.lerp_(torch.zeros_like(book).index_add_(0, codes, encoded), 1.0 - keep)
            means = self.sums / self.counts[:, None].clamp(min=SMALL)
            book.copy_(torch.where(self.counts[:, None] > SMALL, means, book))
        if rules.revive_after is None:
            return
        dead = self.idle >= rules.revive_after
        if dead.any():
            fresh = self._drawn(quantizer.encoder(states), int(dead.sum()))
            book[dead], self.sums[dead] = fresh, fresh
            self.counts[dead], self.idle[dead] = 1.0, 0
            for moment in optimizer.state.get(book, {}).values():
                if moment.shape == book.shape:
                    moment[dead] = 0.0

    def _drawn(self, encoded: Tensor, count: int) -> Tensor:
        """So many of the encodings [N,D] at random; some twice where there are too few."""
        order = torch.randperm(len(encoded), generator=self.rng)
        chosen = order.repeat(-(-count // len(order)))[:count]
        return encoded[chosen.to(encoded.device)]

    def state_dict(self) -> State:
        return {
            "steps": self.steps,
            "idle": self.idle,
            "counts": self.counts,
            "sums": self.sums,
            "rng": self.rng.get_state(),
        }

    def load_state_dict(self, state: State) -> None:
        self.steps = state["steps"]
        for name in ("idle", "counts", "sums"):
            getattr(self, name).copy_(state[name].reshape(getattr(self, name).shape))
        self.rng.set_state(state["rng"].cpu())


def k_means(points: Tensor, centres: Tensor) -> Tensor:
    """Centres [K,D] moved to the means of the points [N,D] nearest to them, KMEANS_ROUNDS times.

    A centre without points stays.
    """
    for _ in range(KMEANS_ROUNDS):
        nearest = nearest_codes(points, centres)
        count = torch.bincount(nearest, minlength=len(centres))[:, None]  # [K,1]
        total = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(count > 0, total / count.clamp(min=1), centres)
    return centres

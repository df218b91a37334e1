"""Finite scalar quantisation: each number of a vector is rounded to one of a few levels.

    bounded = tanh(z + shift) * h - offset     h = (L - 1) * (1 - 0.001) / 2
    code's vector = round(bounded) / floor(L / 2), its gradient that of bounded / floor(L / 2)

L levels in each dimension. For odd L offset and shift are 0; for even L offset = 1/2 and
shift = tan(offset / h), so that 0 falls next to a level. With `reach="beyond"`, as in iQRL's code,
h = (L - 1) * (1 + 0.001) / 2 and shift = artanh(offset / h): the outer levels have a little more
room, and 0 falls on a level. The codebook is the grid of all levels,
nothing of it is learnt, and a code's number has the dimensions as digits of mixed radix, the first
one fastest. Mentzer et al. 2023 (arXiv:2309.15505), appendix A.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from marl.protocols.quantizing import Quantized
from marl.quantizers.layers import mlp, straight_through

MARGIN = 0.001  # share of the range by which it stays within the outer levels, or goes beyond
Reach = Literal["within", "beyond"]
MOST_LEVELS = 1000  # with more the outer ones would be out of reach


def check_levels(levels: Sequence[int]) -> None:
    """ValueError where there can't be so many levels [D]."""
    if not levels or not all(2 <= count <= MOST_LEVELS for count in levels):
        raise ValueError(f"levels: each must be within 2..{MOST_LEVELS}, not {list(levels)}")
    n_codes = math.prod(levels)
    if n_codes > 2**62:
        raise ValueError(f"levels: {n_codes:.3g} codes can't be numbered; use fewer")


class FiniteScalarQuantizer(nn.Module):
    """Rounds vectors of D numbers; has no encoder, so its states are vectors already."""

    levels: Tensor  # [D] int64
    strides: Tensor  # [D] int64, what one more level adds to a code's number
    half_width: Tensor  # [D] int64, levels below 0
    span: Tensor  # [D], h
    offset: Tensor  # [D]
    shift: Tensor  # [D]

    def __init__(self, levels: Sequence[int], reach: Reach = "within") -> None:
        """levels: [D], e.g. (8, 5, 5, 5) for 1,000 codes; ValueError where one can't be."""
        super().__init__()
        self.reach = reach
        check_levels(levels)
        self.n_codes = math.prod(levels)
        strides = [math.prod(levels[:d]) for d in range(len(levels))]
        for name, counts in (("levels", levels), ("strides", strides)):
            self.register_buffer(name, torch.tensor(counts), persistent=False)
        self.register_buffer("half_width", self.levels // 2, persistent=False)
        span = (self.levels - 1) * ((1.0 + MARGIN if reach == "beyond" else 1.0 - MARGIN) / 2)
        offset = torch.where(self.levels % 2 == 1, 0.0, 0.5)
        shift = (torch.atanh if reach == "beyond" else torch.tan)(offset / span)
        for name, numbers in (("span", span), ("offset", offset), ("shift", shift)):
            self.register_buffer(name, numbers, persistent=False)

    def bound(self, vectors: Tensor) -> Tensor:
        """vectors [...,D] -> within half a step of the outer levels, a step between levels."""
        return torch.tanh(vectors + self.shift) * self.span - self.offset

    def quantize(self, vectors: Tensor) -> Quantized:
        """The levels nearest to vectors [...,D], from -1 to 1."""
        bounded = self.bound(vectors)
        rounded = bounded.detach().round()
        indices = ((rounded.long() + self.half_width) * self.strides).sum(-1)
        return Quantized(straight_through(bounded, rounded) / self.half_width, indices)

    @torch.no_grad()
    def encode(self, states: Tensor) -> Tensor:
        """states [...,D] -> code index [...]."""
        return self.quantize(states).indices

    def look_up(self, codes: Tensor) -> Tensor:
        """codes [...] -> their vectors [...,D]."""
        digits = codes[..., None] // self.strides % self.levels
        return (digits - self.half_width) / self.half_width


class FsqAutoencoder(nn.Module):
    """Encoder S-H-H-D with ReLU, rounding of the D numbers to their levels, decoder D-H-H-S."""

    def __init__(self, state_dim: int, levels: Sequence[int], hidden_dim: int) -> None:
        """levels: [D]; ValueError where one can't be."""
        super().__init__()
        self.rounding = FiniteScalarQuantizer(levels)
        self.n_codes = self.rounding.n_codes
        self.encoder = mlp(state_dim, hidden_dim, len(levels))
        self.decoder = mlp(len(levels), hidden_dim, state_dim)

    @torch.no_grad()
    def encode(self, states: Tensor) -> Tensor:
        """states [...,S] -> code index [...]."""
        return self.rounding.encode(self.encoder(states))

    def quantize(self, vectors: Tensor) -> Quantized:
        """The codes of encodings [...,D], which have no bounds yet."""
        return self.rounding.quantize(vectors)

    def look_up(self, codes: Tensor) -> Tensor:
        """codes [...] -> their vectors [...,D]."""
        return self.rounding.look_up(codes)

    @torch.no_grad()
    def place(self, states: Tensor) -> Tensor:
        """Encodings of states [...,S] within their bounds, on the scale of the codes, [...,D]."""
        return self.rounding.bound(self.encoder(states)) / self.rounding.half_width

    @torch.no_grad()
    def reconstruct(self, states: Tensor) -> Tensor:
        """The states [...,S] that their codes are decoded to."""
        return self.decoder(self.quantize(self.encoder(states)).vectors)

    def vectors(self) -> Tensor:
        """Those of all codes, [K,D]."""
        return self.look_up(torch.arange(self.n_codes, device=self.rounding.levels.device))

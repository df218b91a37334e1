"""Vectors as codes."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor


class Quantized(NamedTuple):
    """Vectors replaced by codes."""

    vectors: Tensor  # [...,D], the codes'; a gradient goes straight through to what they replace
    indices: Tensor  # [...] int64, of the codes


class Quantizer(Protocol):
    """Maps vectors to a finite set of codes, 0..n_codes-1, each with a vector of its own."""

    n_codes: int

    def encode(self, states: Tensor) -> Tensor:
        """states [...,S] -> code index [...], int64, through its own encoder; no gradient."""

    def quantize(self, vectors: Tensor) -> Quantized:
        """Codes for latent vectors [...,D], past the encoder."""

    def look_up(self, codes: Tensor) -> Tensor:
        """codes [...] -> their vectors [...,D]."""

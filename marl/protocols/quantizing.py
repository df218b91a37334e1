"""Vectors as codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from marl.protocols.loop import Metrics, State


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


class StateQuantizer(Quantizer, Protocol):
    """A Quantizer of states with its own encoder and decoder; these calls give no gradient."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All that is trained."""

    def place(self, states: Tensor) -> Tensor:
        """Where states [...,S] lie among the codes' vectors before they are replaced, [...,D]."""

    def reconstruct(self, states: Tensor) -> Tensor:
        """What the codes of states [...,S] keep of them, [...,S]."""

    def vectors(self) -> Tensor:
        """Those of all codes, [K,D]."""


class QuantizerLearner(Protocol):
    """A quantizer of states, and what trains it."""

    @property
    def quantizer(self) -> StateQuantizer: ...

    @property
    def steps(self) -> int:
        """Steps taken so far."""

    def step(self, states: Tensor, slot: Tensor, slots: int) -> tuple[Tensor, Metrics]:
        """One gradient step on all states. Returns their codes [N] from before it, and metrics.

        states [N,S], slot [N] int64: the time slot of each; slots: T + 1 of the batch.
        """

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...

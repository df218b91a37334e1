"""CodebookConfig: what every state quantiser's options have in common, and the kinds of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from marl.config.kinds import Kinds
from marl.config.schema import option
from marl.protocols.quantizing import QuantizerLearner
from marl.quantizers.coverage import Coverage


@dataclass(frozen=True)
class CodebookConfig:
    """A state quantiser's options; `kind` chooses the class."""

    kind: ClassVar[str]
    hidden_dim: int = option(64, low=1, high=4096)  # both hidden layers of encoder and decoder
    lr: float = option(0.0005, above=0)  # Adam, of encoder and decoder
    grad_clip: float | None = option(10.0, above=0)  # L2 norm; None clips nothing
    update_interval: int = option(10, low=1)  # episodes between updates, once past the start
    recon_reduction: Literal["mean", "sum"] = "mean"  # over the state's numbers

    @property
    def n_codes(self) -> int:
        """K."""
        raise NotImplementedError

    @property
    def unmoved(self) -> str:
        """The setting for which no loss moves the codes, so that coverage can't; "" where one does.

        A kind whose codes a coverage loss moves says so.
        """
        return f"codebook.kind={self.kind}"

    def build(
        self,
        state_dim: int,
        coverage: Coverage,
        limit: int,
        device: torch.device,
        seed: int | None = None,
    ) -> QuantizerLearner:
        """The quantiser of states [...,S], with what trains it.

        coverage: "none" where codes are `unmoved`; limit: slots of the longest possible episode;
        seed: of what is drawn while it learns, None: drawn. Weights come from torch's generator.
        """
        raise NotImplementedError


CODEBOOKS = Kinds("bonus.codebook", CodebookConfig)

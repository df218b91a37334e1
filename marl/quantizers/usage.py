"""How a codebook is used: the codes' shares, and how many codes these come to."""

from __future__ import annotations

import torch
from torch import Tensor


def shares(codes: Tensor, n_codes: int) -> Tensor:
    """Share of each code, [K]; zeros of nothing. codes: [N]."""
    return torch.bincount(codes, minlength=n_codes).float() / max(1, codes.numel())


def perplexity(share: Tensor) -> Tensor:
    """Codes in effect: exp of the entropy of their shares [K], 1..K."""
    return torch.special.entr(share).sum().exp()

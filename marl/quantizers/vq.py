"""Vector quantiser of global states: encoder, codebook, decoder (van den Oord et al. 2017)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from marl.protocols.quantizing import Quantized
from marl.quantizers.layers import mlp, straight_through
from marl.quantizers.nearest import find_nearest


class VectorQuantizer(nn.Module):
    """Encoder S-H-H-D, codebook K x D drawn from U[0,1), decoder D-H-H-S, all with ReLU."""

    codebook: nn.Parameter

    def __init__(self, state_dim: int, n_codes: int, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.n_codes = n_codes
        self.encoder = mlp(state_dim, hidden_dim, dim)
        self.codebook = nn.Parameter(torch.rand(n_codes, dim))  # [K,D]
        self.decoder = mlp(dim, hidden_dim, state_dim)

    @torch.no_grad()
    def encode(self, states: Tensor) -> Tensor:
        """states [...,S] -> index of the nearest code [...]."""
        return self.nearest(self.encoder(states))

    @torch.no_grad()
    def nearest(self, encoded: Tensor) -> Tensor:
        """encoded [...,D] -> index of the code at the least distance; a tie takes the smallest."""
        flat = encoded.detach().reshape(-1, encoded.shape[-1])
        return nearest_codes(flat, self.codebook).reshape(encoded.shape[:-1])

    def quantize(self, vectors: Tensor) -> Quantized:
        """The nearest codes of vectors [...,D]; no gradient for the codebook."""
        codes = self.nearest(vectors)
        return Quantized(straight_through(vectors, self.look_up(codes)), codes)

    def look_up(self, codes: Tensor) -> Tensor:
        """codes [...] -> their vectors [...,D], differentiable."""
        return F.embedding(codes, self.codebook)

    @torch.no_grad()
    def place(self, states: Tensor) -> Tensor:
        """Encodings of states [...,S], [...,D]."""
        return self.encoder(states)

    @torch.no_grad()
    def reconstruct(self, states: Tensor) -> Tensor:
        """The states [...,S] that their codes are decoded to."""
        return self.decoder(self.quantize(self.encoder(states)).vectors)

    def vectors(self) -> Tensor:
        """Those of all codes, [K,D]."""
        return self.codebook.detach()


@torch.no_grad()
def nearest_codes(vectors: Tensor, codes: Tensor) -> Tensor:
    """Index of the code at the least distance from each vector; a tie takes the smallest.

    vectors [N,D], codes [K,D] -> [N] int64. Sums of squares, not |e|^2 - 2 x e: rounding makes that
    wrong once in 70,000 lookups.
    """
    if vectors.device.type == "cpu" and vectors.dtype == torch.float32:
        found = np.empty(len(vectors), dtype=np.int64)
        by_dimension = codes.detach().numpy().T.copy()  # [D,K]
        work = np.empty(len(codes), dtype=np.float32)
        find_nearest(vectors.contiguous().numpy(), by_dimension, work, found)
        return torch.from_numpy(found)
    distances = torch.cdist(vectors, codes, compute_mode="donot_use_mm_for_euclid_dist")  # [N,K]
    return distances.min(1).indices

"""The networks of a self-predictive encoder: observations to quantised latents, and a step on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from marl.nets.agents import perceptron
from marl.quantizers.fsq import FiniteScalarQuantizer


class Rounded(NamedTuple):
    """Latents, and the codes of their groups."""

    latents: Tensor  # [...,Z]
    codes: Tensor | None  # [...,Z/c] int64; None where nothing is rounded


class Rounding(nn.Module):
    """Rounds a latent of Z numbers in groups of c, one for each level; the gradient passes."""

    def __init__(self, levels: Sequence[int]) -> None:
        """levels: [c]; none: latents stay as they are."""
        super().__init__()
        self.channels = max(1, len(levels))
        self.grid = FiniteScalarQuantizer(levels, reach="beyond") if levels else None

    def forward(self, latents: Tensor) -> Rounded:
        if self.grid is None:
            return Rounded(latents, None)
        groups = latents.unflatten(-1, (-1, self.channels))
        vectors, codes = self.grid.quantize(groups)
        return Rounded(vectors.flatten(-2), codes)


class LatentEncoder(nn.Module):
    """Observation [...,O] -> rounded latent [...,Z]."""

    def __init__(
        self, inputs: int, hidden_dims: tuple[int, ...], groups: int, rounding: Rounding
    ) -> None:
        """groups: Z / c."""
        super().__init__()
        self.width = groups * rounding.channels  # Z
        self.layers = perceptron(inputs, hidden_dims, self.width, "mish", layer_norm=True)
        self.rounding = rounding

    def forward(self, obs: Tensor) -> Rounded:
        return self.rounding(self.layers(obs))


class LatentDynamics(nn.Module):
    """Latent and action to the next latent: z' = round(z + d(z, a)), or round(d(z, a))."""

    def __init__(
        self,
        width: int,
        action_dim: int,
        hidden_dims: tuple[int, ...],
        rounding: Rounding,
        residual: bool,
    ) -> None:
        super().__init__()
        self.layers = perceptron(width + action_dim, hidden_dims, width, "mish", layer_norm=True)
        self.rounding = rounding
        self.residual = residual

    def forward(self, latents: Tensor, actions: Tensor) -> Tensor:
        """latents [...,Z], actions [...,D] -> [...,Z]."""
        change = self.layers(torch.cat([latents, actions], dim=-1))
        return self.rounding(latents + change if self.residual else change).latents


@torch.no_grad()
def codes_in_effect(codes: Tensor) -> Tensor:
    """Perplexity of the codes' use, from 1 on: as many as if all used were used alike."""
    share = codes.unique(return_counts=True)[1] / codes.numel()
    return torch.exp(-(share * share.log()).sum())


@torch.no_grad()
def effective_rank(latents: Tensor, kept: float = 0.99) -> Tensor:
    """Directions that latents [N,Z] need for `kept` of the sum of their singular values.

    Kumar et al. 2021 (arXiv:2010.14498), srank. At most min(N, Z).
    """
    sizes = torch.linalg.svdvals(latents)
    reached = sizes.cumsum(0) / sizes.sum().clamp(min=math.ulp(1.0))
    return (reached < kept).sum().float() + 1.0

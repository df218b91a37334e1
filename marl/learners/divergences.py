"""How far a policy's actions are from those of the data, state by state: pure measures.

    MMD(X, Y) = sqrt(mean k(x, x') + mean k(y, y') - 2 mean k(x, y) + 1e-6)
        laplacian k(x, y) = exp(-sum_d |x_d - y_d| / (2 sigma))
        gaussian  k(x, y) = exp(-sum_d (x_d - y_d)^2 / (2 sigma))

Means over all pairs, those of a sample with itself too: the biased estimate of Gretton et al. 2012.
Kumar et al. 2019 (BEAR, arXiv:1906.00949) take its root; the 1e-6 keeps the gradient finite where
both sets are the same. The gaussian's sigma is not squared, as in their code.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Kernel = Literal["laplacian", "gaussian"]
LEAST = 1e-6  # below the root


def kernel_of(kernel: Kernel, sigma: float, xs: Tensor, ys: Tensor) -> Tensor:
    """k of every pair: xs [N,...,D], ys [M,...,D] -> [N,M,...]."""
    apart = xs[:, None] - ys[None]
    size = apart.abs() if kernel == "laplacian" else apart.square()
    return torch.exp(size.sum(-1) / (-2.0 * sigma))


def mmd(kernel: Kernel, sigma: float, xs: Tensor, ys: Tensor) -> Tensor:
    """Maximum mean discrepancy of two sets of samples: xs [N,...,D], ys [M,...,D] -> [...]."""
    within_x = kernel_of(kernel, sigma, xs, xs).mean((0, 1))
    within_y = kernel_of(kernel, sigma, ys, ys).mean((0, 1))
    between = kernel_of(kernel, sigma, xs, ys).mean((0, 1))
    # what is below zero is rounding: the biased estimate is a squared norm
    return ((within_x + within_y - 2.0 * between).clamp(min=0.0) + LEAST).sqrt()

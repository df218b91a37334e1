"""A lower bound of the mutual information of two variables, from pairs that belong together.

    I = mean_i T(x_i, y_i) - log mean_i exp T(x_i, y_perm(i))
    T(x, y) = tanh(w . relu(W_x x + W_y y + b) + c)

Donsker and Varadhan's bound with a learnt T: Belghazi et al. 2018 (MINE, arXiv:1801.04062),
equation 5. The tanh keeps the estimate below 2. perm is a permutation of the time points of one
trajectory, so that x and y stay those of the same episode: Zhao et al. 2021 (MUSIC,
arXiv:2103.08107).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class StatisticsNetwork(nn.Module):
    """T(x, y); weights by Xavier's rule, biases 0."""

    def __init__(self, x_dim: int, y_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.of_x = nn.Linear(x_dim, hidden_dim)
        self.of_y = nn.Linear(y_dim, hidden_dim, bias=False)  # b stands in of_x
        self.head = nn.Linear(hidden_dim, 1)
        for layer in (self.of_x, self.of_y, self.head):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.of_x.bias)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x [...,X], y [...,Y] -> [...]."""
        return self.statistic(self.of_x(x), self.of_y(y))

    def statistic(self, of_x: Tensor, of_y: Tensor) -> Tensor:
        """T of what the first layers made of x and y, [...,H] each -> [...]."""
        return torch.tanh(self.head(torch.relu(of_x + of_y)))[..., 0]


def information(joint: Tensor, marginal: Tensor, mask: Tensor) -> Tensor:
    """The estimate from N points of each trajectory: [...,N] each -> [...].

    joint: T of pairs that belong together; marginal: of permuted ones; mask: bool, real points.
    """
    weights = mask.to(joint.dtype)
    count = weights.sum(-1).clamp(min=1.0)
    apart = (marginal.exp() * weights).sum(-1) / count
    return (joint * weights).sum(-1) / count - apart.log()


def two_points(before: Tensor, after: Tensor, crossed: Tensor, crossed_back: Tensor) -> Tensor:
    """The estimate from two points with the permutation that swaps them, of T [...] each.

    before, after: T(x_1, y_1), T(x_2, y_2); crossed: T(x_1, y_2), and back T(x_2, y_1). To second
    order half of dx' (d2T / dx dy) dy: it is 0 unless both have moved.
    """
    return 0.5 * (before + after) - (0.5 * (crossed.exp() + crossed_back.exp())).log()


def permutation(mask: Tensor, rng: torch.Generator) -> Tensor:
    """A permutation of each row's real points, [...,N] int64; the padding stays behind them.

    mask [...,N] bool, True first. One draw of N numbers serves all rows, so that rows of one length
    have the same permutation, as in the published code, whose rows all are of one.
    """
    keys = torch.rand(mask.shape[-1], generator=rng).to(mask.device)
    return torch.where(mask, keys, 2.0).argsort(stable=True, dim=-1)

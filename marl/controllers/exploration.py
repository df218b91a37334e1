"""How actions are chosen from values while collecting, and greedily while testing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from marl.config.schema import option
from marl.protocols import Progress


class Greedy:
    """The best available action."""

    def select(
        self, values: Tensor, avail: Tensor, progress: Progress, rng: torch.Generator
    ) -> Tensor:
        """values [B,A,U], avail [B,A,U] bool -> actions [B,A]."""
        return values.masked_fill(~avail, -torch.inf).argmax(-1)

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class EpsilonConfig:
    """Probability of a random action, falling in a straight line."""

    start: float = option(1.0, low=0.0, high=1.0)
    end: float = option(0.05, low=0.0, high=1.0)
    anneal: int = option(50_000, low=1)  # environment steps from start to end

    def at(self, t_env: int) -> float:
        """Epsilon after `t_env` environment steps."""
        left = max(0.0, 1.0 - t_env / self.anneal)
        return self.end + (self.start - self.end) * left


class EpsilonGreedy:
    """Each agent on its own: with probability epsilon any available action, else the best one."""

    def __init__(self, config: EpsilonConfig) -> None:
        self.config = config
        self.greedy = Greedy()

    def select(
        self, values: Tensor, avail: Tensor, progress: Progress, rng: torch.Generator
    ) -> Tensor:
        """values [B,A,U], avail [B,A,U] bool -> actions [B,A]. rng lives on the CPU."""
        best = self.greedy.select(values, avail, progress, rng)
        draws = torch.rand(2, *best.shape, generator=rng).to(values.device)
        explores = draws[0] < self.config.at(progress.t_env)
        rank = avail.cumsum(-1)  # 1 at the first available action, 2 at the second ...
        count = rank[..., -1:]
        chosen = (draws[1][..., None] * count).floor().to(rank.dtype) + 1  # uniform in 1..count
        anything = (rank < chosen.clamp(max=count)).sum(-1)
        return torch.where(explores, anything, best)

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {"epsilon": self.config.at(progress.t_env)}

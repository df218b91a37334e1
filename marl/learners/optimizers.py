"""Optimisers by kind: what `learner.optimizer.kind` may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from marl.config.schema import option


@dataclass(frozen=True)
class RmspropConfig:
    """Gradient descent divided by a running size of the gradients, PyMARL's."""

    kind: ClassVar[str] = "rmsprop"
    lr: float = option(0.0005, above=0.0)
    alpha: float = option(0.99, low=0.0, high=1.0)  # smoothing of the squares
    eps: float = option(0.00001, above=0.0)

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(
            parameters, lr=self.lr, alpha=self.alpha, eps=self.eps, foreach=True
        )


@dataclass(frozen=True)
class AdamConfig:
    """Adam with its usual smoothing (0.9, 0.999)."""

    kind: ClassVar[str] = "adam"
    lr: float = option(0.0005, above=0.0)
    eps: float = option(0.00001, above=0.0)

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.lr, eps=self.eps, foreach=True)


OptimizerConfig = RmspropConfig | AdamConfig

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
    """Adam with its usual smoothing (0.9, 0.999), and with a weight decay AdamW."""

    kind: ClassVar[str] = "adam"
    lr: float = option(0.0005, above=0.0)
    eps: float = option(0.00001, above=0.0)
    weight_decay: float = option(0.0, low=0.0)  # share of a weight that a step takes, times lr
    fused: bool = False  # one pass over all weights: quicker with many of them, rounds otherwise

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        kind = torch.optim.AdamW if self.weight_decay > 0.0 else torch.optim.Adam
        return kind(
            parameters,
            lr=self.lr,
            eps=self.eps,
            weight_decay=self.weight_decay,
            foreach=not self.fused,
            fused=self.fused,
        )


# What learning continuous actions takes by default.
FUSED_ADAM = AdamConfig(lr=0.0003, eps=0.00000001, fused=True)

OptimizerConfig = RmspropConfig | AdamConfig

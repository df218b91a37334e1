"""Normalisation of value targets by their running mean and deviation."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NoValueNorm(nn.Module):
    """Leaves values as they are."""

    def update(self, targets: Tensor) -> None:
        """Learns nothing."""

    def normalise(self, targets: Tensor) -> Tensor:
        return targets

    def denormalise(self, values: Tensor) -> Tensor:
        return values


class ValueNorm(nn.Module):
    """Exponential means of targets and their squares, corrected for the zeros they start from.

    Yu et al. 2022 (MAPPO, arXiv:2103.01955), section 5.1; beta as in their code.
    """

    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(self, beta: float = 0.99999) -> None:
        super().__init__()
        self.beta = beta
        for name in ("mean", "square", "weight"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def update(self, targets: Tensor) -> None:
        """Count the targets, [N]; N may be 0."""
        if not len(targets):
            return
        self.mean.lerp_(targets.mean(), 1.0 - self.beta)
        self.square.lerp_(targets.square().mean(), 1.0 - self.beta)
        self.weight.lerp_(torch.ones_like(self.weight), 1.0 - self.beta)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the targets so far; 0 and 1 before the first ones."""
        if self.weight == 0:
            return torch.zeros_like(self.mean), torch.ones_like(self.mean)
        mean = self.mean / self.weight
        variance = (self.square / self.weight - mean.square()).clamp(min=0.01)
        return mean, variance.sqrt()

    def normalise(self, targets: Tensor) -> Tensor:
        mean, deviation = self.statistics()
        return (targets - mean) / deviation

    def denormalise(self, values: Tensor) -> Tensor:
        mean, deviation = self.statistics()
        return values * deviation + mean

"""Actions between bounds: how networks that give any numbers keep to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from marl.spec import Continuous, EnvSpec


class Bounded(nn.Module):
    """A module that knows the bounds of continuous actions."""

    action_dim: int  # D
    action_bias: Tensor  # [D], the middle between the bounds
    action_scale: Tensor  # [D], half the width between the bounds

    def keep_bounds(self, spec: EnvSpec) -> None:
        """Remember the bounds of spec's actions, on the device where the module goes."""
        assert isinstance(spec.action, Continuous)  # the recipe is for continuous actions
        self.action_dim = spec.action.dim
        low, high = torch.tensor(spec.action.low), torch.tensor(spec.action.high)
        self.register_buffer("action_bias", (high + low) / 2)
        self.register_buffer("action_scale", (high - low) / 2)

    def squash(self, numbers: Tensor) -> Tensor:
        """Any numbers [...,D] to actions within the bounds."""
        return self.action_bias + self.action_scale * torch.tanh(numbers)

    def clip(self, actions: Tensor) -> Tensor:
        """The nearest actions within the bounds, [...,D]."""
        bias, scale = self.action_bias, self.action_scale
        return actions.clamp(bias - scale, bias + scale)

    def in_halves(self, actions: Tensor) -> Tensor:
        """Actions [...,D] in half-ranges: -1 at the lower bound, 1 at the upper."""
        return (actions - self.action_bias) / self.action_scale

    def size(self, actions: Tensor) -> Tensor:
        """Mean square of actions [...,D] in half-ranges from their middle, [...]."""
        return self.in_halves(actions).square().mean(-1)

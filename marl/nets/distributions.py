"""Distributions over one agent's actions, made from a policy network's outputs."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from marl.spec import Action, Discrete


class Distribution(Protocol):
    """How outputs [...,U] of a policy network are read; avail [...,U] bool, None if continuous."""

    outputs: int  # U, numbers that it reads

    def sample(self, outputs: Tensor, avail: Tensor | None, rng: torch.Generator) -> Tensor:
        """Random actions, [...] or [...,D]; rng lives on the CPU."""

    def mode(self, outputs: Tensor, avail: Tensor | None) -> Tensor:
        """The likeliest actions, [...] or [...,D]."""

    def log_prob(self, outputs: Tensor, avail: Tensor | None, actions: Tensor) -> Tensor:
        """Log-probability (density) of the actions, [...]."""

    def entropy(self, outputs: Tensor, avail: Tensor | None) -> Tensor:
        """[...], in nats."""


def log_softmax(outputs: Tensor, avail: Tensor | None) -> Tensor:
    """Log-probability of each action, [...,U]; a number near -1e38 where unavailable.

    Where nothing is available (padding) all are alike.
    """
    if avail is not None:
        outputs = outputs.masked_fill(~avail, torch.finfo(outputs.dtype).min)
    return outputs.log_softmax(-1)


def gumbel_noise(like: Tensor, rng: torch.Generator) -> Tensor:
    """Independent Gumbel numbers of this shape; rng lives on the CPU."""
    uniform = torch.rand(like.shape, generator=rng).to(like.device)
    tiny = torch.finfo(uniform.dtype).tiny
    return -(-uniform.clamp(min=tiny).log()).clamp(min=tiny).log()


class Categorical(nn.Module):
    """Softmax over the available actions."""

    def __init__(self, n_actions: int) -> None:
        super().__init__()
        self.outputs = n_actions

    def sample(self, outputs: Tensor, avail: Tensor | None, rng: torch.Generator) -> Tensor:
        """By the Gumbel trick: the largest of log-probabilities with independent noise."""
        return (log_softmax(outputs, avail) + gumbel_noise(outputs, rng)).argmax(-1)

    def mode(self, outputs: Tensor, avail: Tensor | None) -> Tensor:
        return log_softmax(outputs, avail).argmax(-1)

    def log_prob(self, outputs: Tensor, avail: Tensor | None, actions: Tensor) -> Tensor:
        return log_softmax(outputs, avail).gather(-1, actions[..., None])[..., 0]

    def entropy(self, outputs: Tensor, avail: Tensor | None) -> Tensor:
        logs = log_softmax(outputs, avail)
        return -(logs.exp() * logs.clamp(min=-1e4)).sum(-1)


class Gaussian(nn.Module):
    """Independent normal numbers; the outputs are their means, the deviation is learnt apart."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.outputs = dim
        self.log_std = nn.Parameter(torch.zeros(dim))  # [D]

    def sample(self, outputs: Tensor, avail: Tensor | None, rng: torch.Generator) -> Tensor:
        noise = torch.randn(outputs.shape, generator=rng).to(outputs.device)
        return outputs + self.log_std.exp() * noise

    def mode(self, outputs: Tensor, avail: Tensor | None) -> Tensor:
        return outputs

    def log_prob(self, outputs: Tensor, avail: Tensor | None, actions: Tensor) -> Tensor:
        scaled = (actions - outputs) / self.log_std.exp()
        return -(0.5 * scaled.square() + self.log_std + 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self, outputs: Tensor, avail: Tensor | None) -> Tensor:
        each = 0.5 + 0.5 * math.log(2 * math.pi) + self.log_std  # [D]
        return each.sum().expand(outputs.shape[:-1])


def distribution_of(action: Action) -> Categorical | Gaussian:
    """The distribution for an environment's actions."""
    return Categorical(action.n) if isinstance(action, Discrete) else Gaussian(action.dim)

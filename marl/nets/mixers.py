"""Mixers: the agents' chosen values -> the values that are learnt, G of them per step.

G is A when agents learn alone and 1 when their values are mixed into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, linear

from marl.config.kinds import Kinds
from marl.config.schema import option
from marl.nets.native import serves
from marl.nets.qmix import mixed
from marl.spec import EnvSpec


class Independent(nn.Module):
    """Every agent learns its own value (IQL): G = A."""

    def forward(self, values: Tensor, state: Tensor) -> Tensor:
        """values [...,A], state [...,S] -> [...,A]."""
        return values


class Vdn(nn.Module):
    """The joint value is the sum (Sunehag et al. 2018, arXiv:1706.05296)."""

    def forward(self, values: Tensor, state: Tensor) -> Tensor:
        """values [...,A], state [...,S] -> [...,1]."""
        return values.sum(-1, keepdim=True)


class Qmix(nn.Module):
    """A mix that grows with every agent's value, its weights made from the state.

    Rashid et al. 2018, arXiv:1803.11485. Absolute weights keep d joint / d value_a >= 0, so
    that each agent's own greedy action is the jointly greedy one.
    """

    def __init__(self, n_agents: int, state_dim: int, embed_dim: int, hypernet_dim: int) -> None:
        super().__init__()
        self.n_agents = n_agents
        self.embed_dim = embed_dim
        self.weights_1 = _hypernet(state_dim, hypernet_dim, n_agents * embed_dim)
        self.bias_1 = nn.Linear(state_dim, embed_dim)
        self.weights_2 = _hypernet(state_dim, hypernet_dim, embed_dim)
        self.value = _hypernet(state_dim, embed_dim, 1)

    def forward(self, values: Tensor, state: Tensor) -> Tensor:
        """values [...,A], state [...,S] -> [...,1]."""
        nets = (self.weights_1, self.weights_2, self.value)
        (first_1, one), (first_2, two), (first_value, value) = map(_layers, nets)
        firsts = (first_1, self.bias_1, first_2, first_value)
        weight = torch.cat([layer.weight for layer in firsts])  # one product makes all four
        bias = torch.cat([layer.bias for layer in firsts])
        if serves(values, self.embed_dim, first_1.out_features) and not state.requires_grad:
            seconds = [part for layer in (one, two, value) for part in (layer.weight, layer.bias)]
            rows = values.reshape(-1, self.n_agents)
            joint = mixed(rows, state.reshape(len(rows), -1), weight, bias, *seconds)
            return joint.view(*values.shape[:-1], 1)
        widths = [layer.out_features for layer in firsts]
        in_1, bias_1, in_2, in_value = linear(state, weight, bias).split(widths, dim=-1)
        weights_1 = one(torch.relu(in_1)).abs().view(*values.shape, self.embed_dim)  # [...,A,M]
        hidden = elu((values[..., None] * weights_1).sum(-2) + bias_1)  # [...,M]
        weights_2 = two(torch.relu(in_2)).abs()  # [...,M]
        return (hidden * weights_2).sum(-1, keepdim=True) + value(torch.relu(in_value))


def _hypernet(state_dim: int, hidden_dim: int, out_dim: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(state_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, out_dim)
    )


def _layers(hypernet: nn.Sequential) -> tuple[nn.Linear, nn.Linear]:
    first, _, second = hypernet
    return cast(nn.Linear, first), cast(nn.Linear, second)


@dataclass(frozen=True)
class MixerConfig:
    """A mixer's options; `kind` chooses the class."""

    kind: ClassVar[str]

    def build(self, spec: EnvSpec) -> nn.Module:
        """The mixer: forward(values [...,A], state [...,S]) -> [...,G]."""
        raise NotImplementedError


MIXERS = Kinds("mixer", MixerConfig)


@MIXERS.add
@dataclass(frozen=True)
class IndependentConfig(MixerConfig):
    """No mixing: every agent learns its own value."""

    kind: ClassVar[str] = "independent"

    def build(self, spec: EnvSpec) -> nn.Module:
        return Independent()


@MIXERS.add
@dataclass(frozen=True)
class VdnMixerConfig(MixerConfig):
    """The sum of the agents' values."""

    kind: ClassVar[str] = "vdn"

    def build(self, spec: EnvSpec) -> nn.Module:
        return Vdn()


@MIXERS.add
@dataclass(frozen=True)
class QmixMixerConfig(MixerConfig):
    """The monotone mixing network."""

    kind: ClassVar[str] = "qmix"
    embed_dim: int = option(32, low=1, high=1024)  # width of the mixing layer
    hypernet_dim: int = option(64, low=1, high=4096)  # width of the networks that make its weights

    def build(self, spec: EnvSpec) -> nn.Module:
        return Qmix(spec.n_agents, spec.state_dim, self.embed_dim, self.hypernet_dim)

"""Mixers: the agents' chosen values -> the values that are learnt, G of them per step.

G is A when agents learn alone and 1 when their values are mixed into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, linear

from marl.config.kinds import Kinds
from marl.config.schema import option
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
        first_1, bias_1, first_2, first_value = self._first_layers(state)
        weights_1 = self.weights_1[1:](first_1).abs()
        weights_1 = weights_1.view(*values.shape, self.embed_dim)  # [...,A,M]
        hidden = elu((values[..., None] * weights_1).sum(-2) + bias_1)  # [...,M]
        weights_2 = self.weights_2[1:](first_2).abs()  # [...,M]
        return (hidden * weights_2).sum(-1, keepdim=True) + self.value[1:](first_value)

    def _first_layers(self, state: Tensor) -> tuple[Tensor, ...]:
        """What the four layers make of the state, in one product: [...,*] each."""
        nets: tuple[nn.Module, ...] = (
            self.weights_1[0],
            self.bias_1,
            self.weights_2[0],
            self.value[0],
        )
        layers = [net for net in nets if isinstance(net, nn.Linear)]
        weight = torch.cat([layer.weight for layer in layers])
        bias = torch.cat([layer.bias for layer in layers])
        widths = [len(layer.bias) for layer in layers]
        return linear(state, weight, bias).split(widths, dim=-1)


def _hypernet(state_dim: int, hidden_dim: int, out_dim: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(state_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, out_dim)
    )


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

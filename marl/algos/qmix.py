"""QMIX: the joint value is a monotone mix of the agents' values.

    Q_tot(s, a) = mix(Q_1(o_1, a_1), ..., Q_A(o_A, a_A); s),  d Q_tot / d Q_i >= 0
    y = r + gamma * (1 - terminated) * Q_tot_target(s', argmax_i Q_i)

Rashid et al. 2018, arXiv:1803.11485. Differs from the paper as PyMARL does: double-Q, and
hypernetworks of two layers for the weights (one in the paper).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from marl.algos.values import ValueRecipeConfig
from marl.config.schema import option
from marl.nets.mixers import Qmix
from marl.spec import EnvSpec


@dataclass(frozen=True)
class QmixMixerConfig:
    """The monotone mixing network."""

    embed_dim: int = option(32, low=1)  # width of the mixing layer
    hypernet_dim: int = option(64, low=1)  # width of the networks that make its weights

    def build(self, spec: EnvSpec) -> Qmix:
        return Qmix(spec.n_agents, spec.state_dim, self.embed_dim, self.hypernet_dim)


@dataclass(frozen=True)
class QmixConfig(ValueRecipeConfig):
    """Value decomposition by a monotone mix."""

    mixer: QmixMixerConfig = QmixMixerConfig()

    def make_mixer(self, spec: EnvSpec) -> nn.Module:
        return self.mixer.build(spec)

"""QMIX: the joint value is a monotone mix of the agents' values.

    Q_tot(s, a) = mix(Q_1(o_1, a_1), ..., Q_A(o_A, a_A); s),  d Q_tot / d Q_i >= 0
    y = r + gamma * (1 - terminated) * Q_tot_target(s', argmax_i Q_i)

Rashid et al. 2018, arXiv:1803.11485. Differs from the paper as PyMARL does: double-Q, and
hypernetworks of two layers for the weights (one in the paper).
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.values import ValueRecipeConfig
from marl.nets.mixers import MixerConfig, QmixMixerConfig


@dataclass(frozen=True)
class QmixConfig(ValueRecipeConfig):
    """Value decomposition by a monotone mix."""

    mixer: MixerConfig = QmixMixerConfig()

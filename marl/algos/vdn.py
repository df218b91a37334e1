"""VDN: the joint value is the sum of the agents' values (Sunehag et al. 2018, arXiv:1706.05296).

    Q_tot(s, a) = sum_i Q_i(o_i, a_i);  y = r + gamma * (1 - terminated) * Q_tot_target(s', a*)

Differs from the paper: GRU instead of LSTM, no dueling heads, no communication channels,
double-Q, PyMARL's hyper-parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.values import ValueRecipeConfig
from marl.nets.mixers import MixerConfig, VdnMixerConfig


@dataclass(frozen=True)
class VdnConfig(ValueRecipeConfig):
    """Value decomposition by a sum."""

    mixer: MixerConfig = VdnMixerConfig()

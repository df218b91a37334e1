"""FACMAC: actors that climb a factored critic together (Peng et al. 2021, arXiv:2003.06709).

    Q(s, a) = mix(Q_1(o_1, a_1) .. Q_A(o_A, a_A), s)
    y = r + gamma * (1 - terminated) * Q_target(s', pi_target(o'_1) .. pi_target(o'_A))
    all agents climb Q(s, pi(o_1) .. pi(o_A)) at once: the centralised policy gradient

It is MADDPG with critic.kind=mixed. The mix is QMIX's here; critic.mixer.kind chooses another.

Differs from the paper: no critic with a memory, and one optimiser's values for both networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.maddpg import MaddpgConfig
from marl.nets.team_critics import AnyCriticConfig, MixedCriticConfig


@dataclass(frozen=True)
class FacmacConfig(MaddpgConfig):
    """Factored multi-agent centralised policy gradients."""

    critic: AnyCriticConfig = MixedCriticConfig(count=1, hidden_dims=(128, 128), agent_id=True)

"""MAPPO: PPO with a critic that sees the state (Yu et al. 2022, arXiv:2103.01955).

IPPO (marl/algos/ippo.py) but for V: of the state together with the agent's own observation, the
paper's agent-specific state (`critic.input`). Differs from the paper as IPPO does here, and in
that nothing redundant is pruned from that input.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.ippo import IppoConfig
from marl.controllers.policy import StateValueConfig
from marl.nets.agents import RnnConfig


@dataclass(frozen=True)
class MappoConfig(IppoConfig):
    """Multi-agent proximal policy optimisation."""

    critic: StateValueConfig = StateValueConfig(input="agent_state", net=RnnConfig())

"""DDPG: deterministic policy gradient with one critic (Lillicrap et al. 2016, arXiv:1509.02971).

    y = r + gamma * (1 - terminated) * Q_target(s', pi_target(s'))
    the actor climbs Q on every update; the targets follow

It is TD3 with one critic, without noise on the targets' actions and without delay. Differs from
the paper: networks, batch size and random steps as TD3's here; Gaussian noise instead of an
Ornstein-Uhlenbeck process; no weight decay on the critic and no batch normalisation; tau 0.005
(0.001 there).
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.learners.actor_critic.deterministic import DeterministicConfig
from marl.nets.critics import CriticConfig
from marl.nets.team_critics import AnyCriticConfig
from marl.single_agent.actor_critic.td3 import Td3Config


@dataclass(frozen=True)
class DdpgConfig(Td3Config):
    """Deep deterministic policy gradient."""

    critic: AnyCriticConfig = CriticConfig(count=1)
    learner: DeterministicConfig = DeterministicConfig(
        policy_delay=1, target_delay=1, target_noise=0.0
    )

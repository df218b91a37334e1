"""Sizes of an environment: everything a network or a buffer needs to know about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnvSpec:
    """One environment's sizes. Every array shape in the project comes from here.

    `name` is part of every result: `<environment>-<backend>/<map>`, for example
    `sc2-engine/3s_vs_5z`. `reports_win` says whether episodes end with a `battle_won` outcome.
    """

    name: str
    n_agents: int  # A
    n_actions: int  # U
    obs_dim: int  # O
    state_dim: int  # S
    episode_limit: int  # most steps in one episode
    reports_win: bool = False

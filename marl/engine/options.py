"""The options of a battle, as SMAC v1 names and sets them, and our reward presets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Source of names, meanings and defaults: oxwhirl/smac @d6aab33, starcraft2.py."""

    reward: str = "dense"  # one of scoring.REWARDS
    step_mul: int = 8  # game loops per step
    move_amount: float = 2.0  # length of a move order
    obs_all_health: bool = True  # health and shield of others; implies obs_own_health
    obs_own_health: bool = True
    obs_last_action: bool = False  # the other agents' last actions
    obs_pathing_grid: bool = False  # whether eight points around are walkable
    obs_timestep_number: bool = False
    obs_instead_of_state: bool = False  # the state is all observations
    state_last_action: bool = True
    state_timestep_number: bool = False
    continuing_episode: bool = False  # reaching the episode limit truncates, not terminates
    reward_death_value: float = 10.0
    reward_win: float = 200.0
    reward_defeat: float = 0.0
    reward_negative_scale: float = 0.5  # weight of the agents' own deaths; lagma_sparse only
    reward_scale: bool = True  # so that max_reward becomes reward_scale_rate
    reward_scale_rate: float = 20.0

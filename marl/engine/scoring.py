"""Who has won, and the reward: SMAC v1's, on the facts before and after a step.

Source: oxwhirl/smac @d6aab33, starcraft2.py (reward_battle, get_game_end_code, step). A unit is
dead when its health is 0; its vitality is health + shield.
"""

from __future__ import annotations

from typing import NamedTuple

from marl.engine.jit import compiled
from marl.engine.options import Options
from marl.engine.scenario import Scenario
from marl.engine.world import Floats, UnitTypes
from marl.errors import EnvError

# dense: damage to enemies and kills, never below 0 (as SMAC v2 has it).
# dense_official: its absolute value, as the v1 client has it, so a regenerating enemy pays too
#   (oxwhirl/smac#72).
# sparse: 1 for a win, -1 for a loss, 0 for a draw or a timeout (scaled like the rest).
# lagma_sparse: kills and own losses only, and the win; what LAGMA calls sparse
#   (aailabkaist/LAGMA @40d5249, reward_only_positive=False in its own client).
REWARDS = ("dense", "dense_official", "sparse", "lagma_sparse")
DENSE, DENSE_OFFICIAL, SPARSE, LAGMA_SPARSE = range(4)

LOST, DRAWN, WON, RUNNING = -1, 0, 1, 2


class Scoring(NamedTuple):
    """The rewards of one scenario, and how its episodes end."""

    preset: int  # index of REWARDS
    n_agents: int
    death_value: float
    win: float
    defeat: float
    negative_scale: float
    scale: float  # every reward is divided by it
    limit_truncates: bool  # reaching the episode limit cuts the episode off, no outcome


def make_scoring(scenario: Scenario, types: UnitTypes, options: Options) -> Scoring:
    """The rewards of `scenario` under `options`."""
    if options.reward not in REWARDS:
        raise EnvError(f"reward: {options.reward!r} is not one of {list(REWARDS)}")
    most = max_reward(scenario, types, options)
    if options.reward_scale and most <= 0.0:
        raise EnvError(
            f"reward_win, reward_death_value: the most that can be earned is {most:g}, and rewards "
            "are divided by it; raise them above 0 or set reward_scale=False"
        )
    scaled = most / options.reward_scale_rate
    return Scoring(
        preset=REWARDS.index(options.reward),
        n_agents=scenario.count("ally"),
        death_value=options.reward_death_value,
        win=options.reward_win,
        defeat=options.reward_defeat,
        negative_scale=options.reward_negative_scale,
        scale=scaled if options.reward_scale else 1.0,
        limit_truncates=options.continuing_episode,
    )


def max_reward(scenario: Scenario, types: UnitTypes, options: Options) -> float:
    """The dense reward of killing every enemy and winning, before scaling."""
    total = options.reward_win
    for group in scenario.groups:
        if group.side == "enemy":
            kind = scenario.unit_names.index(group.unit)
            vitality = types.health[kind] + types.shield[kind]
            total += group.count * (options.reward_death_value + vitality)
    return float(total)


@compiled
def outcome(n_agents: int, health: Floats) -> int:
    """LOST, WON, DRAWN (nobody is left) or RUNNING. health: [N], agents first."""
    living_allies = n_agents - count_dead(health, 0, n_agents)
    living_enemies = health.size - n_agents - count_dead(health, n_agents, health.size)
    if living_allies:
        return RUNNING if living_enemies else WON
    return LOST if living_enemies else DRAWN


@compiled
def count_dead(health: Floats, first: int, last: int) -> int:
    """Dead units among first..last-1."""
    dead = 0
    for i in range(first, last):
        dead += health[i] == 0
    return dead


@compiled
def step_reward(
    scoring: Scoring, vitality_before: Floats, health: Floats, shield: Floats, code: int
) -> float:
    """The scaled reward of one step.

    vitality_before: [N], 0 for units that were dead already; health, shield: [N] now.
    code: the outcome after the step.
    """
    if scoring.preset == SPARSE:
        reward = float(code) if code != RUNNING else 0.0
    else:
        reward = _battle_reward(scoring, vitality_before, health, shield)
        if code == WON:
            reward += scoring.win
        elif code == LOST:
            reward += scoring.defeat
    return reward / scoring.scale


@compiled
def _battle_reward(
    scoring: Scoring, vitality_before: Floats, health: Floats, shield: Floats
) -> float:
    damage = 0.0  # to the enemies; below 0 when they regenerated more
    kills = 0
    losses = 0
    for i in range(health.size):
        if vitality_before[i] == 0:
            continue
        died = health[i] == 0
        if i < scoring.n_agents:
            losses += died
        else:
            kills += died
            damage += vitality_before[i] - (0.0 if died else health[i] + shield[i])
    if scoring.preset == LAGMA_SPARSE:
        return scoring.death_value * (kills - scoring.negative_scale * losses)
    dealt = damage + scoring.death_value * kills
    return abs(dealt) if scoring.preset == DENSE_OFFICIAL else max(dealt, 0.0)

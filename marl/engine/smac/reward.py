"""The outcome of a battle and the reward of a step, as in both SMAC clients.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (reward_battle,
update_units, only_medivac_left, step). A unit is dead when its health is 0; its vitality is
health + shield. max_reward is computed from the units of each battle; the clients keep that of the
first battle they ever played.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from marl.compiled.jit import compiled
from marl.compiled.reference import reference
from marl.engine.facts.scenario import Scenario
from marl.engine.smac.layout import ClientUnits
from marl.engine.smac.options import Options, check_options, values_by_name
from marl.engine.world import Floats, Ints, UnitTypes
from marl.errors import EnvError

LOST, DRAWN, WON, RUNNING = -1, 0, 1, 2


class RewardRules(NamedTuple):
    """The rewards of one scenario, and how its episodes end.

    A field with the name of an option or a quirk holds its value: marl.engine.smac.options has the
    meanings.
    """

    n_agents: int
    vitality_max: Floats  # [K]
    heals: Ints  # [K] 1: units of this type heal, and alone they cannot go on fighting
    has_healers: bool
    lone_healer_loses: (
        bool  # v1: enemies are beaten when one healer is left; v2: when healers alone are left
    )
    reward_sparse: bool
    reward_only_positive: bool
    reward_deaths_only: bool
    reward_death_value: float
    reward_win: float
    reward_defeat: float
    reward_negative_scale: float
    reward_scale_rate: float  # 0 = rewards are not scaled
    continuing_episode: bool
    regeneration_pays: bool


def make_reward_rules(scenario: Scenario, types: UnitTypes, options: Options) -> RewardRules:
    """The rewards of `scenario` under `options`."""
    check_options(options)
    values, quirks, heals = values_by_name(options), options.quirks, types.heal_rate > 0
    scaled = options.reward_scale and (not options.reward_sparse or quirks.sparse_reward_scaled)
    values |= {
        "n_agents": scenario.count("ally"),
        "vitality_max": types.health + types.shield,
        "heals": heals.astype(np.int64),
        "has_healers": bool(heals.any()),
        "lone_healer_loses": options.client == "v1",
        "reward_scale_rate": options.reward_scale_rate if scaled else 0.0,
        "regeneration_pays": options.client == "v1" and quirks.regeneration_pays,
    }
    rules = RewardRules(**{name: values[name] for name in RewardRules._fields})
    least = rules.reward_win + scenario.count("enemy") * (
        rules.reward_death_value + float(rules.vitality_max.min())
    )
    if scenario.groups:
        least = max_reward(scenario, types, options)
    if rules.reward_scale_rate and least <= 0.0:
        raise EnvError(
            f"reward_win, reward_death_value: the most that can be earned is {least:g}, and "
            "rewards are divided by it; raise them above 0 or set reward_scale=False"
        )
    return reference(rules)


def max_reward(scenario: Scenario, types: UnitTypes, options: Options) -> float:
    """The dense reward of killing every enemy of a scenario's groups and winning, unscaled."""
    names = scenario.unit_names
    kinds = [
        names.index(group.unit)
        for group in scenario.groups
        if group.side == "enemy"
        for _ in range(group.count)
    ]
    vitality = np.array(types.health + types.shield)[kinds]
    return float(options.reward_win + (options.reward_death_value + vitality).sum())


@compiled
def outcome(rules: RewardRules, kind: Ints, health: Floats) -> int:
    """LOST, WON, DRAWN (no unit is left) or RUNNING, tested in the clients' order.

    kind, health: [N], agents first. In battles with medivacs, agents of which medivacs alone are
    left have lost, even if no enemy is left.
    """
    has_healers, n_agents = rules.has_healers, rules.n_agents
    allies, enemies = 0, 0
    ally_healers, enemy_healers = 0, 0
    for i in range(health.size):
        if health[i] > 0:
            if i < n_agents:
                allies += 1
                ally_healers += rules.heals[kind[i]]
            else:
                enemies += 1
                enemy_healers += rules.heals[kind[i]]
    if (allies == 0 and enemies > 0) or (has_healers and allies == ally_healers):
        return LOST
    if allies > 0 and enemies == 0:
        return WON
    if has_healers and enemies == enemy_healers and (enemies == 1 or not rules.lone_healer_loses):
        return WON
    return DRAWN if allies == 0 and enemies == 0 else RUNNING


@compiled
def count_dead(health: Floats, first: int, last: int) -> int:
    """The number of dead units among first..last-1."""
    dead = 0
    for i in range(first, last):
        dead += health[i] == 0
    return dead


@compiled
def step_reward(
    rules: RewardRules, units: ClientUnits, vitality_before: Floats, code: int
) -> float:
    """The reward of one step, scaled.

    vitality_before: [N], 0 for units that were dead already. code: the outcome after the step.
    """
    if rules.reward_sparse:
        reward = float(code) if code != RUNNING else 0.0
    else:
        reward = _battle_reward(rules, units, vitality_before)
        if code == WON:
            reward += rules.reward_win
        elif code == LOST:
            reward += rules.reward_defeat
    if rules.reward_scale_rate and reward != 0.0:
        reward /= _max_reward(rules, units.kind) / rules.reward_scale_rate
    return reward


@compiled
def _battle_reward(rules: RewardRules, units: ClientUnits, vitality_before: Floats) -> float:
    damage, suffered = 0.0, 0.0  # below 0 when more was regenerated or healed
    kills, losses = 0, 0
    for i in range(vitality_before.size):
        if vitality_before[i] == 0:
            continue
        died = units.health[i] == 0
        lost = vitality_before[i] - (0.0 if died else units.health[i] + units.shield[i])
        if i < rules.n_agents:
            losses += died
            suffered += lost
        else:
            kills += died
            damage += lost
    deaths = rules.reward_death_value * kills
    if rules.reward_only_positive:
        dealt = damage + deaths
        return abs(dealt) if rules.regeneration_pays else max(dealt, 0.0)
    deaths -= rules.reward_negative_scale * rules.reward_death_value * losses
    if rules.reward_deaths_only:
        return deaths
    return damage + deaths - rules.reward_negative_scale * suffered


@compiled
def _max_reward(rules: RewardRules, kind: Ints) -> float:
    """The dense reward of killing every enemy of this battle and winning, unscaled. kind: [N]."""
    most = rules.reward_win
    for i in range(rules.n_agents, kind.size):
        most += rules.reward_death_value + rules.vitality_max[kind[i]]
    return most

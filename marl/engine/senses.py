"""The sizes and normalisers of a scenario's observation, state and action mask (SMAC v1).

Source: oxwhirl/smac @d6aab33, starcraft2.py (get_obs_size, get_state_size and what they call).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.geometry import DIAGONAL, OPEN
from marl.engine.options import Options
from marl.engine.orders import FIRST_ATTACK
from marl.engine.scenario import Scenario
from marl.engine.world import Floats, Ints, UnitTypes

# Points at which obs_pathing_grid tests the ground, in move_amounts: (x, y).
PATHING_POINTS = ((0, 2), (0, -2), (2, 0), (-2, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


class Facts(NamedTuple):
    """The units of one battle as a client sees them; a dead unit has health 0."""

    kind: Ints  # [N] type index
    x: Floats  # [N]
    y: Floats
    health: Floats
    shield: Floats
    cooldown: Floats  # loops


class Senses(NamedTuple):
    """Sizes, normalisers and options of one scenario's observation; see `make_senses`."""

    n_agents: int
    n_enemies: int
    n_actions: int
    type_bits: int
    ally_shields: int  # columns: 1 for race P, else 0
    enemy_shields: int
    ally_column: Ints  # [K] type one-hot column
    enemy_column: Ints
    health_max: Floats  # [K]
    shield_max: Floats
    cooldown_max: Floats
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x]
    episode_limit: int
    move_amount: float
    others_health: bool
    own_health: bool
    others_actions: bool
    pathing: bool
    timestep: bool
    state_actions: bool
    state_timestep: bool
    state_is_obs: bool
    obs_dim: int
    state_dim: int


def make_senses(scenario: Scenario, types: UnitTypes, options: Options) -> Senses:
    """The sizes and normalisers of `scenario` under `options`."""
    races, columns = scenario.races, scenario.type_columns
    n_agents, n_enemies = scenario.count("ally"), scenario.count("enemy")
    senses = Senses(
        n_agents=n_agents,
        n_enemies=n_enemies,
        n_actions=FIRST_ATTACK + n_enemies,
        type_bits=len(columns["ally"]),
        ally_shields=int(races["ally"] == "P"),
        enemy_shields=int(races["enemy"] == "P"),
        ally_column=_column_of_kind(scenario, "ally"),
        enemy_column=_column_of_kind(scenario, "enemy"),
        health_max=np.ascontiguousarray(types.health),
        shield_max=np.maximum(types.shield, 1.0),  # a unit without a shield shows 0 of 1
        cooldown_max=np.ascontiguousarray(types.max_cooldown),
        walkable=np.isin(scenario.walkable, (OPEN, DIAGONAL)).astype(np.uint8),
        episode_limit=scenario.episode_limit,
        move_amount=options.move_amount,
        others_health=options.obs_all_health,
        own_health=options.obs_own_health or options.obs_all_health,
        others_actions=options.obs_last_action,
        pathing=options.obs_pathing_grid,
        timestep=options.obs_timestep_number,
        state_actions=options.state_last_action,
        state_timestep=options.state_timestep_number,
        state_is_obs=options.obs_instead_of_state,
        obs_dim=0,
        state_dim=0,
    )
    senses = senses._replace(obs_dim=_obs_dim(senses))
    return senses._replace(state_dim=_state_dim(senses))


def _column_of_kind(scenario: Scenario, side: str) -> Ints:
    columns = scenario.type_columns[side]
    indices = [columns.index(n) if n in columns else -1 for n in scenario.unit_names]
    return np.array(indices, dtype=np.int64)


def _obs_dim(senses: Senses) -> int:
    bits, allies = senses.type_bits, senses.n_agents - 1
    move = 4 + len(PATHING_POINTS) * senses.pathing
    enemy = 4 + bits + (1 + senses.enemy_shields) * senses.others_health
    ally = 4 + bits + (1 + senses.ally_shields) * senses.others_health
    ally += senses.n_actions * senses.others_actions
    own = bits + (1 + senses.ally_shields) * senses.own_health
    # v1 both reserves a column for the time step, which stays 0, and appends the value.
    return move + senses.n_enemies * enemy + allies * ally + own + 2 * senses.timestep


def _state_dim(senses: Senses) -> int:
    if senses.state_is_obs:
        return senses.n_agents * senses.obs_dim
    size = senses.n_agents * (4 + senses.ally_shields + senses.type_bits)
    size += senses.n_enemies * (3 + senses.enemy_shields + senses.type_bits)
    size += senses.n_agents * senses.n_actions * senses.state_actions
    return size + int(senses.state_timestep)

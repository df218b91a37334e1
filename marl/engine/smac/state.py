"""The state: all that happens in a battle, for both SMAC clients; and the agents' capabilities.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_state_dict,
get_state, get_capabilities).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.engine.compiled.jit import compiled, inlined
from marl.engine.smac.layout import Facts, Senses
from marl.engine.world import Ints


@inlined
def health_shown(senses: Senses, facts: Facts, i: int) -> float:
    """Agent i's health as a fraction; what is left until it dies, with the health capability."""
    share = facts.health[i] / senses.kinds[facts.kind[i]].health_max
    if not senses.health_level:
        return share
    return (share - facts.health_level[i]) / (1 - facts.health_level[i])


@inlined
def write_numbers(senses: Senses, facts: Facts, a: int, at: int, row: NDArray[np.float32]) -> int:
    """row[at:]: agent a's attack probability and health level, where the battles have them.

    Gives the next column.
    """
    if senses.attack:
        row[at] = facts.attack_probability[a]
        at += 1
    if senses.health_level:
        row[at] = facts.health_level[a]
        at += 1
    return at


@inlined
def write_state(
    senses: Senses,
    facts: Facts,
    obs: NDArray[np.float32],
    last_actions: Ints,
    steps: int,
    out: NDArray[np.float32],
) -> None:
    """out [S]: agents, enemies, last actions, time; or all observations (obs_instead_of_state).

    obs: [A,O] of the same facts; last_actions: [A], -1 = none yet.
    """
    if senses.state_is_obs:
        for at in range(out.size):
            out[at] = obs[at // senses.obs_dim, at % senses.obs_dim]
        return
    out[:] = 0.0
    at = _write_agents(senses, facts, out)
    at = _write_enemies(senses, facts, at, out)
    if senses.state_actions:
        for a in range(senses.n_agents):
            if last_actions[a] >= 0:
                out[at + last_actions[a]] = 1.0
            at += senses.n_actions
    if senses.state_timestep:
        out[at] = steps / senses.episode_limit


@inlined
def _write_agents(senses: Senses, facts: Facts, out: NDArray[np.float32]) -> int:
    """A row per agent, zeros for the dead. Gives the next column."""
    height, width = senses.walkable.shape
    columns = 4 + senses.ally_shields + senses.attack + senses.health_level
    columns += 2 * (senses.n_fov > 0) + senses.type_bits
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        kind, at = senses.kinds[facts.kind[a]], a * columns
        out[at] = health_shown(senses, facts, a)
        charge = facts.energy[a] if kind.heals else facts.cooldown[a]
        out[at + 1] = charge / kind.charge_max
        out[at + 2] = (facts.x[a] - width / 2) / width
        out[at + 3] = (facts.y[a] - height / 2) / height
        at += 4
        if senses.ally_shields:
            out[at] = facts.shield[a] / kind.shield_max
            at += 1
        at = write_numbers(senses, facts, a, at, out)
        if senses.n_fov:
            out[at] = facts.fov_x[a]
            out[at + 1] = facts.fov_y[a]
            at += 2
        if senses.type_bits:
            out[at + kind.ally_column] = 1.0
    return senses.n_agents * columns


@inlined
def _write_enemies(senses: Senses, facts: Facts, first: int, out: NDArray[np.float32]) -> int:
    """A row per enemy from column `first` on, zeros for the dead. Gives the next column."""
    height, width = senses.walkable.shape
    columns = 3 + senses.enemy_shields + senses.type_bits
    for j in range(senses.n_enemies):
        i = senses.n_agents + j
        if facts.health[i] <= 0:
            continue
        kind, at = senses.kinds[facts.kind[i]], first + j * columns
        out[at] = facts.health[i] / kind.health_max
        out[at + 1] = (facts.x[i] - width / 2) / width
        out[at + 2] = (facts.y[i] - height / 2) / height
        if senses.enemy_shields:
            out[at + 3] = facts.shield[i] / kind.shield_max
        if senses.type_bits:
            out[at + 3 + senses.enemy_shields + kind.enemy_column] = 1.0
    return first + senses.n_enemies * columns


@compiled
def write_capabilities(senses: Senses, facts: Facts, out: NDArray[np.float32]) -> None:
    """out [A,C]: attack probability, health level and type of every agent, the dead too."""
    out[:] = 0.0
    for a in range(senses.n_agents):
        at = write_numbers(senses, facts, a, 0, out[a])
        if senses.type_bits:
            out[a, at + senses.kinds[facts.kind[a]].ally_column] = 1.0

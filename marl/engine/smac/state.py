"""The global state of both SMAC clients, and the agents' capabilities.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_state_dict,
get_state, get_capabilities).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined
from marl.engine.smac.layout import ClientLayout, ClientUnits
from marl.engine.world import Ints


@inlined
def health_fraction(layout: ClientLayout, units: ClientUnits, i: int) -> float:
    """Agent i's health, 0..1; with the health capability the part above its health level."""
    share = units.health[i] / layout.kinds[units.kind[i]].health_max
    if not layout.stochastic_health:
        return share
    return (share - units.health_level[i]) / (1 - units.health_level[i])


@inlined
def write_agent_capabilities(
    layout: ClientLayout, units: ClientUnits, a: int, at: int, row: NDArray[np.float32]
) -> int:
    """row[at:]: agent a's attack probability and health level, as far as they are capabilities.

    Gives the next column.
    """
    if layout.stochastic_attack:
        row[at] = units.attack_probability[a]
        at += 1
    if layout.stochastic_health:
        row[at] = units.health_level[a]
        at += 1
    return at


@inlined
def write_state(
    layout: ClientLayout,
    units: ClientUnits,
    obs: NDArray[np.float32],
    last_actions: Ints,
    steps: int,
    out: NDArray[np.float32],
) -> None:
    """out [S]: agents, enemies, last actions, time; or all observations (obs_instead_of_state).

    obs: [A,O] of the same moment; last_actions: [A], -1 = none yet.
    """
    if layout.obs_instead_of_state:
        for at in range(out.size):
            out[at] = obs[at // layout.obs_dim, at % layout.obs_dim]
        return
    out[:] = 0.0
    at = _write_agents(layout, units, out)
    at = _write_enemies(layout, units, at, out)
    if layout.state_last_action:
        for a in range(layout.n_agents):
            if last_actions[a] >= 0:
                out[at + last_actions[a]] = 1.0
            at += layout.n_actions
    if layout.state_timestep_number:
        out[at] = steps / layout.episode_limit


@inlined
def _write_agents(layout: ClientLayout, units: ClientUnits, out: NDArray[np.float32]) -> int:
    """A row for each agent, zeros for the dead. Gives the next column."""
    height, width = layout.walkable.shape
    columns = 4 + layout.ally_shields + layout.stochastic_attack + layout.stochastic_health
    columns += 2 * (layout.n_fov_actions > 0) + layout.type_bits
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            continue
        kind, at = layout.kinds[units.kind[a]], a * columns
        out[at] = health_fraction(layout, units, a)
        cooldown = units.energy[a] if kind.heals else units.cooldown[a]
        out[at + 1] = cooldown / kind.cooldown_max
        out[at + 2] = (units.x[a] - width / 2) / width
        out[at + 3] = (units.y[a] - height / 2) / height
        at += 4
        if layout.ally_shields:
            out[at] = units.shield[a] / kind.shield_max
            at += 1
        at = write_agent_capabilities(layout, units, a, at, out)
        if layout.n_fov_actions:
            out[at] = units.fov_x[a]
            out[at + 1] = units.fov_y[a]
            at += 2
        if layout.type_bits:
            out[at + kind.ally_column] = 1.0
    return layout.n_agents * columns


@inlined
def _write_enemies(
    layout: ClientLayout, units: ClientUnits, first: int, out: NDArray[np.float32]
) -> int:
    """A row for each enemy from column `first` on, zeros for the dead. Gives the next column."""
    height, width = layout.walkable.shape
    columns = 3 + layout.enemy_shields + layout.type_bits
    for j in range(layout.n_enemies):
        i = layout.n_agents + j
        if units.health[i] <= 0:
            continue
        kind, at = layout.kinds[units.kind[i]], first + j * columns
        out[at] = units.health[i] / kind.health_max
        out[at + 1] = (units.x[i] - width / 2) / width
        out[at + 2] = (units.y[i] - height / 2) / height
        if layout.enemy_shields:
            out[at + 3] = units.shield[i] / kind.shield_max
        if layout.type_bits:
            out[at + 3 + layout.enemy_shields + kind.enemy_column] = 1.0
    return first + layout.n_enemies * columns


@compiled
def write_capabilities(layout: ClientLayout, units: ClientUnits, out: NDArray[np.float32]) -> None:
    """out [A,C]: attack probability, health level and type of every agent, the dead too."""
    out[:] = 0.0
    for a in range(layout.n_agents):
        at = write_agent_capabilities(layout, units, a, 0, out[a])
        if layout.type_bits:
            out[a, at + layout.kinds[units.kind[a]].ally_column] = 1.0

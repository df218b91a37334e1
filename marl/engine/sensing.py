"""What the agents see and may do: SMAC v1's observation, state and action mask.

Source: oxwhirl/smac @d6aab33, starcraft2.py (get_obs_agent, get_state, get_avail_agent_actions),
quirks included. Every function works on the plain facts of one battle, N = A + M units: the A
agents first, then the M enemies; so the official client can be compared with it on the same facts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from marl.engine.jit import compiled, inlined
from marl.engine.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
    FIRST_ATTACK,
)
from marl.engine.senses import PATHING_POINTS, Facts, Senses
from marl.engine.world import Ints

SIGHT = 9.0  # centre to centre, the same for every unit type; seen if strictly nearer
SHOOT = 6.0  # centre to centre, inclusive, whatever the weapon's true range


@inlined
def is_pathable(senses: Senses, x: float, y: float) -> bool:
    """Whether the cell of a point, truncated towards 0, is on the map and not blocked."""
    column, row = int(x), int(y)
    height, width = senses.walkable.shape
    if column < 0 or row < 0 or column >= width or row >= height:
        return False
    return senses.walkable[row, column] != 0


@compiled
def write_mask(senses: Senses, facts: Facts, out: NDArray[np.bool_]) -> None:
    """out [A,U]: the legal actions. A dead agent keeps the no-op, so no row is ever empty.

    Moves are tested half a move ahead, in whole cells; other units do not matter.
    """
    ahead = senses.move_amount / 2
    for a in range(senses.n_agents):
        alive = facts.health[a] > 0
        out[a, :] = False
        out[a, ACTION_NO_OP] = not alive
        if not alive:
            continue
        x, y = facts.x[a], facts.y[a]
        out[a, ACTION_STOP] = True
        out[a, ACTION_NORTH] = is_pathable(senses, x, y + ahead)
        out[a, ACTION_SOUTH] = is_pathable(senses, x, y - ahead)
        out[a, ACTION_EAST] = is_pathable(senses, x + ahead, y)
        out[a, ACTION_WEST] = is_pathable(senses, x - ahead, y)
        for j in range(senses.n_enemies):
            i = senses.n_agents + j
            if facts.health[i] > 0:
                dx, dy = facts.x[i] - x, facts.y[i] - y
                out[a, FIRST_ATTACK + j] = math.sqrt(dx * dx + dy * dy) <= SHOOT


@compiled
def write_observations(
    senses: Senses,
    facts: Facts,
    avail: NDArray[np.bool_],
    last_actions: Ints,
    steps: int,
    out: NDArray[np.float32],
) -> None:
    """out [A,O]: the blocks move, enemies, allies, own. A dead agent sees zeros.

    avail: [A,U], the mask of the same facts; last_actions: [A], -1 = none yet.
    """
    out[:] = 0.0
    at = _write_moves(senses, facts, avail, out)
    at = _write_enemies(senses, facts, avail, at, out)
    at = _write_allies(senses, facts, last_actions, at, out)
    _write_own(senses, facts, at, out)
    if senses.timestep:
        out[:, senses.obs_dim - 1] = steps / senses.episode_limit


@compiled
def _write_moves(
    senses: Senses, facts: Facts, avail: NDArray[np.bool_], out: NDArray[np.float32]
) -> int:
    """Which ways are open, and with obs_pathing_grid the ground at eight points around."""
    walkable = senses.walkable
    height, width = walkable.shape
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        for k in range(4):
            out[a, k] = avail[a, ACTION_NORTH + k]
        if senses.pathing:
            for k in range(len(PATHING_POINTS)):
                x = int(int(facts.x[a]) + PATHING_POINTS[k][0] * senses.move_amount)
                y = int(int(facts.y[a]) + PATHING_POINTS[k][1] * senses.move_amount)
                outside = x < 0 or y < 0 or x >= width or y >= height  # pathable, says v1
                out[a, 4 + k] = outside or walkable[y, x] != 0
    return 4 + len(PATHING_POINTS) * senses.pathing


@compiled
def _write_enemies(
    senses: Senses, facts: Facts, avail: NDArray[np.bool_], at: int, out: NDArray[np.float32]
) -> int:
    """A row per enemy, zeros where it is dead or out of sight. Gives the next column."""
    kind, x, y, health, shield = facts.kind, facts.x, facts.y, facts.health, facts.shield
    with_health, shields, bits = senses.others_health, senses.enemy_shields, senses.type_bits
    width = 4 + (1 + shields) * with_health + bits
    for a in range(senses.n_agents):
        for j in range(senses.n_enemies):
            i = senses.n_agents + j
            dx, dy = x[i] - x[a], y[i] - y[a]
            distance = math.sqrt(dx * dx + dy * dy)
            if health[a] > 0 and health[i] > 0 and distance < SIGHT:
                row = at + j * width
                _write_seen(out, a, row, avail[a, FIRST_ATTACK + j], distance, dx, dy)
                whole = health[i] / senses.health_max[kind[i]]
                shielded = shield[i] / senses.shield_max[kind[i]]
                row = _write_health(out, a, row + 4, with_health, whole, shields, shielded)
                if bits:
                    out[a, row + senses.enemy_column[kind[i]]] = 1.0
    return at + senses.n_enemies * width


@compiled
def _write_allies(
    senses: Senses, facts: Facts, last_actions: Ints, at: int, out: NDArray[np.float32]
) -> int:
    """A row per other agent, zeros where it is dead or out of sight. Gives the next column."""
    kind, x, y, health, shield = facts.kind, facts.x, facts.y, facts.health, facts.shield
    with_health, shields, bits = senses.others_health, senses.ally_shields, senses.type_bits
    width = 4 + (1 + shields) * with_health + bits + senses.n_actions * senses.others_actions
    for a in range(senses.n_agents):
        for i in range(senses.n_agents):
            dx, dy = x[i] - x[a], y[i] - y[a]
            distance = math.sqrt(dx * dx + dy * dy)
            if i != a and health[a] > 0 and health[i] > 0 and distance < SIGHT:
                row = at + (i - (i > a)) * width
                _write_seen(out, a, row, True, distance, dx, dy)
                whole = health[i] / senses.health_max[kind[i]]
                shielded = shield[i] / senses.shield_max[kind[i]]
                row = _write_health(out, a, row + 4, with_health, whole, shields, shielded)
                if bits:
                    out[a, row + senses.ally_column[kind[i]]] = 1.0
                if senses.others_actions and last_actions[i] >= 0:
                    out[a, row + bits + last_actions[i]] = 1.0
    return at + (senses.n_agents - 1) * width


@compiled
def _write_own(senses: Senses, facts: Facts, at: int, out: NDArray[np.float32]) -> None:
    """Each agent's own health, shield and type."""
    for a in range(senses.n_agents):
        if facts.health[a] > 0:
            kind = facts.kind[a]
            whole = facts.health[a] / senses.health_max[kind]
            shielded = facts.shield[a] / senses.shield_max[kind]
            row = _write_health(out, a, at, senses.own_health, whole, senses.ally_shields, shielded)
            if senses.type_bits:
                out[a, row + senses.ally_column[kind]] = 1.0


@inlined
def _write_seen(
    out: NDArray[np.float32], a: int, at: int, first: bool, distance: float, dx: float, dy: float
) -> None:
    out[a, at] = first
    out[a, at + 1] = distance / SIGHT
    out[a, at + 2] = dx / SIGHT
    out[a, at + 3] = dy / SIGHT


@inlined
def _write_health(
    out: NDArray[np.float32],
    a: int,
    at: int,
    wanted: bool,
    health: float,
    shields: int,
    shield: float,
) -> int:
    """Health and, where there are shields, shield, as fractions. Gives the next column."""
    if not wanted:
        return at
    out[a, at] = health
    if shields:
        out[a, at + 1] = shield
    return at + 1 + shields


@compiled
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
    at = _write_state_units(senses, facts, out)
    if senses.state_actions:
        for a in range(senses.n_agents):
            if last_actions[a] >= 0:
                out[at + last_actions[a]] = 1.0
            at += senses.n_actions
    if senses.state_timestep:
        out[at] = steps / senses.episode_limit


@compiled
def _write_state_units(senses: Senses, facts: Facts, out: NDArray[np.float32]) -> int:
    """A row per unit, zeros for the dead. Gives the next column."""
    height, width = senses.walkable.shape
    at = 0
    for i in range(senses.n_agents + senses.n_enemies):
        is_ally = i < senses.n_agents
        kind = facts.kind[i]
        shields = senses.ally_shields if is_ally else senses.enemy_shields
        column = senses.ally_column[kind] if is_ally else senses.enemy_column[kind]
        body = at + 4 if is_ally else at + 3  # where the shield stands, after x and y
        if facts.health[i] > 0:
            out[at] = facts.health[i] / senses.health_max[kind]
            if is_ally:
                out[at + 1] = facts.cooldown[i] / senses.cooldown_max[kind]
            out[body - 2] = (facts.x[i] - width / 2) / width
            out[body - 1] = (facts.y[i] - height / 2) / height
            if shields:
                out[body] = facts.shield[i] / senses.shield_max[kind]
            if senses.type_bits:
                out[body + shields + column] = 1.0
        at = body + shields + senses.type_bits
    return at

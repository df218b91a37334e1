"""What the agents see and may do: SMAC v1's observation, state and action mask.

Source: oxwhirl/smac @d6aab33, starcraft2.py (get_obs_agent, get_state, get_avail_agent_actions), quirks
included. Every function works on the plain facts of one battle, N = A + M units: the A agents
first, then the M enemies; so the official client can be compared with it on the same facts.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

from marl.engine import rng
from marl.engine.senses import FIRST_TARGET, PATHING_POINTS, Facts, Senses
from marl.engine.world import Ints

SIGHT = 9.0  # centre to centre, the same for every unit type; seen if strictly nearer
SHOOT = 6.0  # centre to centre, inclusive, whatever the weapon's true range

NO_OP, STOP, NORTH, SOUTH, EAST, WEST = range(6)


@nb.njit(cache=True)
def is_pathable(senses: Senses, x: float, y: float) -> bool:
    """Whether the cell of a point, truncated towards 0, is on the map and not blocked."""
    column, row = int(x), int(y)
    height, width = senses.walkable.shape
    if column < 0 or row < 0 or column >= width or row >= height:
        return False
    return senses.walkable[row, column] != 0


@nb.njit(cache=True)
def write_mask(senses: Senses, facts: Facts, out: NDArray[np.bool_]) -> None:
    """out [A,U]: the legal actions. A dead agent keeps the no-op, so no row is ever empty.

    Moves are tested half a move ahead, in whole cells; other units do not matter.
    """
    ahead = senses.move_amount / 2
    for a in range(senses.n_agents):
        alive = facts.health[a] > 0
        out[a, :] = False
        out[a, NO_OP] = not alive
        if not alive:
            continue
        x, y = facts.x[a], facts.y[a]
        out[a, STOP] = True
        out[a, NORTH] = is_pathable(senses, x, y + ahead)
        out[a, SOUTH] = is_pathable(senses, x, y - ahead)
        out[a, EAST] = is_pathable(senses, x + ahead, y)
        out[a, WEST] = is_pathable(senses, x - ahead, y)
        for j in range(senses.n_enemies):
            i = senses.n_agents + j
            if facts.health[i] > 0:
                dx, dy = facts.x[i] - x, facts.y[i] - y
                out[a, FIRST_TARGET + j] = math.sqrt(dx * dx + dy * dy) <= SHOOT


@nb.njit(cache=True)
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
    for a in range(senses.n_agents):
        out[a, :] = 0.0
        if facts.health[a] > 0:
            at = _write_moves(senses, facts, a, avail, out)
            at = _write_enemies(senses, facts, a, avail, at, out)
            at = _write_allies(senses, facts, a, last_actions, at, out)
            _write_own(senses, facts, a, at, out)
        if senses.timestep:
            out[a, senses.obs_dim - 1] = steps / senses.episode_limit


@nb.njit(cache=True)
def _write_moves(
    senses: Senses, facts: Facts, a: int, avail: NDArray[np.bool_], out: NDArray[np.float32]
) -> int:
    """Which ways are open; with obs_pathing_grid also eight points around. Gives the next column."""
    for k in range(4):
        out[a, k] = avail[a, NORTH + k]
    if not senses.pathing:
        return 4
    height, width = senses.walkable.shape
    for k in range(len(PATHING_POINTS)):
        dx, dy = PATHING_POINTS[k]
        x = int(int(facts.x[a]) + dx * senses.move_amount)
        y = int(int(facts.y[a]) + dy * senses.move_amount)
        outside = x < 0 or y < 0 or x >= width or y >= height  # v1 calls it pathable there
        out[a, 4 + k] = outside or senses.walkable[y, x] != 0
    return 4 + len(PATHING_POINTS)


@nb.njit(cache=True)
def _write_enemies(
    senses: Senses,
    facts: Facts,
    a: int,
    avail: NDArray[np.bool_],
    at: int,
    out: NDArray[np.float32],
) -> int:
    """A row per enemy, zeros where it is dead or out of sight. Gives the next column."""
    width = 4 + senses.type_bits + (1 + senses.enemy_shields) * senses.others_health
    for j in range(senses.n_enemies):
        i = senses.n_agents + j
        dx, dy = facts.x[i] - facts.x[a], facts.y[i] - facts.y[a]
        distance = math.sqrt(dx * dx + dy * dy)
        if distance < SIGHT and facts.health[i] > 0:
            _write_seen(out, a, at, avail[a, FIRST_TARGET + j], distance, dx, dy)
            _write_body(
                senses,
                facts,
                i,
                senses.others_health,
                senses.enemy_shields,
                senses.enemy_column[facts.kind[i]],
                out[a, at + 4 : at + width],
            )
        at += width
    return at


@nb.njit(cache=True)
def _write_allies(
    senses: Senses, facts: Facts, a: int, last_actions: Ints, at: int, out: NDArray[np.float32]
) -> int:
    """A row per other agent, zeros where it is dead or out of sight. Gives the next column."""
    body = 4 + senses.type_bits + (1 + senses.ally_shields) * senses.others_health
    width = body + senses.n_actions * senses.others_actions
    for i in range(senses.n_agents):
        if i == a:
            continue
        dx, dy = facts.x[i] - facts.x[a], facts.y[i] - facts.y[a]
        distance = math.sqrt(dx * dx + dy * dy)
        if distance < SIGHT and facts.health[i] > 0:
            _write_seen(out, a, at, True, distance, dx, dy)
            _write_body(
                senses,
                facts,
                i,
                senses.others_health,
                senses.ally_shields,
                senses.ally_column[facts.kind[i]],
                out[a, at + 4 : at + body],
            )
            if senses.others_actions and last_actions[i] >= 0:
                out[a, at + body + last_actions[i]] = 1.0
        at += width
    return at


@nb.njit(cache=True)
def _write_own(senses: Senses, facts: Facts, a: int, at: int, out: NDArray[np.float32]) -> None:
    column = senses.ally_column[facts.kind[a]]
    _write_body(senses, facts, a, senses.own_health, senses.ally_shields, column, out[a, at:])


@nb.njit(cache=True)
def _write_seen(
    out: NDArray[np.float32],
    a: int,
    at: int,
    first: bool,
    distance: float,
    dx: float,
    dy: float,
) -> None:
    out[a, at] = first
    out[a, at + 1] = distance / SIGHT
    out[a, at + 2] = dx / SIGHT
    out[a, at + 3] = dy / SIGHT


@nb.njit(cache=True)
def _write_body(
    senses: Senses,
    facts: Facts,
    i: int,
    with_health: bool,
    shields: int,
    column: int,
    out: NDArray[np.float32],
) -> None:
    """out: health and shield of unit i as fractions, if wanted, then its type one-hot."""
    at = 0
    kind = facts.kind[i]
    if with_health:
        out[0] = facts.health[i] / senses.health_max[kind]
        if shields:
            out[1] = facts.shield[i] / senses.shield_max[kind]
        at = 1 + shields
    if senses.type_bits:
        out[at + column] = 1.0


@nb.njit(cache=True)
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
        out[:] = obs.ravel()
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


@nb.njit(cache=True)
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


@nb.njit(cache=True)
def random_legal_actions(
    avail: NDArray[np.bool_], rng_state: NDArray[np.uint64], out: Ints
) -> None:
    """out [E,A]: uniform among the legal actions of avail [E,A,U].

    rng_state: [E,1], one generator per battle, so that a battle's play does not depend on E.
    """
    n_envs, n_agents, n_actions = avail.shape
    for e in range(n_envs):
        for a in range(n_agents):
            legal = 0
            for u in range(n_actions):
                legal += avail[e, a, u]
            pick = min(int(rng.uniform(rng_state[e]) * legal), legal - 1)
            for u in range(n_actions):
                pick -= avail[e, a, u]
                if pick < 0:
                    out[e, a] = u
                    break

"""What the agents may do and see: the action mask and the observations of both SMAC clients.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_obs_agent,
get_avail_agent_actions), bugs included unless `Quirks` mend them. Every function works on the plain
facts of one battle, so the official clients can be compared with it on the same facts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
    FIRST_ATTACK,
)
from marl.engine.compiled.jit import compiled, inlined
from marl.engine.rng import State
from marl.engine.smac import visibility as sight
from marl.engine.smac.layout import GROUND_POINTS, N_HEIGHTS, N_PATHING, Facts, Senses
from marl.engine.smac.state import health_shown, write_numbers, write_state
from marl.engine.smac.visibility import Memory
from marl.engine.world import NO_UNIT, Floats, Ints

Rows = NDArray[np.float32]  # [A,O]


@inlined
def sense(
    senses: Senses,
    facts: Facts,
    memory: Memory,
    random: State,
    last_actions: Ints,
    steps: int,
    avail: NDArray[np.bool_],
    obs: Rows,
    state: NDArray[np.float32],
) -> None:
    """Write the mask [A,U], the observations [A,O] and the state [S] of one battle.

    last_actions: [A], -1 = none yet. random: [1], the battle's random numbers; v2 draws from them.
    """
    look_again(senses, facts, memory, random)
    write_mask(senses, facts, memory.distance, avail)
    write_observations(senses, facts, memory, avail, last_actions, steps, obs)
    write_state(senses, facts, obs, last_actions, steps, state)


@compiled
def begin(senses: Senses, facts: Facts, memory: Memory, random: State) -> None:
    """Before the first `sense` of an episode: all look east, and nobody has found an enemy."""
    facts.fov_x[:] = 1.0
    facts.fov_y[:] = 0.0
    sight.forget_all(memory)
    if senses.remembers and senses.looks_twice:
        look_again(senses, facts, memory, random)


@inlined
def look_again(senses: Senses, facts: Facts, memory: Memory, random: State) -> None:
    """Measure all distances; v2's agents look around, in a random order."""
    sight.measure(senses, facts, memory)
    if senses.remembers:
        sight.shuffle_order(memory.order, random)
        if senses.starcraft:
            sight.look(senses, facts, memory, random)


@compiled
def turn_view(senses: Senses, facts: Facts, a: int, action: int) -> bool:
    """Turn living agent a's view if `action` says so, and give whether it did."""
    k = action - FIRST_ATTACK
    if k < 0 or k >= senses.n_fov:
        return False
    facts.fov_x[a] = senses.fov[k, 0]
    facts.fov_y[a] = senses.fov[k, 1]
    return True


@inlined
def is_pathable(senses: Senses, x: float, y: float) -> bool:
    """Whether the cell of a point, truncated towards 0, is on the map and not blocked."""
    column, row = int(x), int(y)
    height, width = senses.walkable.shape
    if column < 0 or row < 0 or column >= width or row >= height:
        return False
    return senses.walkable[row, column] != 0


@inlined
def write_mask(senses: Senses, facts: Facts, distance: Floats, out: NDArray[np.bool_]) -> None:
    """out [A,U]: the legal actions. A dead agent keeps the no-op, so no row is ever empty.

    distance: as sight.measure leaves it. Moves are tested in whole cells; other units do not
    matter.
    """
    ahead, first = senses.ahead, senses.first_target
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
        for action in range(FIRST_ATTACK, first):
            out[a, action] = True
        kind = senses.kinds[facts.kind[a]]
        if senses.masks_reach and senses.n_fov == 0 and not kind.heals:
            reach = kind.reach
            for j in range(senses.n_enemies):
                out[a, first + j] = distance[a, senses.n_agents + j] <= reach
        else:
            _write_targets(senses, facts, distance, a, out)


@compiled
def _write_targets(
    senses: Senses, facts: Facts, distance: Floats, a: int, out: NDArray[np.bool_]
) -> None:
    """Living agent a's legal targets, whatever they depend on."""
    first = senses.first_target
    for j in range(senses.n_actions - first):
        i = sight.target_of(senses, facts, a, j)
        if i != NO_UNIT:
            out[a, first + j] = not senses.masks_reach or sight.reaches(
                senses, facts, distance, a, i
            )


@inlined
def write_observations(
    senses: Senses,
    facts: Facts,
    memory: Memory,
    avail: NDArray[np.bool_],
    last_actions: Ints,
    steps: int,
    out: Rows,
) -> None:
    """out [A,O]: the blocks move, enemies, allies, own. A dead agent sees zeros.

    memory: as `look_again` leaves it; avail: [A,U], the mask of the same facts; last_actions: [A],
    -1 = none yet.
    """
    out[:] = 0.0
    if senses.starcraft:
        at = _write_moves(senses, facts, avail, out)
        at = _write_enemies(senses, facts, memory, avail, at, out)
        at = _write_allies(senses, facts, memory, last_actions, at, out)
        _write_own(senses, facts, at, out)
    if senses.timestep:
        out[:, senses.obs_dim - 1] = steps / senses.episode_limit


@inlined
def _write_moves(senses: Senses, facts: Facts, avail: NDArray[np.bool_], out: Rows) -> int:
    """Which ways are open, and with their options the ground around. Gives the next column."""
    walkable = senses.walkable
    height, width = walkable.shape
    heights_at = 4 + N_PATHING * senses.pathing
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        for k in range(4):
            out[a, k] = avail[a, ACTION_NORTH + k]
        if not (senses.pathing or senses.heights):
            continue
        for k in range(len(GROUND_POINTS)):
            x = int(int(facts.x[a]) + GROUND_POINTS[k][0] * senses.move_amount)
            y = int(int(facts.y[a]) + GROUND_POINTS[k][1] * senses.move_amount)
            outside = x < 0 or y < 0 or x >= width or y >= height  # shown as 1
            if senses.pathing and k < N_PATHING:
                out[a, 4 + k] = outside or walkable[y, x] != 0
            if senses.heights:
                out[a, heights_at + k] = 1.0 if outside else senses.height[y, x]
    return heights_at + N_HEIGHTS * senses.heights


@inlined
def _write_enemies(
    senses: Senses, facts: Facts, memory: Memory, avail: NDArray[np.bool_], at: int, out: Rows
) -> int:
    """A row per enemy, zeros where it is dead or out of sight. Gives the next column."""
    kinds, shields, bits = senses.kinds, senses.enemy_shields, senses.type_bits
    width = 4 + (1 + shields) * senses.others_health + bits
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        scale = kinds[facts.kind[a]].sight
        for j in range(senses.n_enemies):
            i = senses.n_agents + j
            shown = memory.shown[a, j] if senses.remembers else memory.distance[a, i] < scale
            if not shown:
                continue
            row = at + j * width
            attackable = _is_attackable(senses, facts, memory.distance, avail, a, j)
            _write_place(memory, scale, a, i, attackable, row, out)
            if senses.masks_enemies and facts.enemy_mask[a, j]:
                continue
            kind = kinds[facts.kind[i]]
            if senses.others_health:
                out[a, row + 4] = facts.health[i] / kind.health_max
                if shields:
                    out[a, row + 5] = facts.shield[i] / kind.shield_max
            if bits:
                out[a, row + width - bits + kind.enemy_column] = 1.0
    return at + senses.n_enemies * width


@inlined
def _is_attackable(
    senses: Senses, facts: Facts, distance: Floats, avail: NDArray[np.bool_], a: int, j: int
) -> bool:
    """The first column of an enemy's row: the mask's, or what it were if it tested ranges."""
    if senses.kinds[facts.kind[a]].heals and not senses.heals_shown:
        return False
    if senses.masks_reach:
        return avail[a, senses.first_target + j]
    i = sight.target_of(senses, facts, a, j)
    return i != NO_UNIT and sight.reaches(senses, facts, distance, a, i)


@inlined
def _write_place(
    memory: Memory, scale: float, a: int, i: int, first: bool, at: int, out: Rows
) -> None:
    """The first four columns of another unit's row. scale: the observer's sight."""
    out[a, at] = first
    out[a, at + 1] = memory.distance[a, i] / scale
    out[a, at + 2] = (memory.x[i] - memory.x[a]) / scale
    out[a, at + 3] = (memory.y[i] - memory.y[a]) / scale


@inlined
def _write_allies(
    senses: Senses, facts: Facts, memory: Memory, last_actions: Ints, at: int, out: Rows
) -> int:
    """A row per other agent, zeros where it is dead or out of sight. Gives the next column."""
    kinds, shields, bits = senses.kinds, senses.ally_shields, senses.type_bits
    width = 4 + (1 + shields) * senses.others_health + senses.attack + senses.health_level + bits
    width += senses.n_actions * senses.others_actions
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        scale = kinds[facts.kind[a]].sight
        farthest = math.inf if senses.sees_all or senses.n_fov else scale
        for i in range(senses.n_agents):
            between = memory.distance[a, i]
            if between >= farthest:
                continue
            may_hide = senses.n_fov and not senses.sees_all
            if may_hide and not sight.sees(senses, facts, a, between, memory.x[i], memory.y[i]):
                continue
            row = at + (i - (i > a)) * width
            _write_place(memory, scale, a, i, True, row, out)
            row += 4
            if senses.others_health:
                if not senses.health_level or senses.health_level_others:
                    out[a, row] = health_shown(senses, facts, i)
                if shields:
                    out[a, row + 1] = facts.shield[i] / kinds[facts.kind[i]].shield_max
                row += 1 + shields
            if senses.attack:
                if senses.attack_others:
                    out[a, row] = facts.attack_probability[i]
                row += 1
            if senses.health_level:
                if senses.health_level_others:
                    out[a, row] = facts.health_level[i]
                row += 1
            if bits and senses.types_others:
                out[a, row + kinds[facts.kind[i]].ally_column] = 1.0
            if senses.others_actions and last_actions[i] >= 0:
                out[a, row + bits + last_actions[i]] = 1.0
    return at + (senses.n_agents - 1) * width


@inlined
def _write_own(senses: Senses, facts: Facts, at: int, out: Rows) -> None:
    """Each agent's own health, shield, capabilities, place, view and type."""
    height, width = senses.walkable.shape
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        kind, row = senses.kinds[facts.kind[a]], at
        if senses.own_health:
            out[a, row] = health_shown(senses, facts, a)
            if senses.ally_shields:
                out[a, row + 1] = facts.shield[a] / kind.shield_max
            row += 1 + senses.ally_shields
        row = write_numbers(senses, facts, a, row, out[a])
        if senses.own_place:
            out[a, row] = facts.x[a] / width
            out[a, row + 1] = facts.y[a] / height
            row += 2
        if senses.n_fov:
            out[a, row] = facts.fov_x[a]
            out[a, row + 1] = facts.fov_y[a]
            row += 2
        if senses.type_bits:
            out[a, row + kind.ally_column] = 1.0

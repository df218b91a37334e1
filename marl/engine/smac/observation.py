"""The action mask and the observations of both SMAC clients.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_obs_agent,
get_avail_agent_actions), with their bugs unless `Quirks` fix them. Every function works on the
plain arrays of one battle, so that the official clients can be compared on the same battle.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
    FIRST_ATTACK,
)
from marl.engine.rng import Rng
from marl.engine.smac import visibility
from marl.engine.smac.layout import GROUND_POINTS, N_HEIGHTS, N_PATHING, ClientLayout, ClientUnits
from marl.engine.smac.state import health_fraction, write_agent_capabilities, write_state
from marl.engine.smac.visibility import Memory
from marl.engine.world import NO_UNIT, Floats, Ints

Rows = NDArray[np.float32]  # [A,O]


@inlined
def observe(
    layout: ClientLayout,
    units: ClientUnits,
    memory: Memory,
    rng: Rng,
    last_actions: Ints,
    steps: int,
    avail: NDArray[np.bool_],
    obs: Rows,
    state: NDArray[np.float32],
) -> None:
    """Write the mask [A,U], the observations [A,O] and the state [S] of one battle.

    last_actions: [A], -1 = none yet. rng: [1], the battle's generator, from which v2 draws.
    """
    update_visibility(layout, units, memory, rng)
    write_mask(layout, units, memory.distance, avail)
    write_observations(layout, units, memory, avail, last_actions, steps, obs)
    write_state(layout, units, obs, last_actions, steps, state)


@compiled
def begin(layout: ClientLayout, units: ClientUnits, memory: Memory, rng: Rng) -> None:
    """Begin an episode, before its first `observe`: all views face east, no enemy is found."""
    units.fov_x[:] = 1.0
    units.fov_y[:] = 0.0
    visibility.forget_all(memory)
    if layout.is_v2 and layout.reset_looks_twice:
        update_visibility(layout, units, memory, rng)


@inlined
def update_visibility(layout: ClientLayout, units: ClientUnits, memory: Memory, rng: Rng) -> None:
    """Measure all distances; v2's agents look for enemies, in a random order."""
    visibility.measure(layout, units, memory)
    if layout.is_v2:
        visibility.shuffle_order(memory.order, rng)
        if layout.obs_starcraft:
            visibility.look(layout, units, memory, rng)


@compiled
def turn_view(layout: ClientLayout, units: ClientUnits, a: int, action: int) -> bool:
    """Turn living agent a's view; False where `action` does not turn it."""
    k = action - FIRST_ATTACK
    if k < 0 or k >= layout.n_fov_actions:
        return False
    units.fov_x[a] = layout.fov_directions[k, 0]
    units.fov_y[a] = layout.fov_directions[k, 1]
    return True


@inlined
def is_pathable(layout: ClientLayout, x: float, y: float) -> bool:
    """Whether the cell of a point, truncated towards 0, is on the map and not blocked."""
    column, row = int(x), int(y)
    height, width = layout.walkable.shape
    if column < 0 or row < 0 or column >= width or row >= height:
        return False
    return layout.walkable[row, column] != 0


@inlined
def write_mask(
    layout: ClientLayout, units: ClientUnits, distance: Floats, out: NDArray[np.bool_]
) -> None:
    """out [A,U]: the legal actions. A dead agent keeps the no-op, so no row is ever empty.

    distance: from visibility.measure. Moves are tested in whole cells, whatever units stand there.
    """
    ahead, first = layout.move_check_distance, layout.first_target
    for a in range(layout.n_agents):
        alive = units.health[a] > 0
        out[a, :] = False
        out[a, ACTION_NO_OP] = not alive
        if not alive:
            continue
        x, y = units.x[a], units.y[a]
        out[a, ACTION_STOP] = True
        out[a, ACTION_NORTH] = is_pathable(layout, x, y + ahead)
        out[a, ACTION_SOUTH] = is_pathable(layout, x, y - ahead)
        out[a, ACTION_EAST] = is_pathable(layout, x + ahead, y)
        out[a, ACTION_WEST] = is_pathable(layout, x - ahead, y)
        for action in range(FIRST_ATTACK, first):
            out[a, action] = True
        kind = layout.kinds[units.kind[a]]
        if layout.action_mask and layout.n_fov_actions == 0 and not kind.heals:
            shoot_range = kind.shoot_range
            for j in range(layout.n_enemies):
                out[a, first + j] = distance[a, layout.n_agents + j] <= shoot_range
        else:
            _write_targets(layout, units, distance, a, out)


@compiled
def _write_targets(
    layout: ClientLayout, units: ClientUnits, distance: Floats, a: int, out: NDArray[np.bool_]
) -> None:
    """Write living agent a's legal targets, of healers and with view cones too."""
    first = layout.first_target
    for j in range(layout.n_actions - first):
        i = visibility.target_of(layout, units, a, j)
        if i != NO_UNIT:
            out[a, first + j] = not layout.action_mask or visibility.reaches(
                layout, units, distance, a, i
            )


@inlined
def write_observations(
    layout: ClientLayout,
    units: ClientUnits,
    memory: Memory,
    avail: NDArray[np.bool_],
    last_actions: Ints,
    steps: int,
    out: Rows,
) -> None:
    """out [A,O]: the blocks move, enemies, allies, own; zeros for a dead agent.

    memory: from `update_visibility`; avail: [A,U], the mask of the same moment;
    last_actions: [A], -1 = none yet.
    """
    out[:] = 0.0
    if layout.obs_starcraft:
        at = _write_moves(layout, units, avail, out)
        at = _write_enemies(layout, units, memory, avail, at, out)
        at = _write_allies(layout, units, memory, last_actions, at, out)
        _write_own(layout, units, at, out)
    if layout.obs_timestep_number:
        out[:, layout.obs_dim - 1] = steps / layout.episode_limit


@inlined
def _write_moves(
    layout: ClientLayout, units: ClientUnits, avail: NDArray[np.bool_], out: Rows
) -> int:
    """The possible moves, and as options say the ground around. Gives the next column."""
    walkable = layout.walkable
    height, width = walkable.shape
    heights_at = 4 + N_PATHING * layout.obs_pathing_grid
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            continue
        for k in range(4):
            out[a, k] = avail[a, ACTION_NORTH + k]
        if not (layout.obs_pathing_grid or layout.obs_terrain_height):
            continue
        for k in range(len(GROUND_POINTS)):
            x = int(int(units.x[a]) + GROUND_POINTS[k][0] * layout.move_amount)
            y = int(int(units.y[a]) + GROUND_POINTS[k][1] * layout.move_amount)
            outside = x < 0 or y < 0 or x >= width or y >= height  # counts as 1
            if layout.obs_pathing_grid and k < N_PATHING:
                out[a, 4 + k] = outside or walkable[y, x] != 0
            if layout.obs_terrain_height:
                out[a, heights_at + k] = 1.0 if outside else layout.height[y, x]
    return heights_at + N_HEIGHTS * layout.obs_terrain_height


@inlined
def _write_enemies(
    layout: ClientLayout,
    units: ClientUnits,
    memory: Memory,
    avail: NDArray[np.bool_],
    at: int,
    out: Rows,
) -> int:
    """A row for each enemy, zeros where it is not visible. Gives the next column."""
    kinds, shields, bits = layout.kinds, layout.enemy_shields, layout.type_bits
    width = 4 + (1 + shields) * layout.obs_all_health + bits
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            continue
        sight_range = kinds[units.kind[a]].sight_range
        for j in range(layout.n_enemies):
            i = layout.n_agents + j
            is_visible = (
                memory.visible[a, j] if layout.is_v2 else memory.distance[a, i] < sight_range
            )
            if not is_visible:
                continue
            row = at + j * width
            attackable = _is_attackable(layout, units, memory.distance, avail, a, j)
            _write_place(memory, sight_range, a, i, attackable, row, out)
            if layout.mask_enemies and units.enemy_mask[a, j]:
                continue
            kind = kinds[units.kind[i]]
            if layout.obs_all_health:
                out[a, row + 4] = units.health[i] / kind.health_max
                if shields:
                    out[a, row + 5] = units.shield[i] / kind.shield_max
            if bits:
                out[a, row + width - bits + kind.enemy_column] = 1.0
    return at + layout.n_enemies * width


@inlined
def _is_attackable(
    layout: ClientLayout,
    units: ClientUnits,
    distance: Floats,
    avail: NDArray[np.bool_],
    a: int,
    j: int,
) -> bool:
    """The first column of an enemy's row: the mask of an action_mask=True."""
    if layout.kinds[units.kind[a]].heals and not layout.heals_shown_as_attacks:
        return False
    if layout.action_mask:
        return avail[a, layout.first_target + j]
    i = visibility.target_of(layout, units, a, j)
    return i != NO_UNIT and visibility.reaches(layout, units, distance, a, i)


@inlined
def _write_place(
    memory: Memory, sight_range: float, a: int, i: int, first: bool, at: int, out: Rows
) -> None:
    """The first four columns of another unit's row. sight_range: the observer's."""
    out[a, at] = first
    out[a, at + 1] = memory.distance[a, i] / sight_range
    out[a, at + 2] = (memory.x[i] - memory.x[a]) / sight_range
    out[a, at + 3] = (memory.y[i] - memory.y[a]) / sight_range


@inlined
def _write_allies(
    layout: ClientLayout, units: ClientUnits, memory: Memory, last_actions: Ints, at: int, out: Rows
) -> int:
    """A row for each other agent, zeros where it is not visible. Gives the next column."""
    kinds, shields, bits = layout.kinds, layout.ally_shields, layout.type_bits
    width = (
        4
        + (1 + shields) * layout.obs_all_health
        + layout.stochastic_attack
        + layout.stochastic_health
        + bits
    )
    width += layout.n_actions * layout.obs_last_action
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            continue
        sight_range = kinds[units.kind[a]].sight_range
        farthest = math.inf if layout.fully_observable or layout.n_fov_actions else sight_range
        for i in range(layout.n_agents):
            between = memory.distance[a, i]
            if between >= farthest:
                continue
            may_hide = layout.n_fov_actions and not layout.fully_observable
            if may_hide and not visibility.sees(
                layout, units, a, between, memory.x[i], memory.y[i]
            ):
                continue
            row = at + (i - (i > a)) * width
            _write_place(memory, sight_range, a, i, True, row, out)
            row += 4
            if layout.obs_all_health:
                if not layout.stochastic_health or layout.observe_teammate_health:
                    out[a, row] = health_fraction(layout, units, i)
                if shields:
                    out[a, row + 1] = units.shield[i] / kinds[units.kind[i]].shield_max
                row += 1 + shields
            if layout.stochastic_attack:
                if layout.observe_attack_probs:
                    out[a, row] = units.attack_probability[i]
                row += 1
            if layout.stochastic_health:
                if layout.observe_teammate_health:
                    out[a, row] = units.health_level[i]
                row += 1
            if bits and layout.observe_teammate_types:
                out[a, row + kinds[units.kind[i]].ally_column] = 1.0
            if layout.obs_last_action and last_actions[i] >= 0:
                out[a, row + bits + last_actions[i]] = 1.0
    return at + (layout.n_agents - 1) * width


@inlined
def _write_own(layout: ClientLayout, units: ClientUnits, at: int, out: Rows) -> None:
    """Each agent's own health, shield, capabilities, position, view direction and type."""
    height, width = layout.walkable.shape
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            continue
        kind, row = layout.kinds[units.kind[a]], at
        if layout.obs_own_health:
            out[a, row] = health_fraction(layout, units, a)
            if layout.ally_shields:
                out[a, row + 1] = units.shield[a] / kind.shield_max
            row += 1 + layout.ally_shields
        row = write_agent_capabilities(layout, units, a, row, out[a])
        if layout.obs_own_pos:
            out[a, row] = units.x[a] / width
            out[a, row + 1] = units.y[a] / height
            row += 2
        if layout.n_fov_actions:
            out[a, row] = units.fov_x[a]
            out[a, row + 1] = units.fov_y[a]
            row += 2
        if layout.type_bits:
            out[a, row + kind.ally_column] = 1.0

"""Visibility and range: sight and shoot ranges, view cones, SMACv2's memory of enemies found.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_obs_agent,
is_position_in_cone, get_true_avail_agent_actions, step).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled, inlined
from marl.engine.rng import Rng, below, uniform
from marl.engine.smac.layout import ClientLayout, ClientUnits
from marl.engine.world import NO_UNIT, Floats, Ints

LEAST_DX = 1e-7  # v2's EPS: slopes are taken over at least this much


class Memory(NamedTuple):
    """The enemies that agents have found (v2), and scratch arrays (v1 and v2)."""

    tag: Ints  # [M] the agent that found the enemy; NO_UNIT = none has
    seen: NDArray[np.bool_]  # [M,A] the agents that may see it since then
    order: Ints  # [A] the order in which the agents look
    draws: Floats  # [D] numbers to use instead of the battle's generator; usually D = 0
    last_x: Floats  # [M] the enemy's position after the last step that it survived
    last_y: Floats
    x: Floats  # [N] positions of the living
    y: Floats
    distance: Floats  # [A,N] centre to centre
    visible: NDArray[np.bool_]  # [A,M] enemies that an agent sees now


def empty_memory(layout: ClientLayout, num_envs: int, draws: int = 0) -> Memory:
    """Memories of num_envs battles: a first axis [E] before the axes above."""
    agents, enemies = layout.n_agents, layout.n_enemies
    return Memory(
        tag=np.full((num_envs, enemies), NO_UNIT, dtype=np.int64),
        seen=np.zeros((num_envs, enemies, agents), dtype=np.bool_),
        order=np.tile(np.arange(agents, dtype=np.int64), (num_envs, 1)),
        draws=np.zeros((num_envs, draws)),
        last_x=np.zeros((num_envs, enemies)),
        last_y=np.zeros((num_envs, enemies)),
        x=np.zeros((num_envs, agents + enemies)),
        y=np.zeros((num_envs, agents + enemies)),
        distance=np.zeros((num_envs, agents, agents + enemies)),
        visible=np.zeros((num_envs, agents, enemies), dtype=np.bool_),
    )


@inlined
def memory_of(memory: Memory, e: int) -> Memory:
    """Battle e's part of the memories of all."""
    return Memory(
        memory.tag[e],
        memory.seen[e],
        memory.order[e],
        memory.draws[e],
        memory.last_x[e],
        memory.last_y[e],
        memory.x[e],
        memory.y[e],
        memory.distance[e],
        memory.visible[e],
    )


@inlined
def measure(layout: ClientLayout, units: ClientUnits, memory: Memory) -> None:
    """Fill memory.x, .y and .distance: infinite for the dead, and from an agent to itself."""
    x, y, distance = memory.x, memory.y, memory.distance
    n_units = units.health.size
    for i in range(n_units):
        alive = units.health[i] > 0
        x[i] = units.x[i] if alive else math.inf
        y[i] = units.y[i] if alive else math.inf
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            distance[a, :] = math.inf
            continue
        x_a, y_a = x[a], y[a]
        for i in range(n_units):
            dx, dy = x[i] - x_a, y[i] - y_a
            distance[a, i] = math.sqrt(dx * dx + dy * dy)
        distance[a, a] = math.inf


@inlined
def sees(
    layout: ClientLayout, units: ClientUnits, a: int, distance: float, x: float, y: float
) -> bool:
    """Whether living agent a sees (x, y): strictly in sight range; or in range and in its cone."""
    sight_range = layout.kinds[units.kind[a]].sight_range
    if layout.n_fov_actions:
        return distance <= sight_range and is_in_cone(layout, units, a, x, y)
    return distance < sight_range


@inlined
def reaches(layout: ClientLayout, units: ClientUnits, distance: Floats, a: int, i: int) -> bool:
    """Whether unit i is within living agent a's shoot range, and in its view cone if it has one."""
    if distance[a, i] <= layout.kinds[units.kind[a]].shoot_range:
        return layout.n_fov_actions == 0 or is_in_cone(layout, units, a, units.x[i], units.y[i])
    return False


@compiled
def is_in_cone(layout: ClientLayout, units: ClientUnits, a: int, x: float, y: float) -> bool:
    """Whether (x, y) lies in agent a's view cone, at any distance."""
    dx, dy = x - units.x[a], y - units.y[a]
    fov_x, fov_y = units.fov_x[a], units.fov_y[a]
    if not layout.cone_folds_directions:
        across, along = fov_x * dy - fov_y * dx, fov_x * dx + fov_y * dy
        return abs(math.atan2(across, along)) < layout.cone_half_angle
    if dx > 0:
        dx, fov_x = max(dx, LEAST_DX), max(fov_x, LEAST_DX)
    else:
        dx, fov_x = min(dx, -LEAST_DX), min(fov_x, -LEAST_DX)
    return abs(math.atan(dy / dx) - math.atan(fov_y / fov_x)) < layout.cone_half_angle


@inlined
def target_of(layout: ClientLayout, units: ClientUnits, a: int, j: int) -> int:
    """The unit that living agent a attacks or heals by target action j; NO_UNIT = none.

    A healer's targets are the agents that do not heal themselves.
    """
    kinds, kind, health = layout.kinds, units.kind, units.health
    if not kinds[kind[a]].heals:
        i = layout.n_agents + j
        return i if j < layout.n_enemies and health[i] > 0 else NO_UNIT
    if j >= layout.n_agents or health[j] <= 0 or kinds[kind[j]].heals:
        return NO_UNIT
    unhurt = health[j] >= kinds[kind[j]].health_max
    return NO_UNIT if unhurt and not layout.unhurt_can_be_healed else j


@compiled
def forget_all(memory: Memory) -> None:
    """Begin an episode: no enemy is found, and the agents look in the order of their indices."""
    memory.tag[:] = NO_UNIT
    memory.seen[:] = False
    for a in range(memory.order.size):
        memory.order[a] = a


@compiled
def forget_dead(layout: ClientLayout, units: ClientUnits, memory: Memory) -> None:
    """After a step, forget the enemies that dead agents had found, and the dead enemies."""
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            for j in range(layout.n_enemies):
                if memory.tag[j] == a:
                    memory.tag[j] = NO_UNIT
                    memory.seen[j, :] = False
                    memory.seen[:, a] = False
    for j in range(layout.n_enemies):
        if units.health[layout.n_agents + j] <= 0:
            memory.tag[j] = NO_UNIT
            memory.seen[j, :] = False


@compiled
def shuffle_order(order: Ints, rng: Rng) -> None:
    """Shuffle the order in which the agents look. rng: [1], the battle's generator."""
    for last in range(order.size - 1, 0, -1):
        other = below(rng, last + 1)
        order[last], order[other] = order[other], order[last]


@compiled
def look(layout: ClientLayout, units: ClientUnits, memory: Memory, rng: Rng) -> None:
    """v2: the agents look in memory.order and find enemies; writes memory.visible.

    memory.distance: from `measure`. The agent that finds an enemy sees it from then on; each other
    agent may see it with probability prob_obs_enemy, drawn from memory.draws, in turn, or `rng`.
    """
    used = 0
    for j in range(layout.n_enemies):
        i = layout.n_agents + j
        if units.health[i] > 0:
            memory.last_x[j] = units.x[i]
            memory.last_y[j] = units.y[i]
    for turn in range(layout.n_agents):
        a = memory.order[turn]
        if units.health[a] > 0:
            used = _look_around(layout, units, memory, rng, a, used)
        else:
            memory.visible[a, :] = False


@inlined
def _look_around(
    layout: ClientLayout, units: ClientUnits, memory: Memory, rng: Rng, a: int, used: int
) -> int:
    """Agent a looks at all enemies. Gives how many of memory.draws have been used."""
    hidden = 0  # enemies below this index are hidden
    for j in range(layout.n_enemies):
        i = layout.n_agents + j
        alive = units.health[i] > 0
        if not alive and not layout.dead_must_be_noticed:
            memory.visible[a, j] = False
            continue
        distance, x, y = memory.distance[a, i], memory.last_x[j], memory.last_y[j]
        if not alive:
            dx, dy = x - units.x[a], y - units.y[a]
            distance = math.sqrt(dx * dx + dy * dy)
        visible = sees(layout, units, a, distance, x, y)
        if visible and memory.tag[j] == NO_UNIT:
            used = _find(layout, memory, rng, a, j, used)
        known = memory.seen[j, a]
        memory.visible[a, j] = alive and ((visible and known) or layout.fully_observable)
        if not known and layout.unseen_hides_lower_ones:
            hidden = j + 1
    for j in range(hidden):
        memory.visible[a, j] = False
    return used


@inlined
def _find(layout: ClientLayout, memory: Memory, rng: Rng, a: int, j: int, used: int) -> int:
    """Agent a finds enemy j; each other agent may see it by chance. Gives the draws used."""
    chance = layout.prob_obs_enemy
    memory.tag[j] = a
    memory.seen[j, a] = True
    for other in range(layout.n_agents):
        if other == a:
            continue
        if memory.draws.size:
            draw = memory.draws[used]
            used += 1
        elif 0.0 < chance < 1.0:
            draw = uniform(rng)
        else:
            draw = 0.0  # below any chance but 0
        if draw < chance:
            memory.seen[j, other] = True
    return used


@compiled
def write_visibility(
    layout: ClientLayout, units: ClientUnits, distance: Floats, out: NDArray[np.bool_]
) -> None:
    """out [A,N]: the client's get_visibility_matrix, by sight range alone, without cones.

    Of two agents the one of lower index decides for both.
    """
    out[:] = False
    for a in range(layout.n_agents):
        if units.health[a] <= 0:
            continue
        sight_range = layout.kinds[units.kind[a]].sight_range
        for i in range(a + 1, units.health.size):
            if units.health[i] > 0 and distance[a, i] < sight_range:
                out[a, i] = True
                if i < layout.n_agents:
                    out[i, a] = True

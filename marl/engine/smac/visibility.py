"""Who sees and reaches whom: ranges, view cones, and SMAC v2's memory of the enemies found.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_obs_agent,
is_position_in_cone, get_true_avail_agent_actions, step).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.compiled.jit import compiled, inlined
from marl.engine.rng import State, below, uniform
from marl.engine.smac.layout import Facts, Senses
from marl.engine.world import NO_UNIT, Floats, Ints

LEAST_DX = 1e-7  # v2's EPS: slopes are taken over at least this much


class Memory(NamedTuple):
    """What agents know of the enemies (v2), and the room for looking (v1 and v2)."""

    tag: Ints  # [M] the agent that found the enemy; NO_UNIT = nobody has
    seen: NDArray[np.bool_]  # [M,A] the agents that may see it since then
    order: Ints  # [A] the order in which the agents look
    draws: Floats  # [D] numbers to use instead of the battle's own; usually D = 0
    last_x: Floats  # [M] where the enemy was when it was last alive after a step
    last_y: Floats
    x: Floats  # [N] where the living are
    y: Floats
    distance: Floats  # [A,N] centre to centre
    shown: NDArray[np.bool_]  # [A,M] enemies that an agent sees now


def empty_memory(senses: Senses, num_envs: int, draws: int = 0) -> Memory:
    """Memories of num_envs battles: a first axis [E] before the axes above."""
    agents, enemies = senses.n_agents, senses.n_enemies
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
        shown=np.zeros((num_envs, agents, enemies), dtype=np.bool_),
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
        memory.shown[e],
    )


@inlined
def measure(senses: Senses, facts: Facts, memory: Memory) -> None:
    """Fill memory.x, .y and .distance: the dead are infinitely far away, and so is oneself."""
    x, y, distance = memory.x, memory.y, memory.distance
    n_units = facts.health.size
    for i in range(n_units):
        alive = facts.health[i] > 0
        x[i] = facts.x[i] if alive else math.inf
        y[i] = facts.y[i] if alive else math.inf
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            distance[a, :] = math.inf
            continue
        x_a, y_a = x[a], y[a]
        for i in range(n_units):
            dx, dy = x[i] - x_a, y[i] - y_a
            distance[a, i] = math.sqrt(dx * dx + dy * dy)
        distance[a, a] = math.inf


@inlined
def sees(senses: Senses, facts: Facts, a: int, distance: float, x: float, y: float) -> bool:
    """Whether living agent a sees what is at (x, y): strictly in range, or in its cone."""
    sight = senses.kinds[facts.kind[a]].sight
    if senses.n_fov:
        return distance <= sight and is_in_cone(senses, facts, a, x, y)
    return distance < sight


@inlined
def reaches(senses: Senses, facts: Facts, distance: Floats, a: int, i: int) -> bool:
    """Whether unit i is where living agent a may shoot at it, or heal it."""
    if distance[a, i] <= senses.kinds[facts.kind[a]].reach:
        return senses.n_fov == 0 or is_in_cone(senses, facts, a, facts.x[i], facts.y[i])
    return False


@compiled
def is_in_cone(senses: Senses, facts: Facts, a: int, x: float, y: float) -> bool:
    """Whether (x, y) lies in the direction that agent a looks in, distance aside."""
    dx, dy = x - facts.x[a], y - facts.y[a]
    fov_x, fov_y = facts.fov_x[a], facts.fov_y[a]
    if not senses.cone_folds:
        across, along = fov_x * dy - fov_y * dx, fov_x * dx + fov_y * dy
        return abs(math.atan2(across, along)) < senses.cone
    if dx > 0:
        dx, fov_x = max(dx, LEAST_DX), max(fov_x, LEAST_DX)
    else:
        dx, fov_x = min(dx, -LEAST_DX), min(fov_x, -LEAST_DX)
    return abs(math.atan(dy / dx) - math.atan(fov_y / fov_x)) < senses.cone


@inlined
def target_of(senses: Senses, facts: Facts, a: int, j: int) -> int:
    """The unit that living agent a attacks by target action j, or heals; NO_UNIT = none such.

    A healer's targets are the agents that do not heal themselves.
    """
    kinds, kind, health = senses.kinds, facts.kind, facts.health
    if not kinds[kind[a]].heals:
        i = senses.n_agents + j
        return i if j < senses.n_enemies and health[i] > 0 else NO_UNIT
    if j >= senses.n_agents or health[j] <= 0 or kinds[kind[j]].heals:
        return NO_UNIT
    unhurt = health[j] >= kinds[kind[j]].health_max
    return NO_UNIT if unhurt and not senses.unhurt_healed else j


@compiled
def forget_all(memory: Memory) -> None:
    """As an episode starts, nobody has found an enemy, and no order of looking is left over."""
    memory.tag[:] = NO_UNIT
    memory.seen[:] = False
    for a in range(memory.order.size):
        memory.order[a] = a


@compiled
def forget_dead(senses: Senses, facts: Facts, memory: Memory) -> None:
    """After a step: what dead agents found is lost, and the dead enemies are."""
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            for j in range(senses.n_enemies):
                if memory.tag[j] == a:
                    memory.tag[j] = NO_UNIT
                    memory.seen[j, :] = False
                    memory.seen[:, a] = False
    for j in range(senses.n_enemies):
        if facts.health[senses.n_agents + j] <= 0:
            memory.tag[j] = NO_UNIT
            memory.seen[j, :] = False


@compiled
def shuffle_order(order: Ints, state: State) -> None:
    """A fresh random order in which the agents look. state: [1], the battle's random numbers."""
    for last in range(order.size - 1, 0, -1):
        other = below(state, last + 1)
        order[last], order[other] = order[other], order[last]


@compiled
def look(senses: Senses, facts: Facts, memory: Memory, state: State) -> None:
    """v2: the agents look in memory.order, find enemies, and memory.shown is what each sees.

    memory.distance: as `measure` leaves it. Whoever finds an enemy sees it from then on, the
    others each with a chance of prob_obs_enemy: a number of memory.draws, in turn, or of `state`.
    """
    used = 0
    for j in range(senses.n_enemies):
        i = senses.n_agents + j
        if facts.health[i] > 0:
            memory.last_x[j] = facts.x[i]
            memory.last_y[j] = facts.y[i]
    for turn in range(senses.n_agents):
        a = memory.order[turn]
        if facts.health[a] > 0:
            used = _look_around(senses, facts, memory, state, a, used)
        else:
            memory.shown[a, :] = False


@inlined
def _look_around(
    senses: Senses, facts: Facts, memory: Memory, state: State, a: int, used: int
) -> int:
    """One agent's look at the enemies. Gives how many of memory.draws are used by now."""
    hidden = 0  # enemies below this index are hidden
    for j in range(senses.n_enemies):
        i = senses.n_agents + j
        alive = facts.health[i] > 0
        if not alive and not senses.dead_noticed:
            memory.shown[a, j] = False
            continue
        distance, x, y = memory.distance[a, i], memory.last_x[j], memory.last_y[j]
        if not alive:
            dx, dy = x - facts.x[a], y - facts.y[a]
            distance = math.sqrt(dx * dx + dy * dy)
        visible = sees(senses, facts, a, distance, x, y)
        if visible and memory.tag[j] == NO_UNIT:
            used = _find(senses, memory, state, a, j, used)
        known = memory.seen[j, a]
        memory.shown[a, j] = alive and ((visible and known) or senses.sees_all)
        if not known and senses.hides_lower:
            hidden = j + 1
    for j in range(hidden):
        memory.shown[a, j] = False
    return used


@inlined
def _find(senses: Senses, memory: Memory, state: State, a: int, j: int, used: int) -> int:
    """Agent a finds enemy j; the others may see it each by chance. Gives the draws used by now."""
    chance = senses.find_chance
    memory.tag[j] = a
    memory.seen[j, a] = True
    for other in range(senses.n_agents):
        if other == a:
            continue
        if memory.draws.size:
            draw = memory.draws[used]
            used += 1
        elif 0.0 < chance < 1.0:
            draw = uniform(state)
        else:
            draw = 0.0  # below any chance but 0
        if draw < chance:
            memory.seen[j, other] = True
    return used


@compiled
def write_visibility(
    senses: Senses, facts: Facts, distance: Floats, out: NDArray[np.bool_]
) -> None:
    """out [A,N]: the client's get_visibility_matrix; range alone decides, cones do not.

    Of two agents the one of lower index decides for both.
    """
    out[:] = False
    for a in range(senses.n_agents):
        if facts.health[a] <= 0:
            continue
        sight = senses.kinds[facts.kind[a]].sight
        for i in range(a + 1, facts.health.size):
            if facts.health[i] > 0 and distance[a, i] < sight:
                out[a, i] = True
                if i < senses.n_agents:
                    out[i, a] = True

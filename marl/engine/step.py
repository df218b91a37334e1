"""One step of the battles, compiled: orders, game loops, outcome, reward, observation.

A call allocates nothing. A battle depends on its seed and its actions alone, bit for bit: not on E,
its row, or the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from marl.compiled import workers
from marl.compiled.jit import OPTIONS, compiled, inlined
from marl.engine.combat.enemy_script import EnemyScript, start_enemy_script
from marl.engine.combat.loop import run_loops
from marl.engine.field import Field
from marl.engine.rng import Rng, seed_battle
from marl.engine.smac import observation, visibility
from marl.engine.smac.actions import apply_actions, mark_weak
from marl.engine.smac.layout import ClientLayout, ClientUnits, Traits
from marl.engine.smac.reward import RUNNING, WON, RewardRules, count_dead, outcome, step_reward
from marl.engine.smac.visibility import Memory
from marl.engine.world import Floats, Ints, Units

ALL_LEGAL = -1


class Rules(NamedTuple):
    """The constants of all battles of a scenario."""

    field: Field
    enemy_script: EnemyScript
    layout: ClientLayout
    reward: RewardRules
    step_mul: int
    kill_step_mul: int  # loops of a step after weak agents are killed; 0 = none is killed


class BattleArrays(NamedTuple):
    """The arrays of E battles that a step reads and writes: units, generators, clients."""

    units: NDArray[np.record]  # [E,N]
    rng: NDArray[np.uint64]  # [E,LINE_WORDS]
    clock: Ints  # [E,LINE_WORDS]
    traits: Traits
    memory: Memory
    scratch: Ints  # [E,A]
    ignores_mask: NDArray[np.bool_]  # [1] whether actions outside the mask are ordered too


class Record(NamedTuple):
    """The results of E battles' last step, and what the next one needs of the steps so far."""

    obs: NDArray[np.float32]  # [E,A,O]
    state: NDArray[np.float32]  # [E,S]
    avail: NDArray[np.bool_]  # [E,A,U]
    reward: NDArray[np.float32]  # [E]
    terminated: NDArray[np.bool_]  # [E]
    truncated: NDArray[np.bool_]  # [E]
    battle_won: NDArray[np.float32]  # [E]
    dead_allies: NDArray[np.float32]  # [E]
    dead_enemies: NDArray[np.float32]  # [E]
    steps: Ints  # [E] taken in this episode
    last_actions: Ints  # [E,A], -1 = none yet
    vitality: Floats  # [E,N] health + shield after the last step


@compiled
def reset_rows(
    rules: Rules, battles: BattleArrays, record: Record, rows: Ints, seeds: NDArray[np.uint64]
) -> None:
    """Start the battles of the first len(seeds) rows, their units placed; the rest have ended."""
    for i in range(rows.size):
        e, running = rows[i], i < seeds.size
        units, rng = battles.units[e], battles.rng[e]
        record.reward[e] = 0.0
        record.terminated[e] = not running
        record.truncated[e] = False
        record.battle_won[e] = 0.0
        record.dead_allies[e] = 0.0
        record.dead_enemies[e] = 0.0
        record.steps[e] = 0
        record.last_actions[e, :] = -1
        battles.clock[e, 0] = 0
        if running:
            seed_battle(units, rng, seeds[i])
            start_enemy_script(rules.field, rules.enemy_script, units, rules.layout.n_agents, rng)
        _remember_vitality(units, record.vitality[e])
        client_units = _client_units(units, battles.traits, e)
        memory = visibility.memory_of(battles.memory, e)
        observation.begin(rules.layout, client_units, memory, rng)
        _observe(rules, client_units, memory, rng, record, e)


@compiled
def step_all(rules: Rules, battles: BattleArrays, record: Record, actions: Ints) -> int:
    """One step of all battles, one after the other. actions: [E,A].

    Gives ALL_LEGAL, or what `first_illegal` found; then nothing moved.
    """
    illegal = first_illegal(record, actions, battles.ignores_mask[0])
    if illegal == ALL_LEGAL:
        for e in range(record.steps.size):
            _step_one(rules, battles, record, e, actions[e])
    return illegal


@compiled
def open_step(
    rules: Rules, battles: BattleArrays, record: Record, actions: Ints, control: workers.Words
) -> int:
    """Offer a step of all battles to the threads and give ALL_LEGAL, or as `step_all`."""
    illegal = first_illegal(record, actions, battles.ignores_mask[0])
    if illegal == ALL_LEGAL:
        workers.open_step(control, record.steps.size)
    return illegal


@nb.njit(**OPTIONS, nogil=True)
def step_shared(
    rules: Rules, battles: BattleArrays, record: Record, actions: Ints, control: workers.Words
) -> None:
    """The calling thread's part of an opened step; returns when all battles are stepped."""
    _take_battles(rules, battles, record, actions, control)
    workers.wait_done(control)


@nb.njit(**OPTIONS, nogil=True)
def serve_steps(
    rules: Rules,
    battles: BattleArrays,
    record: Record,
    actions: Ints,
    control: workers.Words,
    own: workers.Words,
) -> None:
    """A worker thread's part of every new step, until none comes for a while."""
    while workers.await_step(control, own):
        _take_battles(rules, battles, record, actions, control)


@compiled
def _take_battles(
    rules: Rules, battles: BattleArrays, record: Record, actions: Ints, control: workers.Words
) -> None:
    """Step battles that no other thread has taken, one after the other, until none is left."""
    n_envs = record.steps.size
    e = workers.take(control)
    while e < n_envs:
        _step_one(rules, battles, record, e, actions[e])
        workers.finish(control)
        e = workers.take(control)


@compiled
def first_illegal(record: Record, actions: Ints, ignores_mask: bool) -> int:
    """The flat index e * A + a of the first action outside the mask, or ALL_LEGAL.

    ignores_mask: only a number that is no action is illegal.
    """
    n_envs, n_agents, _ = record.avail.shape
    for e in range(n_envs):
        if record.terminated[e] or record.truncated[e]:
            continue
        illegal = first_illegal_of(record, e, actions[e], ignores_mask)
        if illegal != ALL_LEGAL:
            return e * n_agents + illegal
    return ALL_LEGAL


@compiled
def first_illegal_of(record: Record, e: int, actions: Ints, ignores_mask: bool) -> int:
    """The first agent of battle e whose action is illegal, or ALL_LEGAL. actions: [A]."""
    _, n_agents, n_actions = record.avail.shape
    for a in range(n_agents):
        action = actions[a]
        exists = 0 <= action < n_actions
        if not exists or not (ignores_mask or record.avail[e, a, action]):
            return a
    return ALL_LEGAL


@compiled
def _step_one(rules: Rules, battles: BattleArrays, record: Record, e: int, actions: Ints) -> None:
    """One step of battle e; an ended battle stays as it is, with reward 0."""
    if record.terminated[e] or record.truncated[e]:
        record.reward[e] = 0.0
        return
    units, rng, layout = battles.units[e], battles.rng[e], rules.layout
    for a in range(layout.n_agents):
        record.last_actions[e, a] = actions[a]
    client_units = _client_units(units, battles.traits, e)
    memory = visibility.memory_of(battles.memory, e)
    _advance(rules, battles, e, actions, 0, rules.step_mul)
    record.steps[e] += 1
    code = outcome(rules.reward, client_units.kind, client_units.health)
    record.reward[e] = step_reward(rules.reward, client_units, record.vitality[e], code)
    _conclude(rules, record, e, code, client_units.health)
    _remember_vitality(units, record.vitality[e])
    if layout.is_v2:
        visibility.forget_dead(layout, client_units, memory)
    _observe(rules, client_units, memory, rng, record, e)


@compiled
def rehearse(rules: Rules, copy: BattleArrays, actions: Ints, n: int) -> None:
    """Game loop n of a step on a copy of one battle, E = 1; loops are run in order from 0 on.

    actions: [A], legal ones.
    """
    _advance(rules, copy, 0, actions, n, n + 1)


@compiled
def _advance(
    rules: Rules, battles: BattleArrays, e: int, actions: Ints, first: int, last: int
) -> None:
    """Game loops first..last-1 of a step of battle e, before the first one the agents' orders.

    actions: [A], legal ones: they become indices. Agents that are weak, by their health at the last
    observation as in the client, die kill_step_mul loops before the step's end.
    """
    units, rng, layout, marked = battles.units[e], battles.rng[e], rules.layout, battles.scratch[e]
    if first == 0:
        client_units = _client_units(units, battles.traits, e)
        memory = visibility.memory_of(battles.memory, e)
        ignores_mask = battles.ignores_mask[0]
        apply_actions(
            rules.field, layout, client_units, memory, units, rng, actions, ignores_mask, marked
        )
        if rules.kill_step_mul > 0:
            mark_weak(layout, client_units, marked)
    kill_after = rules.step_mul - rules.kill_step_mul - first
    clock, script = battles.clock[e], rules.enemy_script
    run_loops(rules.field, script, units, rng, clock, last - first, marked, kill_after)


@compiled
def _conclude(rules: Rules, record: Record, e: int, code: int, health: Floats) -> None:
    """Write whether the battle is over, whether it is won, and how many have died."""
    at_limit = record.steps[e] >= rules.layout.episode_limit
    record.terminated[e] = code != RUNNING or (at_limit and not rules.reward.continuing_episode)
    record.truncated[e] = at_limit and not record.terminated[e]
    record.battle_won[e] = code == WON
    n_agents = rules.layout.n_agents
    record.dead_allies[e] = count_dead(health, 0, n_agents)
    record.dead_enemies[e] = count_dead(health, n_agents, health.size)


@compiled
def _remember_vitality(units: Units, vitality: Floats) -> None:
    """vitality [N]: health + shield of the living, 0 of the dead."""
    for i in range(units.size):
        alive = units[i].health > 0
        vitality[i] = units[i].health + units[i].shield if alive else 0.0


@inlined
def _client_units(units: Units, traits: Traits, e: int) -> ClientUnits:
    """Battle e's units [N] as its client reads them."""
    return ClientUnits(
        units["kind"],
        units["x"],
        units["y"],
        units["health"],
        units["shield"],
        units["cooldown"],
        units["energy"],
        traits.fov_x[e],
        traits.fov_y[e],
        traits.attack_probability[e],
        traits.health_level[e],
        traits.enemy_mask[e],
    )


@compiled
def _observe(
    rules: Rules,
    client_units: ClientUnits,
    memory: Memory,
    rng: Rng,
    record: Record,
    e: int,
) -> None:
    """Write the mask, the observations and the state of battle e."""
    observation.observe(
        rules.layout,
        client_units,
        memory,
        rng,
        record.last_actions[e],
        record.steps[e],
        record.avail[e],
        record.obs[e],
        record.state[e],
    )

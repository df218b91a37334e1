"""One step of the battles, compiled: orders, game loops, outcome, reward, what is seen of it.

A call allocates nothing. A battle depends on its seed and its actions alone, bit for bit: not on E,
its row, or the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from marl.engine import rng
from marl.engine.combat import enemy_script as wave
from marl.engine.combat import loop
from marl.engine.combat.enemy_script import Wave
from marl.engine.compiled import workers
from marl.engine.compiled.jit import OPTIONS, compiled, inlined
from marl.engine.field import Field
from marl.engine.smac import observation, visibility
from marl.engine.smac.actions import apply_actions, kill_marked, mark_weak
from marl.engine.smac.layout import ClientUnits, Layout, Traits
from marl.engine.smac.reward import RUNNING, WON, RewardRules, count_dead, outcome, step_reward
from marl.engine.smac.visibility import Memory
from marl.engine.world import Floats, Ints, Units

ALL_LEGAL = -1


class Rules(NamedTuple):
    """What is the same in every battle of a scenario."""

    field: Field
    wave: Wave
    layout: Layout
    reward: RewardRules
    step_mul: int
    kill_step_mul: int  # the last loops of a step, after weak agents are killed; 0 = they are not


class Battlefields(NamedTuple):
    """The part of World that the compiled step needs, and what only SMAC v2's agents have."""

    units: NDArray[np.record]  # [E,N]
    rng: NDArray[np.uint64]  # [E,1]
    clock: Ints  # [E,1]
    traits: Traits
    memory: Memory
    scratch: Ints  # [E,A]
    trusted: NDArray[np.bool_]  # [1] whether this step's orders go through as they are


class Record(NamedTuple):
    """What the battles show, and what the driver remembers of them."""

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
def reset_all(rules: Rules, state: Battlefields, record: Record, seeds: NDArray[np.uint64]) -> None:
    """Start the first len(seeds) battles, units placed; the others are over and show nothing."""
    for e in range(record.steps.size):
        running = e < seeds.size
        units = state.units[e]
        record.reward[e] = 0.0
        record.terminated[e] = not running
        record.truncated[e] = False
        record.battle_won[e] = 0.0
        record.dead_allies[e] = 0.0
        record.dead_enemies[e] = 0.0
        record.steps[e] = 0
        record.last_actions[e, :] = -1
        state.clock[e, 0] = 0
        if running:
            rng.seed_battle(units, state.rng[e], seeds[e])
            wave.begin(rules.field, rules.wave, units, rules.layout.n_agents, state.rng[e])
        _remember_vitality(units, record.vitality[e])
        client_units, memory = (
            _client_units(units, state.traits, e),
            visibility.memory_of(state.memory, e),
        )
        observation.begin(rules.layout, client_units, memory, state.rng[e])
        _observe(rules, client_units, memory, state.rng[e], record, e)


@compiled
def step_all(rules: Rules, state: Battlefields, record: Record, actions: Ints) -> int:
    """One step of all battles, one after the other. actions: [E,A].

    Gives ALL_LEGAL, or what `first_illegal` found; then nothing moved.
    """
    illegal = first_illegal(record, actions, state.trusted[0])
    if illegal == ALL_LEGAL:
        for e in range(record.steps.size):
            _step_one(rules, state, record, e, actions[e])
    return illegal


@compiled
def open_step(
    rules: Rules, state: Battlefields, record: Record, actions: Ints, control: workers.Words
) -> int:
    """Offer a step of all battles to the threads, and give ALL_LEGAL; else as `step_all`."""
    illegal = first_illegal(record, actions, state.trusted[0])
    if illegal == ALL_LEGAL:
        workers.open_step(control, record.steps.size)
    return illegal


@nb.njit(**OPTIONS, nogil=True)
def step_shared(
    rules: Rules, state: Battlefields, record: Record, actions: Ints, control: workers.Words
) -> None:
    """The caller's share of a step that was opened, then the wait for the others'."""
    _take_battles(rules, state, record, actions, control)
    workers.wait_done(control)


@nb.njit(**OPTIONS, nogil=True)
def serve_steps(
    rules: Rules,
    state: Battlefields,
    record: Record,
    actions: Ints,
    control: workers.Words,
    own: workers.Words,
) -> None:
    """A worker's share of each step that it does not know, until none comes."""
    while workers.await_step(control, own):
        _take_battles(rules, state, record, actions, control)


@compiled
def _take_battles(
    rules: Rules, state: Battlefields, record: Record, actions: Ints, control: workers.Words
) -> None:
    """Step the battles that nobody has taken yet, one after the other."""
    n_envs = record.steps.size
    e = workers.take(control)
    while e < n_envs:
        _step_one(rules, state, record, e, actions[e])
        workers.finish(control)
        e = workers.take(control)


@compiled
def first_illegal(record: Record, actions: Ints, trusted: bool) -> int:
    """The flat index e * A + a of the first action outside the mask, or ALL_LEGAL.

    trusted: the mask does not matter, only whether there is such an action.
    """
    n_envs, n_agents, n_actions = record.avail.shape
    for e in range(n_envs):
        if record.terminated[e] or record.truncated[e]:
            continue
        for a in range(n_agents):
            action = actions[e, a]
            exists = 0 <= action < n_actions
            if not exists or not (trusted or record.avail[e, a, action]):
                return e * n_agents + a
    return ALL_LEGAL


@compiled
def _step_one(rules: Rules, state: Battlefields, record: Record, e: int, actions: Ints) -> None:
    """One step of battle e; a battle that is over stays as it is, with reward 0."""
    if record.terminated[e] or record.truncated[e]:
        record.reward[e] = 0.0
        return
    units, n_agents = state.units[e], rules.layout.n_agents
    for a in range(n_agents):
        record.last_actions[e, a] = actions[a]
    client_units, memory = (
        _client_units(units, state.traits, e),
        visibility.memory_of(state.memory, e),
    )
    random, scratch, layout = state.rng[e], state.scratch[e], rules.layout
    trusted = state.trusted[0]
    apply_actions(
        rules.field, layout, client_units, memory, units, random, actions, trusted, scratch
    )
    _advance(rules, client_units, units, random, state.clock[e], scratch)
    record.steps[e] += 1
    code = outcome(rules.reward, client_units.kind, client_units.health)
    record.reward[e] = step_reward(rules.reward, client_units, record.vitality[e], code)
    _conclude(rules, record, e, code, client_units.health)
    _remember_vitality(units, record.vitality[e])
    if rules.layout.is_v2:
        visibility.forget_dead(rules.layout, client_units, memory)
    _observe(rules, client_units, memory, state.rng[e], record, e)


@compiled
def _advance(
    rules: Rules,
    client_units: ClientUnits,
    units: Units,
    random: rng.State,
    clock: Ints,
    scratch: Ints,
) -> None:
    """The loops of one step; with the health capability weak agents die before the last ones.

    Who is weak is judged by the last observation, as in the client.
    """
    last = rules.kill_step_mul
    if last > 0:
        mark_weak(rules.layout, client_units, scratch)
    loop.run_loops(rules.field, rules.wave, units, random, clock, rules.step_mul - last)
    if last > 0:
        kill_marked(rules.field, units, scratch)
        loop.run_loops(rules.field, rules.wave, units, random, clock, last)


@compiled
def _conclude(rules: Rules, record: Record, e: int, code: int, health: Floats) -> None:
    """Whether the battle is over, and what stands in its outcome so far."""
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
    random: rng.State,
    record: Record,
    e: int,
) -> None:
    """Write the mask, the observations and the state of battle e."""
    observation.observe(
        rules.layout,
        client_units,
        memory,
        random,
        record.last_actions[e],
        record.steps[e],
        record.avail[e],
        record.obs[e],
        record.state[e],
    )

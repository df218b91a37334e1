"""E battles of one scenario in lock-step: reset, step, and the arrays that show them.

A whole step (orders, game loops, outcome, reward, observation, state, mask) is one compiled call
that allocates nothing. A battle depends on its seed and its actions alone, bit for bit: not on E,
its row, or the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from marl.engine import commands, loop, rng, scoring, sensing, sight, spawn, wave, workers
from marl.engine.choices import Choices
from marl.engine.data import load_unit_types
from marl.engine.jit import OPTIONS, compiled, inlined
from marl.engine.options import Options
from marl.engine.orders import ACTION_NO_OP
from marl.engine.paths import make_paths
from marl.engine.scenario import MAPS, Scenario
from marl.engine.scoring import RUNNING, WON, Scoring, make_scoring
from marl.engine.senses import Facts, Senses, Traits, empty_traits, make_senses
from marl.engine.sight import Memory, empty_memory
from marl.engine.wave import Wave
from marl.engine.world import Field, Floats, Ints, Units, UnitTypes, empty_world
from marl.errors import EnvError

# Below this many battles starting the threads costs more than they bring.
PARALLEL_FROM = 32
ALL_LEGAL = -1
MOST_THREADS = nb.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


class Rules(NamedTuple):
    """What is the same in every battle of a scenario."""

    field: Field
    wave: Wave
    senses: Senses
    scoring: Scoring
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


class Battles:
    """E battles of one scenario; the arrays are overwritten by the next reset or step."""

    def __init__(
        self,
        scenario: Scenario,
        options: Options,
        num_envs: int,
        threads: int = 1,
        choices: Choices | None = None,
    ) -> None:
        if not 1 <= threads <= MOST_THREADS:
            raise EnvError(
                f"threads={threads} is not within 1..{MOST_THREADS}; the upper "
                "bound is the number of cores, or NUMBA_NUM_THREADS where that is set"
            )
        self.scenario = scenario
        self.num_envs = num_envs
        types = load_unit_types(scenario.unit_names, MAPS / "units.yaml")
        self.rules = make_rules(scenario, types, options, choices or Choices())
        self.starts = spawn.Starts(scenario, types, self.rules.field)
        self.world = empty_world(num_envs, self.starts.n_units)
        self.record = _empty_record(num_envs, self.rules)
        senses = self.rules.senses
        self.traits, self.memory = empty_traits(senses, num_envs), empty_memory(senses, num_envs)
        world = self.world
        scratch = np.zeros((num_envs, senses.n_agents), dtype=np.int64)
        self._trusted = np.zeros(1, dtype=np.bool_)
        self._state = Battlefields(
            world.units, world.rng, world.clock, self.traits, self.memory, scratch, self._trusted
        )
        self._actions = np.zeros(self.record.last_actions.shape, dtype=np.int64)
        self.parallel = num_envs >= PARALLEL_FROM and threads > 1
        self._team = workers.Team(threads if self.parallel else 1, self._serve())

    def _serve(self) -> Callable[[workers.Words, int, int], int]:
        """What a worker runs; it holds the arrays, not the battles, so that these can go."""
        arguments = (self.rules, self._state, self.record, self._actions)
        return lambda control, worker, ticket: serve_steps(*arguments, control, worker, ticket)

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start battle e from seeds[e]; battles from len(seeds) on stay idle (ended)."""
        if len(seeds) > self.num_envs:
            raise ValueError(f"got {len(seeds)} seeds for {self.num_envs} battles")
        seeds = np.ascontiguousarray(seeds, dtype=np.uint64)
        for e, drawn in enumerate(self.starts.place(self.world, seeds)):
            self.traits.attack_probability[e] = drawn.attack_probability
            self.traits.health_level[e] = drawn.health_level
            self.traits.enemy_mask[e] = drawn.enemy_mask
        reset_all(self.rules, self._state, self.record, seeds)

    def step(self, actions: NDArray[np.int64], trusted: bool = False) -> None:
        """Advance all running battles by one step. actions: [E,A]; illegal ones are refused.

        trusted: actions outside the mask are orders like any other and none is withheld, as with
        SMAC's scripted agents; only numbers that mean no action are refused.
        """
        if actions.shape != self._actions.shape:
            raise ValueError(f"actions have shape {actions.shape}, need {self._actions.shape}")
        self._actions[:] = actions
        self._trusted[0] = trusted
        if self.parallel:
            illegal = self._step_shared()
        else:
            illegal = step_all(self.rules, self._state, self.record, self._actions)
        if illegal != ALL_LEGAL:
            e, agent = divmod(illegal, self.rules.senses.n_agents)
            legal = np.flatnonzero(self.record.avail[e, agent]).tolist()
            raise EnvError(
                f"environment {e}, agent {agent}: action {self._actions[e, agent]} is not "
                f"available; available: {legal}"
            )

    def _step_shared(self) -> int:
        """One step on all threads; gives the same as `step_all`."""
        illegal = first_illegal(self.record, self._actions, self._trusted[0])
        if illegal == ALL_LEGAL:
            workers.open_step(self._team.control, self.num_envs)
            self._team.wake()
            step_shared(self.rules, self._state, self.record, self._actions, self._team.control)
        return int(illegal)

    def close(self) -> None:
        """End the worker threads; the battles can still be looked at."""
        self._team.close()


def make_rules(scenario: Scenario, types: UnitTypes, options: Options, choices: Choices) -> Rules:
    """Everything a battle of `scenario` needs to know. types: those of scenario.unit_names."""
    paths = make_paths(scenario.walkable, tuple(group.at for group in scenario.groups))
    return Rules(
        field=Field(types.table, scenario.walkable, choices.record(), paths),
        wave=wave.make_wave(scenario.enemy_order, scenario.attack_between),
        senses=make_senses(scenario, types, options),
        scoring=make_scoring(scenario, types, options),
        step_mul=options.step_mul,
        kill_step_mul=options.kill_unit_step_mul if options.shown.health else 0,
    )


def _empty_record(num_envs: int, rules: Rules) -> Record:
    senses = rules.senses
    agents = (num_envs, senses.n_agents)
    record = Record(
        obs=np.zeros((*agents, senses.obs_dim), dtype=np.float32),
        state=np.zeros((num_envs, senses.state_dim), dtype=np.float32),
        avail=np.zeros((*agents, senses.n_actions), dtype=np.bool_),
        reward=np.zeros(num_envs, dtype=np.float32),
        terminated=np.ones(num_envs, dtype=np.bool_),
        truncated=np.zeros(num_envs, dtype=np.bool_),
        battle_won=np.zeros(num_envs, dtype=np.float32),
        dead_allies=np.zeros(num_envs, dtype=np.float32),
        dead_enemies=np.zeros(num_envs, dtype=np.float32),
        steps=np.zeros(num_envs, dtype=np.int64),
        last_actions=np.full(agents, -1, dtype=np.int64),
        vitality=np.zeros((num_envs, senses.n_agents + senses.n_enemies)),
    )
    record.avail[:, :, ACTION_NO_OP] = True
    return record


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
            wave.begin(rules.field, rules.wave, units, rules.senses.n_agents, state.rng[e])
        _remember_vitality(units, record.vitality[e])
        facts, memory = _facts(units, state.traits, e), sight.memory_of(state.memory, e)
        sensing.begin(rules.senses, facts, memory, state.rng[e])
        _sense(rules, facts, memory, state.rng[e], record, e)


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
    worker: int,
    ticket: int,
) -> int:
    """A worker's share of each step after `ticket`, until none comes; the last step's ticket."""
    while True:
        now = workers.await_step(control, worker, ticket)
        if now == ticket:
            return ticket
        ticket = now
        _take_battles(rules, state, record, actions, control)


@compiled
def _take_battles(
    rules: Rules, state: Battlefields, record: Record, actions: Ints, control: workers.Words
) -> None:
    """Step the battles that nobody has taken yet, a few at a time."""
    n_envs = record.steps.size
    while True:
        first = workers.take(control)
        if first >= n_envs:
            return
        last = min(first + workers.CHUNK, n_envs)
        for e in range(first, last):
            _step_one(rules, state, record, e, actions[e])
        workers.finish(control, last - first)


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
    units, n_agents = state.units[e], rules.senses.n_agents
    for a in range(n_agents):
        record.last_actions[e, a] = actions[a]
    facts, memory = _facts(units, state.traits, e), sight.memory_of(state.memory, e)
    random, scratch, senses = state.rng[e], state.scratch[e], rules.senses
    trusted = state.trusted[0]
    commands.command(rules.field, senses, facts, memory, units, random, actions, trusted, scratch)
    _advance(rules, facts, units, random, state.clock[e], scratch)
    record.steps[e] += 1
    code = scoring.outcome(rules.scoring, facts.kind, facts.health)
    record.reward[e] = scoring.step_reward(rules.scoring, facts, record.vitality[e], code)
    _conclude(rules, record, e, code, facts.health)
    _remember_vitality(units, record.vitality[e])
    if rules.senses.remembers:
        sight.forget_dead(rules.senses, facts, memory)
    _sense(rules, facts, memory, state.rng[e], record, e)


@compiled
def _advance(
    rules: Rules, facts: Facts, units: Units, random: rng.State, clock: Ints, scratch: Ints
) -> None:
    """The loops of one step; with the health capability weak agents die before the last ones.

    Who is weak is judged by the last observation, as in the client.
    """
    last = rules.kill_step_mul
    if last > 0:
        commands.mark_weak(rules.senses, facts, scratch)
    loop.run_loops(rules.field, rules.wave, units, random, clock, rules.step_mul - last)
    if last > 0:
        commands.kill_marked(rules.field, units, scratch)
        loop.run_loops(rules.field, rules.wave, units, random, clock, last)


@compiled
def _conclude(rules: Rules, record: Record, e: int, code: int, health: Floats) -> None:
    """Whether the battle is over, and what stands in its outcome so far."""
    at_limit = record.steps[e] >= rules.senses.episode_limit
    record.terminated[e] = code != RUNNING or (at_limit and not rules.scoring.limit_truncates)
    record.truncated[e] = at_limit and not record.terminated[e]
    record.battle_won[e] = code == WON
    n_agents = rules.senses.n_agents
    record.dead_allies[e] = scoring.count_dead(health, 0, n_agents)
    record.dead_enemies[e] = scoring.count_dead(health, n_agents, health.size)


@compiled
def _remember_vitality(units: Units, vitality: Floats) -> None:
    """vitality [N]: health + shield of the living, 0 of the dead."""
    for i in range(units.size):
        alive = units[i].health > 0
        vitality[i] = units[i].health + units[i].shield if alive else 0.0


@inlined
def _facts(units: Units, traits: Traits, e: int) -> Facts:
    """What battle e's client sees of its units [N]."""
    return Facts(
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
def _sense(
    rules: Rules, facts: Facts, memory: Memory, random: rng.State, record: Record, e: int
) -> None:
    """Write the mask, the observations and the state of battle e."""
    sensing.sense(
        rules.senses,
        facts,
        memory,
        random,
        record.last_actions[e],
        record.steps[e],
        record.avail[e],
        record.obs[e],
        record.state[e],
    )

"""E battles of one scenario in lock-step: reset, step, and the arrays that show them.

A whole step (orders, game loops, outcome, reward, observation, state, mask) is one compiled call
that allocates nothing. A battle depends on its seed and its actions alone, bit for bit: not on E,
its row, or the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from marl.engine import data, loop, orders, rng, scoring, sensing, spawn
from marl.engine.jit import compiled
from marl.engine.options import Options
from marl.engine.orders import ACTION_NO_OP
from marl.engine.scenario import MAPS, Scenario
from marl.engine.scoring import RUNNING, WON, Scoring, make_scoring
from marl.engine.senses import Facts, Senses, make_senses
from marl.engine.world import Floats, Ints, Table, UnitTypes, World, empty_world
from marl.errors import EnvError

# Below this many battles starting the threads costs more than they bring.
PARALLEL_FROM = 32
ALL_LEGAL = -1
MOST_THREADS = nb.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


class Rules(NamedTuple):
    """What is the same in every battle of a scenario."""

    table: Table  # [K] the unit types
    attack_between: Floats  # [2,2], the ends of the segment that the enemy wave attack-moves to
    senses: Senses
    scoring: Scoring
    step_mul: int


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
        self, scenario: Scenario, options: Options, num_envs: int, threads: int = 1
    ) -> None:
        if not 1 <= threads <= MOST_THREADS:
            raise EnvError(
                f"threads={threads} is not within 1..{MOST_THREADS}; the upper "
                "bound is the number of cores, or NUMBA_NUM_THREADS where that is set"
            )
        self.scenario = scenario
        self.num_envs = num_envs
        self.threads = threads
        types = data.load_unit_types(scenario.unit_names, MAPS / "units.yaml")
        self.rules = make_rules(scenario, types, options)
        self.start = spawn.make_start(scenario, types)
        self.world = empty_world(num_envs, self.start.kind.size)
        self.record = _empty_record(num_envs, self.rules)
        self._actions = np.zeros(self.record.last_actions.shape, dtype=np.int64)
        self.parallel = num_envs >= PARALLEL_FROM and threads > 1

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start battle e from seeds[e]; battles from len(seeds) on stay idle (ended)."""
        if len(seeds) > self.num_envs:
            raise ValueError(f"got {len(seeds)} seeds for {self.num_envs} battles")
        seeds = np.ascontiguousarray(seeds, dtype=np.uint64)
        spawn.place_units(self.world, self.start, len(seeds))
        reset_all(self.rules, self.world, self.record, seeds)

    def step(self, actions: NDArray[np.int64]) -> None:
        """Advance all running battles by one step. actions: [E,A]; illegal ones are refused."""
        if actions.shape != self._actions.shape:
            raise ValueError(f"actions have shape {actions.shape}, need {self._actions.shape}")
        self._actions[:] = actions
        if self.parallel:
            nb.set_num_threads(self.threads)
            table, segment, senses, scoring, step_mul = self.rules
            illegal = step_parallel(
                table, segment, senses, scoring, step_mul, self.world, self.record, self._actions
            )
        else:
            illegal = step_serial(self.rules, self.world, self.record, self._actions)
        if illegal != ALL_LEGAL:
            e, agent = divmod(int(illegal), self.rules.senses.n_agents)
            legal = np.flatnonzero(self.record.avail[e, agent]).tolist()
            raise EnvError(
                f"environment {e}, agent {agent}: action {self._actions[e, agent]} is not "
                f"available; available: {legal}"
            )


def make_rules(scenario: Scenario, types: UnitTypes, options: Options) -> Rules:
    """Everything a battle of `scenario` needs to know. types: those of scenario.unit_names."""
    return Rules(
        table=types.table,
        attack_between=np.array(scenario.attack_between),
        senses=make_senses(scenario, types, options),
        scoring=make_scoring(scenario, types, options),
        step_mul=options.step_mul,
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
def reset_all(rules: Rules, world: World, record: Record, seeds: NDArray[np.uint64]) -> None:
    """Start the first len(seeds) battles, units placed; the others are over and show nothing."""
    for e in range(record.steps.size):
        running = e < seeds.size
        record.reward[e] = 0.0
        record.terminated[e] = not running
        record.truncated[e] = False
        record.battle_won[e] = 0.0
        record.dead_allies[e] = 0.0
        record.dead_enemies[e] = 0.0
        record.steps[e] = 0
        record.last_actions[e, :] = -1
        if running:
            rng.seed_battle(world, e, seeds[e])
            _order_enemy_wave(rules, world, e)
        _remember_vitality(world, record, e)
        _sense(rules, world, record, e)


@compiled
def _order_enemy_wave(rules: Rules, world: World, e: int) -> None:
    """The one order that the enemy gets: attack-move to a point of the scenario's segment."""
    start, end = rules.attack_between[0], rules.attack_between[1]
    share = 0.0
    if start[0] != end[0] or start[1] != end[1]:
        share = rng.uniform(world.rng[e])
    x = start[0] + share * (end[0] - start[0])
    y = start[1] + share * (end[1] - start[1])
    orders.give_attack_move(world.units[e], rules.senses.n_agents, x, y)


@compiled
def step_serial(rules: Rules, world: World, record: Record, actions: Ints) -> int:
    """One step of all battles, one after the other; see `step_parallel`."""
    illegal = _first_illegal(record, actions)
    if illegal == ALL_LEGAL:
        for e in range(record.steps.size):
            _step_one(rules, world, record, e, actions[e])
    return illegal


@nb.njit(cache=True, error_model="numpy", parallel=True)
def step_parallel(
    table: Table,
    attack_between: Floats,
    senses: Senses,
    scoring: Scoring,
    step_mul: int,
    world: World,
    record: Record,
    actions: Ints,
) -> int:
    """One step of all battles, one battle per iteration. actions: [E,A].

    The fields of Rules come apart: numba's parallel loop takes tuples, but no tuples of tuples.
    Gives ALL_LEGAL, or the flat index e * A + a of the first illegal action; then nothing moved.
    """
    illegal = _first_illegal(record, actions)
    if illegal == ALL_LEGAL:
        for e in nb.prange(record.steps.size):
            rules = Rules(table, attack_between, senses, scoring, step_mul)
            _step_one(rules, world, record, e, actions[e])
    return illegal


@compiled
def _first_illegal(record: Record, actions: Ints) -> int:
    n_envs, n_agents, n_actions = record.avail.shape
    for e in range(n_envs):
        if record.terminated[e] or record.truncated[e]:
            continue
        for a in range(n_agents):
            action = actions[e, a]
            if action < 0 or action >= n_actions or not record.avail[e, a, action]:
                return e * n_agents + a
    return ALL_LEGAL


@compiled
def _step_one(rules: Rules, world: World, record: Record, e: int, actions: Ints) -> None:
    """One step of battle e; a battle that is over stays as it is, with reward 0."""
    if record.terminated[e] or record.truncated[e]:
        record.reward[e] = 0.0
        return
    n_agents = rules.senses.n_agents
    for a in range(n_agents):
        record.last_actions[e, a] = actions[a]
    orders.give_agent_orders(world.units[e], n_agents, actions, rules.senses.move_amount)
    loop.advance(world, e, rules.table, rules.senses.walkable, rules.step_mul)
    record.steps[e] += 1
    health, shield = world.health[e], world.shield[e]
    code = scoring.outcome(n_agents, health)
    record.reward[e] = scoring.step_reward(rules.scoring, record.vitality[e], health, shield, code)
    _conclude(rules, record, e, code, health)
    _remember_vitality(world, record, e)
    _sense(rules, world, record, e)


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
def _remember_vitality(world: World, record: Record, e: int) -> None:
    for i in range(record.vitality.shape[1]):
        alive = world.health[e, i] > 0
        vitality = world.health[e, i] + world.shield[e, i]
        record.vitality[e, i] = vitality if alive else 0.0


@compiled
def _sense(rules: Rules, world: World, record: Record, e: int) -> None:
    """Write the mask, the observations and the state of battle e."""
    facts = Facts(
        world.kind[e], world.x[e], world.y[e], world.health[e], world.shield[e], world.cooldown[e]
    )
    senses, last_actions, steps = rules.senses, record.last_actions[e], record.steps[e]
    sensing.write_mask(senses, facts, record.avail[e])
    sensing.write_observations(senses, facts, record.avail[e], last_actions, steps, record.obs[e])
    sensing.write_state(senses, facts, record.obs[e], last_actions, steps, record.state[e])

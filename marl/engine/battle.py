"""E battles of one scenario in lock-step: reset, step, and the arrays with their results."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NoReturn

import numba as nb
import numpy as np
from numpy.typing import NDArray

from marl.compiled import workers
from marl.compiled.jit import bind
from marl.compiled.reference import reference
from marl.engine.combat.enemy_script import make_enemy_script
from marl.engine.combat.orders import ACTION_NO_OP
from marl.engine.combat.spawn import Spawner
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import MAPS, Scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.field import make_field
from marl.engine.ground.paths import make_paths
from marl.engine.smac.layout import Traits, empty_traits, make_layout
from marl.engine.smac.options import Options, kill_step_mul
from marl.engine.smac.reward import make_reward_rules
from marl.engine.smac.visibility import Memory, empty_memory
from marl.engine.step import (
    ALL_LEGAL,
    BattleArrays,
    Record,
    Rules,
    first_illegal_of,
    open_step,
    rehearse,
    reset_rows,
    serve_steps,
    step_all,
    step_shared,
)
from marl.engine.world import Units, UnitTypes, empty_world
from marl.errors import EnvError

# With fewer battles, threads cost more time than they save.
PARALLEL_FROM = 32
MAX_THREADS = nb.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


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
        if not 1 <= threads <= MAX_THREADS:
            raise EnvError(
                f"env_threads={threads} is not within 1..{MAX_THREADS}; the upper "
                "bound is the number of cores, or NUMBA_NUM_THREADS where that is set"
            )
        self.scenario = scenario
        self.num_envs = num_envs
        types = load_unit_types(scenario.unit_names, MAPS / "units.yaml")
        self.rules = make_rules(scenario, types, options, choices or Choices())
        self.spawner = Spawner(scenario, types, self.rules.field)
        self.world = empty_world(num_envs, self.spawner.n_units)
        self.record = reference(_empty_record(num_envs, self.rules))
        layout = self.rules.layout
        self.traits, self.memory = empty_traits(layout, num_envs), empty_memory(layout, num_envs)
        world = self.world
        scratch = np.zeros((num_envs, layout.n_agents), dtype=np.int64)
        self._ignores_mask = np.zeros(1, dtype=np.bool_)
        self._arrays = reference(
            BattleArrays(
                world.units,
                world.rng,
                world.clock,
                self.traits,
                self.memory,
                scratch,
                self._ignores_mask,
            )
        )
        self._actions = np.zeros(self.record.last_actions.shape, dtype=np.int64)
        self.parallel = num_envs >= PARALLEL_FROM and threads > 1
        # The workers hold the arrays, not this object, so that it can be collected.
        arguments = (self.rules, self._arrays, self.record, self._actions)
        self._team = workers.Team(
            threads if self.parallel else 1, partial(bind, serve_steps, *arguments)
        )
        if self.parallel:
            self._open = bind(open_step, *arguments, self._team.control)
            self._share = bind(step_shared, *arguments, self._team.control)
        else:
            self._step_all = bind(step_all, *arguments)

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        """Start battle rows[i] from seeds[i]; the others go on.

        Without rows: battle i; battles from len(seeds) on count as ended.
        """
        if len(seeds) > self.num_envs:
            raise ValueError(f"got {len(seeds)} seeds for {self.num_envs} battles")
        if rows is not None and not ((rows >= 0) & (rows < self.num_envs)).all():
            raise ValueError(f"got rows {rows.tolist()} of {self.num_envs} battles")
        if rows is None:
            rows = np.arange(self.num_envs)
            self.world.health[len(seeds) :] = 0.0
        elif len(rows) != len(seeds):
            raise ValueError(f"got {len(seeds)} seeds for {len(rows)} rows")
        seeds = np.ascontiguousarray(seeds, dtype=np.uint64)
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        begun = rows[: len(seeds)]
        for e, drawn in zip(begun, self.spawner.spawn(self.world, seeds, begun), strict=False):
            self.traits.attack_probability[e] = drawn.attack_probability
            self.traits.health_level[e] = drawn.health_level
            self.traits.enemy_mask[e] = drawn.enemy_mask
        reset_rows(self.rules, self._arrays, self.record, rows, seeds)

    def step(self, actions: NDArray[np.int64], ignores_mask: bool = False) -> None:
        """Advance all running battles by one step. actions: [E,A]; illegal ones are refused.

        ignores_mask: actions outside the mask are ordered too and none fails, as with SMAC's
        scripted agents; only numbers that are no action are refused.
        """
        self._require_whole(actions, self._actions.shape)
        self._actions[:] = actions
        self._ignores_mask[0] = ignores_mask
        illegal = self._step_shared() if self.parallel else self._step_all()
        if illegal != ALL_LEGAL:
            e, agent = divmod(illegal, self.rules.layout.n_agents)
            self._refuse(e, agent, self._actions[e])

    def loops(
        self, e: int, actions: NDArray[np.int64], ignores_mask: bool = False
    ) -> Iterator[tuple[int, Units]]:
        """The next step of running battle e on a copy: its clock and units [N] after each loop.

        Actions [A] are checked as by `step`, before the first loop; the battle itself stays as it
        is. The units are views that the next loop overwrites.
        """
        self._require_whole(actions, self._actions.shape[1:])
        own = np.array(actions, dtype=np.int64)
        illegal = first_illegal_of(self.record, e, own, ignores_mask)
        if illegal != ALL_LEGAL:
            self._refuse(e, illegal, own)
        copy = reference(_one_battle(self._arrays, e))
        copy.ignores_mask[0] = ignores_mask
        return self._loops(copy, own)

    def _loops(self, copy: BattleArrays, actions: NDArray[np.int64]) -> Iterator[tuple[int, Units]]:
        for n in range(self.rules.step_mul):
            rehearse(self.rules, copy, actions, n)
            yield int(copy.clock[0, 0]), copy.units[0]

    def _require_whole(self, actions: NDArray[np.int64], shape: tuple[int, ...]) -> None:
        """Refuse what is no array of whole numbers of this shape."""
        if actions.shape != shape:
            raise ValueError(f"actions have shape {actions.shape}, need {shape}")
        if actions.dtype.kind not in "iu":
            raise ValueError(f"actions are {actions.dtype}, need whole numbers")

    def _refuse(self, e: int, agent: int, actions: NDArray[np.int64]) -> NoReturn:
        """Raise an EnvError for an agent's action. actions: [A] of battle e."""
        legal = np.flatnonzero(self.record.avail[e, agent]).tolist()
        raise EnvError(
            f"environment {e}, agent {agent}: action {actions[agent]} is not "
            f"available; available: {legal}"
        )

    def _step_shared(self) -> int:
        """One step on all threads, with the results of `step_all`."""
        illegal: int = self._open()
        if illegal == ALL_LEGAL:
            self._team.wake()
            self._share()
        return illegal

    def close(self) -> None:
        """End the worker threads; the arrays stay readable."""
        self._team.close()


def make_rules(scenario: Scenario, types: UnitTypes, options: Options, choices: Choices) -> Rules:
    """The constants of a battle of `scenario`. types: those of scenario.unit_names."""
    paths = make_paths(scenario.walkable, tuple(group.at for group in scenario.groups))
    return reference(
        Rules(
            field=make_field(types.table, scenario.walkable, choices.record(), paths),
            enemy_script=make_enemy_script(scenario.enemy_order, scenario.attack_between),
            layout=make_layout(scenario, types, options),
            reward=make_reward_rules(scenario, types, options),
            step_mul=options.step_mul,
            kill_step_mul=kill_step_mul(options),
        )
    )


def _one_battle(arrays: BattleArrays, e: int) -> BattleArrays:
    """Copies of battle e's arrays, those of E = 1."""
    row = slice(e, e + 1)
    return BattleArrays(
        units=arrays.units[row].copy(),
        rng=arrays.rng[row].copy(),
        clock=arrays.clock[row].copy(),
        traits=Traits._make(array[row].copy() for array in arrays.traits),
        memory=Memory._make(array[row].copy() for array in arrays.memory),
        scratch=arrays.scratch[row].copy(),
        ignores_mask=arrays.ignores_mask.copy(),
    )


def _empty_record(num_envs: int, rules: Rules) -> Record:
    layout = rules.layout
    agents = (num_envs, layout.n_agents)
    record = Record(
        obs=np.zeros((*agents, layout.obs_dim), dtype=np.float32),
        state=np.zeros((num_envs, layout.state_dim), dtype=np.float32),
        avail=np.zeros((*agents, layout.n_actions), dtype=np.bool_),
        reward=np.zeros(num_envs, dtype=np.float32),
        terminated=np.ones(num_envs, dtype=np.bool_),
        truncated=np.zeros(num_envs, dtype=np.bool_),
        battle_won=np.zeros(num_envs, dtype=np.float32),
        dead_allies=np.zeros(num_envs, dtype=np.float32),
        dead_enemies=np.zeros(num_envs, dtype=np.float32),
        steps=np.zeros(num_envs, dtype=np.int64),
        last_actions=np.full(agents, -1, dtype=np.int64),
        vitality=np.zeros((num_envs, layout.n_agents + layout.n_enemies)),
    )
    record.avail[:, :, ACTION_NO_OP] = True
    return record

"""A camera: films a battle loop by loop while it is stepped.

A step of the engine is one call of many game loops. Before it, the camera runs the same loops on a
copy of the battle, one by one; after it, copy and battle must be the same, or the film would show
something else than what was played.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marl.engine.battle import Battles
from marl.engine.combat import loop
from marl.engine.facts.units import load_unit_types
from marl.engine.smac.actions import apply_actions, kill_marked, mark_weak
from marl.engine.smac.layout import ClientUnits, Traits
from marl.engine.smac.visibility import Memory
from marl.engine.world import NO_UNIT
from marl.replay.film import Facts, Film, Recorder


class Camera:
    """Films one battle of `battles`, just reset. every: loops between two frames."""

    def __init__(
        self, battles: Battles, e: int, seed: int, facts: Facts | None = None, every: int = 1
    ) -> None:
        scenario, rules = battles.scenario, battles.rules
        types = load_unit_types(scenario.unit_names)
        self.battles, self.e, self.every = battles, e, every
        about = {**(facts or {}), "first_target": int(rules.layout.first_target)}
        own_sight = scenario.deploy is not None
        self.recorder = Recorder.of_scenario(
            scenario, types, seed, rules.step_mul, own_sight, about
        )
        self.actions: list[NDArray[np.int64]] = []
        self.rewards: list[float] = []
        self.recorder.frame(0, battles.world.units[e])

    def step(self, actions: NDArray[np.int64], trusted: bool, advance: Callable[[], None]) -> None:
        """Film one step of the battle, which `advance` takes. actions: [A]."""
        battles, e = self.battles, self.e
        units, clock = self._rehearse(actions, trusted)
        advance()
        if units.tobytes() != battles.world.units[e].tobytes():
            raise AssertionError("the loops one by one came to something else than the step")
        if clock % self.every:  # the step's end is always seen
            self.recorder.frame(clock, units)
        self.actions.append(np.array(actions))
        self.rewards.append(float(battles.record.reward[e]))

    def finish(self, outcome: Facts) -> Film:
        """The film, with each step's reward [steps] and actions [steps,A]."""
        n_agents = self.battles.rules.layout.n_agents
        actions = np.array(self.actions, dtype=np.int64).reshape(-1, n_agents)
        channels = {"reward": np.array(self.rewards), "action": actions}
        return self.recorder.finish(outcome).with_channels(channels)

    def _rehearse(self, actions: NDArray[np.int64], trusted: bool) -> tuple[NDArray, int]:
        """Run the step's loops on a copy of the battle; the units after it, and the clock."""
        battles, e = self.battles, self.e
        rules, world = battles.rules, battles.world
        layout, last = rules.layout, rules.kill_step_mul
        units, random = world.units[e].copy(), world.rng[e].copy()
        clock = world.clock[e].copy()
        traits = Traits(*(array[e].copy() for array in battles.traits))
        client_units = _client_units(units, traits)
        memory = Memory(*(array[e].copy() for array in battles.memory))
        scratch = np.full(layout.n_agents, NO_UNIT, dtype=np.int64)
        apply_actions(
            rules.field, layout, client_units, memory, units, random, actions, trusted, scratch
        )
        if last > 0:
            mark_weak(layout, client_units, scratch)
        for done in range(rules.step_mul):
            if last > 0 and done == rules.step_mul - last:
                kill_marked(rules.field, units, scratch)
            loop.run_loops(rules.field, rules.wave, units, random, clock, 1)
            if clock[0] % self.every == 0:
                self.recorder.frame(int(clock[0]), units)
        return units, int(clock[0])


def _client_units(units: NDArray, traits: Traits) -> ClientUnits:
    """One battle's units [N] as the client reads them."""
    names = ClientUnits._fields[: len(ClientUnits._fields) - len(traits)]
    return ClientUnits(*(units[name] for name in names), *traits)  # type: ignore[call-arg]

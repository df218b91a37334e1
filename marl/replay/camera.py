"""Camera: films a battle loop by loop while it is stepped.

A step of the engine is one call for many game loops. Before each step the camera has the battles
run the same step on a copy, one loop at a time; after it, it checks that copy and battle are the
same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marl.engine.battle import Battles
from marl.engine.facts.units import load_unit_types
from marl.replay.film import Film, Metadata, Recorder


class Camera:
    """Films one battle of `battles`, just reset. every: loops between two frames."""

    def __init__(
        self, battles: Battles, e: int, seed: int, facts: Metadata | None = None, every: int = 1
    ) -> None:
        scenario, rules = battles.scenario, battles.rules
        types = load_unit_types(scenario.unit_names)
        self.battles, self.e, self.every = battles, e, every
        metadata = {**(facts or {}), "first_target": int(rules.layout.first_target)}
        own_sight = scenario.deploy is not None
        self.recorder = Recorder.of_scenario(
            scenario, types, seed, rules.step_mul, own_sight, metadata
        )
        self.actions: list[NDArray[np.int64]] = []
        self.rewards: list[float] = []
        self.recorder.frame(0, battles.world.units[e])

    def step(
        self, actions: NDArray[np.int64], ignores_mask: bool, advance: Callable[[], None]
    ) -> None:
        """Film one step of the battle; `advance` takes it. actions: [A]."""
        battles, e = self.battles, self.e
        units, clock = self._rehearse(actions, ignores_mask)
        advance()
        if units.tobytes() != battles.world.units[e].tobytes():
            raise AssertionError("the loops one by one gave another battle than the step")
        if clock % self.every:  # the end of a step is always filmed
            self.recorder.frame(clock, units)
        self.actions.append(np.array(actions))
        self.rewards.append(float(battles.record.reward[e]))

    def finish(self, outcome: Metadata) -> Film:
        """The film, with each step's reward [steps] and actions [steps,A]."""
        n_agents = self.battles.rules.layout.n_agents
        actions = np.array(self.actions, dtype=np.int64).reshape(-1, n_agents)
        channels = {"reward": np.array(self.rewards), "action": actions}
        return self.recorder.finish(outcome).with_channels(channels)

    def _rehearse(
        self, actions: NDArray[np.int64], ignores_mask: bool
    ) -> tuple[NDArray[np.record], int]:
        """Film the step on a copy of the battle, loop by loop; gives its units [N] and clock."""
        clock, units = 0, self.battles.world.units[self.e]
        for clock, units in self.battles.loops(self.e, actions, ignores_mask):
            if clock % self.every == 0:
                self.recorder.frame(clock, units)
        return units, clock

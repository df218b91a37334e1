"""Value iteration: the best play of an environment whose rules are known as tables (Bellman 1957).

    V(x) <- max_a R(x, a) + discount * sum_x' P(x' | x, a) V(x'),  until no value changes by more
            than the tolerance; V of a terminal state is 0
    play argmax_a of the same, the first of equal ones

Where there are several agents, a is their joint action: they play as one. Time limits are no part
of the tables, so near one the play may not be the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols.environments import Step, Table, TableModel, VecEnv
from marl.scripted.players import PlayerConfig


@dataclass(frozen=True)
class ValueIterationConfig(PlayerConfig):
    """Solves the environment's tables before the first episode, and plays greedily."""

    discount: float = option(0.99, low=0.0, high=1.0)  # 1: only where every play ends
    tolerance: float = option(0.000001, above=0.0)  # of the values' last change
    max_sweeps: int = option(10_000, low=1)  # updates of all values

    def build(self, env: VecEnv) -> TablePlayer:
        if not isinstance(env, TableModel):
            raise ConfigError(
                f"--config=value_iteration: plans with tables, and {env.spec.name} has none; "
                "choose --env-config=two_step, matrix, or gymnasium with env_id=FrozenLake-v1"
            )
        table = env.table()
        solution = solve(table, self.discount, self.tolerance, self.max_sweeps)
        return TablePlayer(env, env, table.actions[solution.best])


class Solution(NamedTuple):
    """The best play from each state on."""

    values: NDArray[np.float64]  # [X]
    best: NDArray[np.int64]  # [X], joint actions 0..J-1


def solve(table: Table, discount: float, tolerance: float, max_sweeps: int) -> Solution:
    """The values and the best actions; ConfigError where the values do not settle."""
    values, change = np.zeros(len(table.terminal)), np.inf
    for _ in range(max_sweeps):
        action_values = table.reward + discount * table.transition @ values  # [X,J]
        updated = np.where(table.terminal, 0.0, action_values.max(1))
        change, values = float(np.abs(updated - values).max()), updated
        if change <= tolerance:
            return Solution(values, action_values.argmax(1))
    raise ConfigError(
        f"max_sweeps: after {max_sweeps} sweeps values still change by {change:.3g}, more than the "
        f"tolerance of {tolerance:g}; raise it, or lower discount={discount:g}"
    )


class TablePlayer:
    """Plays one joint action for each state of the tables."""

    def __init__(self, env: VecEnv, model: TableModel, actions: NDArray[np.int64]) -> None:
        """model: the tables' side of `env`; actions: [X,A]."""
        self.env, self.model, self.actions = env, model, actions

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i from seeds[i]."""
        self.env.reset(seeds)

    def step(self) -> Step:
        """One step of all running episodes."""
        return self.env.step(self.actions[self.model.table_state()])

"""Cooperative games written as tables, small enough that the best play is known.

One-step matrix games, and the two-step game of QMIX. Every agent sees the same thing: which table
is being played. The outcome `optimal` says whether the episode earned the most that can be earned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from marl.envs.acting import whole_actions
from marl.envs.running import rows_to_start
from marl.protocols.environments import Observation, Step, Table
from marl.spec import Discrete, EnvSpec

END = -1  # successor of a joint action after which nothing follows

Payoff = tuple[tuple[float, ...], ...]

PAYOFFS: dict[str, Payoff] = {
    # Claus & Boutilier 1998: the best cell is guarded by the worst ones.
    "climbing": ((11.0, -30.0, 0.0), (-30.0, 7.0, 6.0), (0.0, 0.0, 5.0)),
    # Claus & Boutilier 1998 with k = -100: two best cells, a penalty for choosing different ones.
    "penalty": ((10.0, 0.0, -100.0), (0.0, 2.0, 0.0), (-100.0, 0.0, 10.0)),
    # Rashid et al. 2018, state 2B: monotone but not a sum, so QMIX represents it and VDN does not.
    "monotonic": ((0.0, 1.0), (1.0, 8.0)),
    # Son et al. 2019 (QTRAN), table 1: not monotone, so QMIX cannot represent it.
    "nonmonotonic": ((8.0, -12.0, -12.0), (-12.0, 0.0, 0.0), (-12.0, 0.0, 0.0)),
}


@dataclass(frozen=True)
class MatrixConfig:
    """A one-step game of two agents: both choose, the table pays both, the episode ends."""

    kind: ClassVar[str] = "matrix"
    game: Literal["climbing", "penalty", "monotonic", "nonmonotonic", "own"] = "climbing"
    payoff: Payoff = ()  # [U,U], row: agent 0, column: agent 1; only with game=own

    def __post_init__(self) -> None:
        if (self.game == "own") != bool(self.payoff):
            raise ValueError("a payoff belongs to game=own, and game=own needs one")
        if any(len(row) != len(self.payoff) for row in self.payoff):
            raise ValueError("payoff: needs as many numbers in each row as it has rows")

    def build(self, num_envs: int, threads: int) -> TableGame:
        payoff = np.array([self.payoff or PAYOFFS[self.game]])  # [1,U,U]
        return TableGame(f"matrix/{self.game}", payoff, np.full(payoff.shape, END), num_envs)


@dataclass(frozen=True)
class TwoStepConfig:
    """QMIX's two-step game (Rashid et al. 2018, section 6.1): agent 0 first chooses the table.

    Table 2A pays 7 for any play; table 2B pays 8, but only if both dare.
    """

    kind: ClassVar[str] = "two_step"

    def build(self, num_envs: int, threads: int) -> TableGame:
        choose, sure, dare = np.zeros((2, 2)), np.full((2, 2), 7.0), PAYOFFS["monotonic"]
        payoff = np.array([choose, sure, dare])  # [X=3,U,U]
        successor = np.full((3, 2, 2), END)
        successor[0, 0, :], successor[0, 1, :] = 1, 2
        return TableGame("two_step/qmix", payoff, successor, num_envs)


class TableGame:
    """E games in lock-step, from table 0 on. Nothing is random, so seeds change nothing.

    payoff: [X,U,...,U], a table per node, an axis per agent.
    successor: the same shape, the table played next (a later one), or END.
    """

    def __init__(
        self, name: str, payoff: NDArray[np.float64], successor: NDArray[np.int64], num_envs: int
    ) -> None:
        n_tables, n_actions, n_agents = *payoff.shape[:2], payoff.ndim - 1
        best, longest = best_return(payoff, successor), longest_play(successor)
        self.num_envs = num_envs
        self.spec = EnvSpec(name, n_agents, Discrete(n_actions), n_tables, n_tables, longest)
        self._payoff, self._successor, self._best = payoff, successor, best
        self._tables = np.vstack([np.eye(n_tables), np.zeros(n_tables)])  # row END is all zero
        self._table = np.zeros(num_envs, dtype=np.int64)  # [E]
        self._running = np.zeros(num_envs, dtype=np.bool_)  # [E]
        self._returns = np.zeros(num_envs)  # [E]
        self._avail = np.ones((num_envs, n_agents, n_actions), dtype=np.bool_)  # [E,A,U]

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        rows = rows_to_start(self._running, seeds, rows)
        self._table[rows] = 0
        self._returns[rows] = 0.0

    def observe(self) -> Observation:
        state = self._tables[self._table].astype(np.float32)  # [E,S]
        obs = np.repeat(state[:, None], self.spec.n_agents, axis=1)  # [E,A,O]
        return Observation(obs, state, self._avail)

    def step(self, actions: NDArray[np.int64]) -> Step:
        was_running = self._running.copy()
        _, n_agents, n_actions = self._avail.shape
        joint = whole_actions(actions, (self.num_envs, n_agents), n_actions, was_running)
        cell = (self._table, *joint.T)  # indices [E] into the tables
        reward = np.where(was_running, self._payoff[cell], 0.0)  # [E]
        self._table = np.where(was_running, self._successor[cell], self._table)
        self._returns += reward
        self._running &= self._table != END
        terminated = was_running & ~self._running
        return Step(reward.astype(np.float32), terminated, np.zeros_like(terminated))

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """optimal: 1 where the game is over and nothing could have earned more."""
        return {"optimal": (~self._running & (self._returns >= self._best)).astype(np.float32)}

    def table(self) -> Table:
        """The game; its last state is the end."""
        n_tables, n_actions, n_agents = len(self._payoff), self.spec.n_actions, self.spec.n_agents
        actions = np.indices((n_actions,) * n_agents).reshape(n_agents, -1).T  # [J,A]
        cells = n_tables, len(actions)
        successor = np.full((n_tables + 1, len(actions)), n_tables)  # [X,J]
        successor[:-1] = np.where(self._successor == END, n_tables, self._successor).reshape(cells)
        reward = np.zeros(successor.shape)
        reward[:-1] = self._payoff.reshape(cells)
        states = np.eye(n_tables + 1)
        return Table(actions, states[successor], reward, states[-1] == 1.0, states[0])

    def table_state(self) -> NDArray[np.int64]:
        return np.where(self._table == END, len(self._payoff), self._table)

    def close(self) -> None:
        """Holds nothing."""


def best_return(payoff: NDArray[np.float64], successor: NDArray[np.int64]) -> float:
    """Return of the best play from table 0, by going through the tables backwards."""
    best = np.zeros(len(payoff) + 1)  # [X+1], the last for END: index -1
    for table in reversed(range(len(payoff))):
        best[table] = (payoff[table] + best[successor[table]]).max()
    return float(best[0])


def longest_play(successor: NDArray[np.int64]) -> int:
    """Most steps that a play from table 0 can take."""
    steps = np.zeros(len(successor) + 1, dtype=np.int64)  # [X+1], the last for END: index -1
    for table in reversed(range(len(successor))):
        steps[table] = 1 + steps[successor[table]].max()
    return int(steps[0])

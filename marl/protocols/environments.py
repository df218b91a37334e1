"""Environments, and the scripted players that know their true facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl.spec import EnvSpec, Goals


class Observation(NamedTuple):
    """The environments' current observation; views that the next call overwrites."""

    obs: NDArray[np.float32]  # [E,A,O]
    state: NDArray[np.float32]  # [E,S]
    avail: NDArray[np.bool_] | None  # [E,A,U]; None where actions are continuous
    goal: NDArray[np.float32] | None = None  # [E,G]; None where there are no goals
    achieved_goal: NDArray[np.float32] | None = None  # [E,G], likewise

    @property
    def mask(self) -> NDArray[np.bool_]:
        """avail, of discrete actions alone."""
        assert self.avail is not None
        return self.avail


class Step(NamedTuple):
    """Results of the last joint action; views that the next call overwrites."""

    reward: NDArray[np.float32]  # [E]
    terminated: NDArray[np.bool_]  # [E], nothing follows
    truncated: NDArray[np.bool_]  # [E], cut off by a limit: the value of what follows still counts


class VecEnv(Protocol):
    """E environments in lock-step, one episode each per `reset`.

    An episode is a function of its seed and the actions, whatever E and the thread count are:
    nothing random lives on from one episode to the next. An environment whose episode is over
    ignores its actions, keeps its last observation, and reports reward 0 until the next reset.
    """

    spec: EnvSpec
    num_envs: int

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        """Start an episode from seeds[i] in environment rows[i]; the others go on untouched.

        Without rows: in environment i; environments from len(seeds) on stay idle (ended).
        """

    def observe(self) -> Observation:
        """The current observation of all E environments."""

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance all running environments by one step.

        actions: [E,A] int64, or [E,A,D] float32 of continuous ones, clipped to their bounds.
        """

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """Named results [E] of the episodes so far, e.g. battle_won; final once they ended."""

    def close(self) -> None:
        """Free what the environments hold."""


@runtime_checkable
class Breakable(Protocol):
    """A VecEnv whose episodes may break off for no reason of their own.

    For example because a process of the environment's crashed. Such an episode ends as truncated.
    Whoever collects episodes must drop it: nothing is learnt from it, and no mean counts it.
    """

    def broken(self) -> NDArray[np.bool_]:
        """The episodes since their last reset that broke off, [E]."""

    def incidents(self) -> dict[str, float]:
        """Counts of failures since the start, by name of the metric."""


@runtime_checkable
class RemarkingEnv(Protocol):
    """A VecEnv that may mean something else than its user expects."""

    def remark(self) -> str:
        """What it means, in one line; "" where that is as expected."""


@runtime_checkable
class GoalEnv(Goals, Protocol):
    """A VecEnv whose episodes have goals: vectors of `spec.goal_dim` numbers, `spec.goals` itself.

    Its observations have `goal` and `achieved_goal`, and each agent's obs and the state end with
    the goal. A step is paid `reward(achieved_goal, goal)`, of the observation after it, and where
    `terminated` of the two is true the episode is over (it may end for other reasons too).
    """


@runtime_checkable
class FilmedEnv(VecEnv, Protocol):
    """A VecEnv of one environment that can be looked at."""

    @property
    def pictures_per_second(self) -> float:
        """Steps in a second of the environment's own time."""

    def picture(self) -> NDArray[np.uint8]:
        """The environment as it is now, [height,width,3]."""


@dataclass(frozen=True)
class Table:
    """A finite environment written down: X states, J joint actions, each legal in every state.

    Time limits are not in it.
    """

    actions: NDArray[np.int64]  # [J,A]
    transition: NDArray[np.float64]  # [X,J,X], probability of the next state
    reward: NDArray[np.float64]  # [X,J], the mean
    terminal: NDArray[np.bool_]  # [X], nothing follows: every action stays there and pays 0
    start: NDArray[np.float64]  # [X], probability of the first state


@runtime_checkable
class TableModel(Protocol):
    """A VecEnv whose rules are tables, for planners."""

    def table(self) -> Table:
        """The rules, those of all E environments."""

    def table_state(self) -> NDArray[np.int64]:
        """Number of the state that each environment is in, [E]; terminal where its rules ended."""


class EnvConfig(Protocol):
    """An environment's options, a frozen dataclass, and how to make E copies of it."""

    kind: ClassVar[str]

    def build(self, num_envs: int, threads: int) -> VecEnv: ...


@runtime_checkable
class FilmedConfig(EnvConfig, Protocol):
    """Options of an environment that can be looked at, for videos of a policy."""

    def build_filmed(self) -> FilmedEnv: ...


class Player(Protocol):
    """Plays one environment by a script: it has nothing to learn and needs no observations.

    What it does in an episode follows from the episode's seed alone, whatever E is.
    """

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i of its environment from seeds[i]."""

    def step(self) -> Step:
        """Order all agents and advance all running episodes by one step."""

"""Small tasks with a goal that each episode draws: a point to reach, a row of bits to flip.

A step pays 0 where the goal is achieved and -1 elsewhere, so an agent that never meets its goal
sees one reward alone. The outcome `success` says whether the last step achieved it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from marl.config.schema import option
from marl.envs.acting import finite_actions, whole_actions
from marl.envs.running import rows_to_start
from marl.envs.skills import with_skills
from marl.protocols.environments import Observation, Step, VecEnv
from marl.spec import Action, Continuous, Discrete, EnvSpec

DAMPING = np.float32(0.8)  # share of the velocity that a step keeps
THRUST = np.float32(0.02)  # velocity that a full action adds; at most 0.1 per step in the long run


@dataclass(frozen=True)
class PointGoalConfig:
    """A point mass in the square [-1,1]^2, pushed from its middle to a drawn place."""

    kind: ClassVar[str] = "point_goal"
    goal_radius: float = option(0.05, above=0.0)  # distance at which the goal is achieved
    time_limit: int = option(50, low=1, high=10**6)  # steps
    ends_at_goal: bool = False  # False: the point is to stay there until the time is up
    skills: int = option(0, low=0, high=1024)  # shown as a one-hot before the goal; 0: none

    def build(self, num_envs: int, threads: int) -> VecEnv:
        return with_skills(PointGoal(self, num_envs), self.skills)


@dataclass(frozen=True)
class BitFlipConfig:
    """A row of bits and a drawn pattern: an action flips one bit, for as many steps as bits.

    Source: Andrychowicz et al. 2017 (arXiv:1707.01495), section 3.1; plain DQN fails from some 13
    bits on there. The episode ends at the goal, where any action would leave it again.
    """

    kind: ClassVar[str] = "bit_flip"
    bits: int = option(8, low=1, high=1024)

    def build(self, num_envs: int, threads: int) -> BitFlip:
        return BitFlip(self.bits, num_envs)


class GoalTask:
    """E episodes of one agent, in lock-step.

    What the agent observes is its own numbers, among them what is achieved, and the goal.
    """

    def __init__(
        self,
        name: str,
        action: Action,
        own: int,
        goal_dim: int,
        limit: int,
        num_envs: int,
        achieved_at: int = 0,
    ) -> None:
        """own: numbers of an observation without the goal; limit: steps of an episode.

        achieved_at: the first of the own numbers that say what is achieved.
        """
        size = own + goal_dim
        self.num_envs = num_envs
        self.spec = EnvSpec(name, 1, action, size, size, limit, goal_dim=goal_dim, goals=self)
        self._shown = np.zeros((num_envs, size), dtype=np.float32)  # [E,O]
        self._own, self._goal = self._shown[:, :own], self._shown[:, own:]  # views
        self._achieved = self._own[:, achieved_at : achieved_at + goal_dim]
        self._avail: NDArray[np.bool_] | None = None
        if isinstance(action, Discrete):
            self._avail = np.ones((num_envs, 1, action.n), dtype=np.bool_)  # [E,1,U]
        self._steps = np.zeros(num_envs, dtype=np.int64)  # [E]
        self._running = np.zeros(num_envs, dtype=np.bool_)  # [E]
        self._success = np.zeros(num_envs, dtype=np.float32)  # [E]

    def begin(self, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        """Draw the agent's own numbers at the start of an episode, and the goal [G]."""
        raise NotImplementedError

    def moved(self, own: NDArray[np.float32], actions: NDArray[Any]) -> NDArray[np.float32]:
        """The agents' own numbers after an action, [E,...]. actions: [E] or [E,D]."""
        raise NotImplementedError

    def achieves(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Whether this achieves that goal, [...,G] each -> bool [...]."""
        raise NotImplementedError

    def reward(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """0 where the goal is achieved, -1 elsewhere."""
        return np.where(self.achieves(achieved, goal), np.float32(0), np.float32(-1))

    def terminated(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Whether the goal is achieved."""
        return self.achieves(achieved, goal)

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        rows = rows_to_start(self._running, seeds, rows)
        self._steps[rows] = 0
        self._success[rows] = 0.0
        for row, seed in zip(rows.tolist(), seeds, strict=True):
            self._own[row], self._goal[row] = self.begin(np.random.default_rng(int(seed)))

    def observe(self) -> Observation:
        obs = self._shown[:, None]  # [E,1,O]
        return Observation(obs, self._shown, self._avail, self._goal, self._achieved)

    def step(self, actions: NDArray[Any]) -> Step:
        running = self._running.copy()
        if isinstance(self.spec.action, Discrete):
            actions = whole_actions(actions, (self.num_envs, 1), self.spec.action.n, running)
        else:
            shape = (self.num_envs, 1, self.spec.action.dim)
            actions = finite_actions(actions, shape, running)
        self._own[running] = self.moved(self._own, actions[:, 0])[running]
        self._steps += running
        achieved, goal = self._achieved, self._goal
        reward = np.where(running, self.reward(achieved, goal), np.float32(0))  # [E]
        terminated = running & self.terminated(achieved, goal)
        truncated = running & ~terminated & (self._steps == self.spec.episode_limit)
        self._success = np.where(running, self.achieves(achieved, goal), self._success)
        self._running &= ~(terminated | truncated)
        return Step(reward.astype(np.float32), terminated, truncated)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """success: 1 where the last step achieved the goal."""
        return {"success": self._success.astype(np.float32)}

    def close(self) -> None:
        """Holds nothing."""


class PointGoal(GoalTask):
    """Position and velocity, both [2]; walls stop the point. The goal is a position."""

    def __init__(self, config: PointGoalConfig, num_envs: int) -> None:
        push = Continuous(low=(-1.0, -1.0), high=(1.0, 1.0))
        super().__init__("point_goal/square", push, 4, 2, config.time_limit, num_envs)
        self.push, self.config = push, config

    def begin(self, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.zeros(4), rng.uniform(-1.0, 1.0, 2)

    def moved(self, own: NDArray[np.float32], actions: NDArray[Any]) -> NDArray[np.float32]:
        velocity = DAMPING * own[:, 2:] + THRUST * self.push.clip(actions)  # [E,2]
        free = own[:, :2] + velocity
        position = np.clip(free, np.float32(-1), np.float32(1))
        return np.concatenate([position, np.where(position == free, velocity, 0)], axis=1)

    def achieves(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        return np.linalg.norm(achieved - goal, axis=-1) <= self.config.goal_radius

    def terminated(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Whether the goal is achieved, if that ends episodes."""
        return self.achieves(achieved, goal) & self.config.ends_at_goal


class BitFlip(GoalTask):
    """Bits as 0 and 1; action i flips bit i. The goal is another pattern than the first."""

    def __init__(self, bits: int, num_envs: int) -> None:
        super().__init__(f"bit_flip/{bits}", Discrete(bits), bits, bits, bits, num_envs)

    def begin(self, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        first, different = rng.integers(0, 2, (2, self.spec.goal_dim))
        if not different.any():
            different[rng.integers(len(different))] = 1
        return first, first ^ different

    def moved(self, own: NDArray[np.float32], actions: NDArray[Any]) -> NDArray[np.float32]:
        flipped = np.eye(own.shape[1], dtype=np.float32)[actions]  # [E,bits]
        return np.abs(own - flipped)

    def achieves(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        return (achieved == goal).all(-1)

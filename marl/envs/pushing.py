"""A point mass that pushes a puck about a square: surroundings that the agent can move.

The point moves as in `point_goal`. Where it comes nearer to the puck than both are wide, the puck
gives way along the line between their middles, and stays where it is left; a wall stops it, and
with it the point. The goal is a place for the puck. The outcome `object_displacement` is how far
the puck lies from where it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from marl.config.schema import option
from marl.envs.goals import DAMPING, THRUST, GoalTask
from marl.envs.skills import with_skills
from marl.protocols.environments import VecEnv
from marl.spec import Continuous

CONTACT = np.float32(0.1)  # distance of the middles at which point and puck touch
NEAREST, FARTHEST = 0.15, 0.4  # of the puck's first place from the point's, the middle
EDGE = np.float32(1.0) - CONTACT  # the puck's middle stays within, so that the point fits behind it


@dataclass(frozen=True)
class PointPushConfig:
    """A puck to push to a drawn place of the square [-0.9,0.9]^2, from near the middle."""

    kind: ClassVar[str] = "point_push"
    goal_radius: float = option(0.1, above=0.0)  # distance at which the goal is achieved
    time_limit: int = option(50, low=1, high=10**6)  # steps
    skills: int = option(0, low=0, high=1024)  # shown as a one-hot before the goal; 0: none

    def build(self, num_envs: int, threads: int) -> VecEnv:
        return with_skills(PointPush(self, num_envs), self.skills)


class PointPush(GoalTask):
    """Own numbers: the point's position, the puck's, and the point's velocity, [2] each."""

    def __init__(self, config: PointPushConfig, num_envs: int) -> None:
        push = Continuous(low=(-1.0, -1.0), high=(1.0, 1.0))
        limit = config.time_limit
        super().__init__("point_push/square", push, 6, 2, limit, num_envs, achieved_at=2)
        self.push, self.config = push, config
        self._first = np.zeros((num_envs, 2), dtype=np.float32)  # the puck's first places, [E,2]

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        super().reset(seeds, rows)
        started = np.arange(len(seeds)) if rows is None else rows
        self._first[started] = self._achieved[started]

    def begin(self, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        angle, distance = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(NEAREST, FARTHEST)
        puck = distance * np.array([np.cos(angle), np.sin(angle)])
        return np.concatenate([np.zeros(2), puck, np.zeros(2)]), rng.uniform(-EDGE, EDGE, 2)

    def moved(self, own: NDArray[np.float32], actions: NDArray[Any]) -> NDArray[np.float32]:
        velocity = DAMPING * own[:, 4:] + THRUST * self.push.clip(actions)  # [E,2]
        free = own[:, :2] + velocity
        point = np.clip(free, np.float32(-1), np.float32(1))
        puck = np.clip(_pushed(own[:, 2:4], point, own[:, :2]), -EDGE, EDGE)
        point = _pushed(point, puck, own[:, :2])
        velocity = np.where(point == free, velocity, np.float32(0))
        return np.concatenate([point, puck, velocity], axis=1)

    def achieves(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        return np.linalg.norm(achieved - goal, axis=-1) <= self.config.goal_radius

    def terminated(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Never: the puck is to stay there until the time is up."""
        return np.zeros(achieved.shape[:-1], dtype=np.bool_)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """success: 1 where the last step achieved the goal; object_displacement: of the puck."""
        away = np.linalg.norm(self._achieved - self._first, axis=-1)
        return {**super().outcomes(), "object_displacement": away.astype(np.float32)}


def _pushed(
    body: NDArray[np.float32], by: NDArray[np.float32], came_from: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Places [E,2] of bodies that others push away where these are nearer than CONTACT.

    Along the line between the two; where they coincide, along the way the pusher came.
    """
    apart = body - by
    distance = np.linalg.norm(apart, axis=-1, keepdims=True)
    way = by - came_from
    apart = np.where(distance > 1e-6, apart, way)
    length = np.linalg.norm(apart, axis=-1, keepdims=True)
    unit = apart / np.maximum(length, np.float32(1e-6))
    return np.where(distance < CONTACT, by + CONTACT * unit, body).astype(np.float32)

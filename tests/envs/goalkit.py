"""Gymnasium environments with goals, in the way of gymnasium-robotics, for tests."""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces

LINE = "marl-test/Line-v0"  # as registered by this module


class Line(gymnasium.Env):
    """A walk on whole numbers towards a drawn one; ends there, or at the edge of the world."""

    action_space = spaces.Discrete(3, start=-1)  # step left, stay, step right
    observation_space = spaces.Dict(
        observation=spaces.Box(-9, 9, (2,), np.float64),
        achieved_goal=spaces.Box(-9, 9, (1,), np.float64),
        desired_goal=spaces.Box(-9, 9, (1,), np.float64),
    )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal = 0.0, float(self.np_random.choice([-3, -2, 2, 3]))
        return self._seen(), {}

    def _seen(self):
        return {
            "observation": np.array([self.place, abs(self.place)]),
            "achieved_goal": np.array([self.place]),
            "desired_goal": np.array([self.goal]),
        }

    def step(self, action):
        self.place += action
        seen = self._seen()
        goals = seen["achieved_goal"], seen["desired_goal"]
        reached = self.compute_terminated(*goals, {})
        over = reached or abs(self.place) == 5
        return seen, self.compute_reward(*goals, {}), over, False, {"is_success": reached}

    def compute_reward(self, achieved, desired, info):
        return -(np.abs(achieved - desired) > 0.5).astype(np.float64).sum(-1)

    def compute_terminated(self, achieved, desired, info):
        return bool(np.abs(achieved - desired) <= 0.5)  # as in PointMaze: of one goal alone


class OneByOne(Line):
    """Its reward is of one goal alone."""

    def compute_reward(self, achieved, desired, info):
        return -float(np.abs(achieved - desired).max() > 0.5)


class Worthless(gymnasium.Env):
    """Goals, and nothing that says what they are worth."""

    action_space, observation_space = Line.action_space, Line.observation_space


class Camera(gymnasium.Env):
    """A dictionary of other things."""

    action_space = Line.action_space
    observation_space = spaces.Dict(camera=spaces.Box(0, 1, (2,)), observation=spaces.Box(0, 1))


class Unlike(Line):
    """What is achieved is no goal."""

    observation_space = spaces.Dict(
        Line.observation_space.spaces | {"achieved_goal": spaces.Box(-9, 9, (2,))}
    )


for kind, env_id in {
    Line: LINE,
    OneByOne: "marl-test/OneByOne-v0",
    Worthless: "marl-test/Worthless-v0",
    Camera: "marl-test/Camera-v0",
    Unlike: "marl-test/Unlike-v0",
}.items():
    gymnasium.register(env_id, kind, max_episode_steps=12)

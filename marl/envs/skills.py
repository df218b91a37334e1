"""Skills: a number that an episode draws and the agents see, for a bonus that tells them apart.

DIAYN, Eysenbach et al. 2019 (arXiv:1802.06070): the policy is told a skill z, one of a few, drawn
anew for each episode, and is paid for what shows which one it was.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marl.envs.wrapped import WrappedEnv
from marl.protocols.environments import Observation, VecEnv
from marl.spec import EnvSpec

STREAM = 0x5C111  # keeps what is drawn here apart from what the environment draws of its seed


def with_skills(env: VecEnv, skills: int) -> VecEnv:
    """The environment with so many skills; itself where there are none."""
    if not skills:
        return env
    return SkilledGoalEnv(env, skills) if env.spec.goals is not None else SkilledEnv(env, skills)


class SkilledEnv(WrappedEnv):
    """E environments whose episodes each draw a skill from their seed.

    Every agent's observation and the state end with its one-hot, or have it before the goal.
    """

    def __init__(self, env: VecEnv, skills: int) -> None:
        super().__init__(env)
        spec = env.spec
        self.spec: EnvSpec = replace(
            spec,
            obs_dim=spec.obs_dim + skills,
            state_dim=spec.state_dim + skills,
            skills=skills,
        )
        self._skill = np.zeros((self.num_envs, skills), dtype=np.float32)  # [E,Z], one-hot

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        self.env.reset(seeds, rows)
        started = range(len(seeds)) if rows is None else rows.tolist()
        for row, seed in zip(started, seeds, strict=True):
            drawn = np.random.default_rng([int(seed), STREAM]).integers(self.spec.skills)
            self._skill[row] = np.eye(self.spec.skills, dtype=np.float32)[drawn]

    def observe(self) -> Observation:
        shown = self.env.observe()
        agents = np.repeat(self._skill[:, None], self.spec.n_agents, axis=1)  # [E,A,Z]
        return shown._replace(
            obs=self._inserted(shown.obs, agents), state=self._inserted(shown.state, self._skill)
        )

    def _inserted(
        self, numbers: NDArray[np.float32], skill: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        own = numbers.shape[-1] - self.spec.goal_dim
        return np.concatenate([numbers[..., :own], skill, numbers[..., own:]], axis=-1)


class SkilledGoalEnv(SkilledEnv):
    """The same of an environment with goals."""

    def __init__(self, env: VecEnv, skills: int) -> None:
        super().__init__(env, skills)
        assert env.spec.goals is not None  # with_skills knows
        self._goals = env.spec.goals
        self.spec = replace(self.spec, goals=self)

    def reward(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return self._goals.reward(achieved, goal)

    def terminated(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        return self._goals.terminated(achieved, goal)

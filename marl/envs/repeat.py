"""Action repeat: every action is taken several times, and the agent sees what came of it all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import EnvError
from marl.protocols.environments import FilmedEnv, Observation, Step, VecEnv


def repeated(env: VecEnv, times: int) -> VecEnv:
    """The environment with each action taken `times` times; itself for once.

    EnvError where episodes have goals: a step there is paid what its goal is worth, once.
    """
    if times == 1:
        return env
    if env.spec.goals is not None:
        env.close()
        raise EnvError(
            f"action_repeat: {env.spec.name} has goals, and a step is paid what its goal is worth "
            "at its end, not a sum; leave it at 1"
        )
    return ActionRepeat(env, times)


class ActionRepeat:
    """Rewards of the repeated actions are summed; nothing follows the end of an episode.

    A step of this environment is a decision of the agent: `spec.episode_limit` and t_env count
    those. The last one of an episode may be shorter than the others.
    """

    def __init__(self, env: VecEnv, times: int) -> None:
        self.env, self.times = env, times
        self.num_envs = env.num_envs
        self.spec = replace(env.spec, episode_limit=-(-env.spec.episode_limit // times))

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        self.env.reset(seeds, rows)

    def observe(self) -> Observation:
        return self.env.observe()

    def step(self, actions: NDArray[Any]) -> Step:
        # An environment whose episode is over ignores its action and pays nothing.
        first = self.env.step(actions)
        reward, terminated = first.reward.copy(), first.terminated.copy()
        truncated = first.truncated.copy()
        for _ in range(self.times - 1):
            more = self.env.step(actions)
            reward += more.reward
            terminated |= more.terminated
            truncated |= more.truncated
        return Step(reward, terminated, truncated)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        return self.env.outcomes()

    @property
    def _filmed(self) -> FilmedEnv:
        """What is within, asked for pictures; EnvError where it has none."""
        if not isinstance(self.env, FilmedEnv):
            raise EnvError(f"{self.spec.name}: draws no pictures, so no video is made")
        return self.env

    @property
    def pictures_per_second(self) -> float:
        return self._filmed.pictures_per_second / self.times

    def picture(self) -> NDArray[np.uint8]:
        return self._filmed.picture()

    def close(self) -> None:
        self.env.close()

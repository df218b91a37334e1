"""Action repeat: every action is taken several times, and the agent sees what came of it all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from marl.envs.wrapped import WrappedEnv
from marl.errors import EnvError
from marl.protocols.environments import Step, VecEnv


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


class ActionRepeat(WrappedEnv):
    """Rewards of the repeated actions are summed; nothing follows the end of an episode.

    A step of this environment is a decision of the agent: `spec.episode_limit` and t_env count
    those. The last one of an episode may be shorter than the others.
    """

    def __init__(self, env: VecEnv, times: int) -> None:
        super().__init__(env)
        self.times = times
        self.spec = replace(env.spec, episode_limit=-(-env.spec.episode_limit // times))

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

    @property
    def pictures_per_second(self) -> float:
        return self._filmed.pictures_per_second / self.times

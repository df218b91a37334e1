"""Gymnasium environments: one agent, which sees the whole state.

The environments are Python objects and are stepped one after another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray

from marl.config.schema import option
from marl.errors import EnvError
from marl.protocols import Observation, Step
from marl.spec import Action, Continuous, Discrete, EnvSpec

Encode = Callable[[object], NDArray[np.float32]]
Decode = Callable[[NDArray[Any]], Any]


@dataclass(frozen=True)
class GymnasiumConfig:
    """Any registered environment whose actions are Discrete, or a Box with bounds."""

    kind: ClassVar[str] = "gymnasium"
    env_id: str = "CartPole-v1"
    time_limit: int = option(0, low=0)  # steps; 0 = the limit the environment is registered with

    def build(self, num_envs: int, threads: int) -> GymnasiumEnv:
        first = make(self.env_id, self.time_limit)
        rest = [make(self.env_id, self.time_limit) for _ in range(num_envs - 1)]
        return GymnasiumEnv(f"gymnasium/{self.env_id}", [first, *rest])


def make(env_id: str, time_limit: int) -> gymnasium.Env:
    """The environment, cut off after `time_limit` steps; refuses what has no limit at all."""
    if env_id not in gymnasium.registry and ":" not in env_id:
        near = get_close_matches(env_id, gymnasium.registry, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise EnvError(f"env_id: {env_id!r} is not a registered gymnasium environment{hint}")
    try:
        env = gymnasium.make(env_id, max_episode_steps=time_limit or None, disable_env_checker=True)
    except (gymnasium.error.Error, ImportError) as error:
        reason = " ".join(str(error).split())
        raise EnvError(
            f"env_id: {env_id!r} cannot be made ({reason}); what it needs may come with"
            " pip install marl-starcraft[single-agent]"
        ) from error
    if env.spec is None or env.spec.max_episode_steps is None:
        env.close()
        raise EnvError(f"env_id: {env_id!r} has no time limit of its own; set time_limit")
    return env


class GymnasiumEnv:
    """E copies of one gymnasium environment behind the VecEnv promise."""

    def __init__(self, name: str, envs: list[gymnasium.Env]) -> None:
        first = envs[0]
        action, self._decode = decoder(name, first.action_space)
        obs_dim, self._encode = encoder(name, first.observation_space)
        assert first.spec is not None
        assert first.spec.max_episode_steps is not None
        limit = first.spec.max_episode_steps
        self.num_envs = len(envs)
        self.spec = EnvSpec(name, 1, action, obs_dim, obs_dim, limit)
        self._envs = envs
        self._running = np.zeros(self.num_envs, dtype=np.bool_)  # [E]
        self._obs = np.zeros((self.num_envs, 1, obs_dim), dtype=np.float32)  # [E,1,O]
        self._avail: NDArray[np.bool_] | None = None
        if isinstance(action, Discrete):
            self._avail = np.ones((self.num_envs, 1, action.n), dtype=np.bool_)  # [E,1,U]
        self._reward = np.zeros(self.num_envs, dtype=np.float32)
        self._terminated = np.zeros(self.num_envs, dtype=np.bool_)
        self._truncated = np.zeros(self.num_envs, dtype=np.bool_)

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        if rows is None:
            rows = np.arange(len(seeds))
            self._running[:] = False
        self._running[rows] = True
        for i, seed in zip(rows.tolist(), seeds, strict=True):
            obs, _ = self._envs[i].reset(seed=int(seed))
            self._obs[i, 0] = self._encode(obs)

    def observe(self) -> Observation:
        return Observation(self._obs, self._obs[:, 0], self._avail)

    def step(self, actions: NDArray[Any]) -> Step:
        self._reward[:], self._terminated[:], self._truncated[:] = 0.0, False, False
        for i in np.flatnonzero(self._running):
            action = self._decode(actions[i, 0])
            obs, reward, terminated, truncated, _ = self._envs[i].step(action)
            self._obs[i, 0] = self._encode(obs)
            self._reward[i] = reward
            self._terminated[i] = terminated
            self._truncated[i] = truncated and not terminated
            self._running[i] = not (terminated or truncated)
        return Step(self._reward, self._terminated, self._truncated)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """None: gymnasium knows returns and lengths only."""
        return {}

    def close(self) -> None:
        for env in self._envs:
            env.close()


def decoder(name: str, space: Space) -> tuple[Action, Decode]:
    """The actions of `space` as specs know them, and what makes an environment's action of one."""
    if isinstance(space, spaces.Discrete):
        n_actions, start = discrete_actions(name, space)
        return Discrete(n_actions), lambda action: start + int(action)
    if not isinstance(space, Box) or not space.is_bounded():
        raise EnvError(
            f"{name}: its actions are {space}; supported are Discrete and a Box with bounds"
        )
    low, high = (tuple(end.reshape(-1).tolist()) for end in (space.low, space.high))
    try:
        bounds, shape, dtype = Continuous(low, high), space.shape, space.dtype
    except ValueError as error:
        raise EnvError(f"{name}: its actions are {space}; {error}") from None
    return bounds, lambda action: bounds.clip(action).reshape(shape).astype(dtype)


def discrete_actions(name: str, space: Space) -> tuple[int, int]:
    """How many actions a Discrete space has, and the number it gives to the first."""
    if not isinstance(space, spaces.Discrete):
        raise EnvError(f"{name}: its actions are {space}; only Discrete ones are supported")
    return int(space.n), int(space.start)


def encoder(name: str, space: Space) -> tuple[int, Encode]:
    """Length of the vector that an observation of `space` becomes, and what makes it.

    A Box is flattened; a Discrete observation becomes a one-hot.
    """
    if isinstance(space, Box):
        return int(np.prod(space.shape)), lambda obs: np.asarray(obs, np.float32).reshape(-1)
    if isinstance(space, spaces.Discrete):
        one_hots, start = np.eye(int(space.n), dtype=np.float32), int(space.start)
        return int(space.n), lambda obs: one_hots[int(np.asarray(obs)) - start]
    raise EnvError(f"{name}: its observations are {space}; only Box and Discrete are supported")

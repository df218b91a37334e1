"""Gymnasium environments: one agent, which sees the whole state.

The environments are Python objects and are stepped one after another. Those with goals follow the
convention of gymnasium-robotics: observations are dictionaries of `observation`, `achieved_goal`
and `desired_goal`, and `compute_reward(achieved, desired, info)` takes arrays of them. Those of
toy_text that have their rules as tables (`P`, `initial_state_distrib`) show them to planners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray

from marl.config.schema import option
from marl.envs.acting import finite_actions, whole_actions
from marl.envs.repeat import repeated
from marl.envs.running import rows_to_start
from marl.envs.skills import with_skills
from marl.errors import EnvError, one_line
from marl.protocols.environments import FilmedEnv, Observation, Step, Table, VecEnv
from marl.spec import Action, Continuous, Discrete, EnvSpec

Encode = Callable[[object], NDArray[np.float32]]
Decode = Callable[[NDArray[Any]], Any]

PICTURES = "rgb_array"  # gymnasium's render mode
OBSERVED, ACHIEVED, DESIRED = "observation", "achieved_goal", "desired_goal"  # with goals


@dataclass(frozen=True)
class GymnasiumConfig:
    """Any registered environment whose actions are Discrete, or a Box with bounds."""

    kind: ClassVar[str] = "gymnasium"
    env_id: str = option("CartPole-v1", code=lambda env_id: ":" in env_id)  # module:Name imports it
    # Steps; 0 = the limit that the environment is registered with.
    time_limit: int = option(0, low=0, high=10**6)
    # Times that each action is taken; the agent's steps, and so t_env, are fewer by that.
    action_repeat: int = option(1, low=1, high=1000)
    skills: int = option(0, low=0, high=1024)  # shown as a one-hot, before the goal; 0: none

    def build(self, num_envs: int, threads: int) -> VecEnv:
        return self._adapted([make(self.env_id, self.time_limit) for _ in range(num_envs)])

    def build_filmed(self) -> FilmedEnv:
        env = self._adapted([make(self.env_id, self.time_limit, filmed=True)])
        assert isinstance(env, FilmedEnv)  # and so are its wrappers
        return env

    def _adapted(self, envs: list[gymnasium.Env]) -> VecEnv:
        first, adapter = envs[0], GymnasiumEnv
        if isinstance(first.observation_space, spaces.Dict):
            adapter = GymnasiumGoalEnv
        elif hasattr(first.unwrapped, "P") and hasattr(first.unwrapped, "initial_state_distrib"):
            adapter = GymnasiumTableEnv
        env = adapter(f"gymnasium/{self.env_id}", envs, limit_of(first))
        return with_skills(repeated(env, self.action_repeat), self.skills)


def make(env_id: str, time_limit: int, filmed: bool = False) -> gymnasium.Env:
    """The environment, cut off after `time_limit` steps; refuses what has no limit at all.

    filmed: it can be asked for pictures; EnvError where it has none.
    """
    if env_id not in gymnasium.registry and ":" not in env_id:
        near = get_close_matches(env_id, gymnasium.registry, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise EnvError(f"env_id: {env_id!r} is not a registered gymnasium environment{hint}")
    if filmed:  # asked of one that is made without: not every environment takes a render_mode
        plain = make(env_id, time_limit)
        modes = plain.metadata.get("render_modes") or ()
        plain.close()
        if PICTURES not in modes:
            raise EnvError(f"env_id: {env_id!r} draws no pictures ({PICTURES})")
    try:
        env = gymnasium.make(
            env_id,
            max_episode_steps=time_limit or None,
            disable_env_checker=True,
            **({"render_mode": PICTURES} if filmed else {}),
        )
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


def limit_of(env: gymnasium.Env) -> int:
    """The steps after which an environment of `make` is cut off."""
    assert env.spec is not None
    assert env.spec.max_episode_steps is not None
    return int(env.spec.max_episode_steps)


class GymnasiumEnv:
    """E copies of one gymnasium environment behind the VecEnv promise."""

    def __init__(self, name: str, envs: list[gymnasium.Env], limit: int) -> None:
        """limit: most steps of an episode, which the environments keep themselves."""
        first = envs[0]
        action, self._decode = decoder(name, first.action_space)
        obs_dim, self._encode = self._encoder(name, first.observation_space)
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
        self._over = np.zeros(self.num_envs, dtype=np.bool_)  # the last episode's own end came

    def _encoder(self, name: str, space: Space) -> tuple[int, Encode]:
        return encoder(name, space)

    def _show(self, i: int, obs: Any, info: dict[str, Any]) -> None:
        """Environment i gives this to see."""
        self._obs[i, 0] = self._encode(obs)

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        rows = rows_to_start(self._running, seeds, rows)
        self._over[rows] = False
        for i, seed in zip(rows.tolist(), seeds, strict=True):
            self._show(i, *self._envs[i].reset(seed=int(seed)))

    def observe(self) -> Observation:
        return Observation(self._obs, self._obs[:, 0], self._avail)

    def step(self, actions: NDArray[Any]) -> Step:
        self._reward[:], self._terminated[:], self._truncated[:] = 0.0, False, False
        if isinstance(self.spec.action, Discrete):
            n_actions = self.spec.action.n
            actions = whole_actions(actions, (self.num_envs, 1), n_actions, self._running)
        else:
            shape = (self.num_envs, 1, self.spec.action.dim)
            actions = finite_actions(actions, shape, self._running)
        for i in np.flatnonzero(self._running).tolist():
            action = self._decode(actions[i, 0])
            obs, reward, terminated, truncated, info = self._envs[i].step(action)
            self._show(i, obs, info)
            self._reward[i] = reward
            self._terminated[i] = terminated
            self._truncated[i] = truncated and not terminated
            self._running[i] = not (terminated or truncated)
            self._over[i] = terminated
        return Step(self._reward, self._terminated, self._truncated)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """None: gymnasium knows returns and lengths only."""
        return {}

    @property
    def pictures_per_second(self) -> float:
        return float(self._envs[0].metadata.get("render_fps") or 30)

    def picture(self) -> NDArray[np.uint8]:
        """The first environment as it is now; EnvError in one line where this machine can't."""
        try:
            shown: Any = self._envs[0].render()
        except Exception as error:  # each library of graphics has errors of its own
            raise EnvError(
                f"{self.spec.name}: cannot draw here ({type(error).__name__}: {one_line(error)}); "
                "without a screen MuJoCo needs MUJOCO_GL=egl or MUJOCO_GL=osmesa, and that library"
            ) from error
        return np.asarray(shown, dtype=np.uint8)

    def close(self) -> None:
        for env in self._envs:
            env.close()


class GymnasiumGoalEnv(GymnasiumEnv):
    """E copies of an environment with goals: what is observed, and the goal that is desired.

    The outcome `success` is what `info` says of the last step (`is_success` or `success`). Goals
    are kept as float32, so a reward computed again may differ where the environment's own numbers
    lie within rounding of a threshold.
    """

    def __init__(self, name: str, envs: list[gymnasium.Env], limit: int) -> None:
        super().__init__(name, envs, limit)
        self._task: Any = envs[0].unwrapped
        if not hasattr(self._task, "compute_reward"):
            raise EnvError(f"{name}: has goals but no compute_reward(achieved, desired, info)")
        space = envs[0].observation_space
        assert isinstance(space, spaces.Dict)
        self._goal_shape: tuple[int, ...] = space[DESIRED].shape or ()
        size = int(np.prod(self._goal_shape))
        self._achieved = np.zeros((self.num_envs, size), dtype=np.float32)  # [E,G]
        self._success = np.zeros(self.num_envs, dtype=np.float32)  # [E]
        self.spec = replace(self.spec, goal_dim=size, goals=self)
        self.reward(self._achieved[:1].repeat(2, axis=0), self._achieved[:1].repeat(2, axis=0))

    def _encoder(self, name: str, space: Space) -> tuple[int, Encode]:
        return goal_encoder(name, space)

    def _show(self, i: int, obs: Any, info: dict[str, Any]) -> None:
        super()._show(i, obs, info)
        self._achieved[i] = np.asarray(obs[ACHIEVED], np.float32).reshape(-1)
        self._success[i] = info.get("is_success", info.get("success", False))

    def observe(self) -> Observation:
        goal = self._obs[:, 0, -self.spec.goal_dim :]  # [E,G]
        return super().observe()._replace(goal=goal, achieved_goal=self._achieved)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """success: 1 where the last step achieved the goal."""
        return {"success": self._success.copy()}

    def reward(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The environment's compute_reward; EnvError where it takes no arrays of goals."""
        some = achieved.reshape(-1, *self._goal_shape), goal.reshape(-1, *self._goal_shape)
        paid = np.asarray(self._task.compute_reward(*some, {}), dtype=np.float32)
        if paid.shape != (len(some[0]),):
            raise EnvError(
                f"{self.spec.name}: its compute_reward makes {paid.shape} of {len(some[0])} goals; "
                "it must give one reward for each"
            )
        return paid.reshape(achieved.shape[:-1])

    def terminated(
        self, achieved: NDArray[np.float32], goal: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """The environment's compute_terminated, asked goal by goal; nowhere where it has none."""
        ends = np.zeros(achieved.shape[:-1], dtype=np.bool_)
        if hasattr(self._task, "compute_terminated"):
            some = achieved.reshape(-1, *self._goal_shape), goal.reshape(-1, *self._goal_shape)
            found = [self._task.compute_terminated(a, g, {}) for a, g in zip(*some, strict=True)]
            ends = np.array(found, dtype=np.bool_).reshape(ends.shape)
        return ends


class GymnasiumTableEnv(GymnasiumEnv):
    """E copies of an environment that has its rules as tables (toy_text)."""

    def table(self) -> Table:
        """The rules; a further last state is the end, whatever the environment then shows."""
        task: Any = self._envs[0].unwrapped
        end, n_actions = self.spec.obs_dim, self.spec.n_actions
        transition = np.zeros((end + 1, n_actions, end + 1))  # [X,J,X]
        reward = np.zeros((end + 1, n_actions))
        transition[end, :, end] = 1.0
        for state, by_action in task.P.items():
            for action, outcomes in by_action.items():
                for probability, following, paid, over in outcomes:
                    transition[state, action, end if over else following] += probability
                    reward[state, action] += probability * paid
        start = np.append(task.initial_state_distrib, 0.0)
        return Table(
            np.arange(n_actions)[:, None], transition, reward, np.arange(end + 1) == end, start
        )

    def table_state(self) -> NDArray[np.int64]:
        return np.where(self._over, self.spec.obs_dim, self._obs[:, 0].argmax(-1))


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


def goal_encoder(name: str, space: Space) -> tuple[int, Encode]:
    """As `encoder`, of a dictionary with goals: what is observed, and then the desired goal."""
    parts = space.spaces if isinstance(space, spaces.Dict) else {}
    if set(parts) != {OBSERVED, ACHIEVED, DESIRED}:
        raise EnvError(
            f"{name}: its observations are a dictionary of {sorted(parts)}; supported is that of "
            f"goals, {OBSERVED}, {ACHIEVED} and {DESIRED}"
        )
    if parts[ACHIEVED].shape != parts[DESIRED].shape or not isinstance(parts[DESIRED], Box):
        raise EnvError(f"{name}: its goals must be Boxes of one shape, not {parts}")
    (own, encode), (size, encode_goal) = (
        encoder(name, parts[OBSERVED]),
        encoder(name, parts[DESIRED]),
    )
    return own + size, lambda obs: np.concatenate(
        [encode(obs[OBSERVED]), encode_goal(obs[DESIRED])]
    )

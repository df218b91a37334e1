"""The DeepMind control suite (Tassa et al. 2018, arXiv:1801.00690): one agent, physics of MuJoCo.

Observations are what the task shows, one part after the other in the task's own order
(`observation_spec`; walker: orientations, height, velocity), flattened. An episode is cut off by
its time limit and bootstraps; it terminates only where the task gives a discount of 0.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from marl.config.schema import option
from marl.envs.gymnasium import GymnasiumEnv
from marl.envs.repeat import repeated
from marl.errors import EnvError, one_line
from marl.protocols.environments import FilmedEnv, VecEnv

if TYPE_CHECKING:
    from types import ModuleType

NEEDED = "pip install marl-starcraft[single-agent]"
SHORT = {"cup": "ball_in_cup", "pointmass": "point_mass"}  # domains as papers call them
UNBOUNDED = 1e10  # what MuJoCo has for no bound
PICTURE = (240, 320)  # height and width in pixels
GL, NO_GL = "MUJOCO_GL", "disable"


@dataclass(frozen=True)
class DmcConfig:
    """A task of the suite, `<domain>-<task>`: walker-walk, cartpole-swingup_sparse, dog-run."""

    kind: ClassVar[str] = "dmc"
    task: str = "walker-walk"
    time_limit: int = option(1000, low=1, high=10**6)  # the environment's own steps
    # Times that each action is taken; the agent's steps, and so t_env, are fewer by that.
    action_repeat: int = option(1, low=1, high=1000)

    def build(self, num_envs: int, threads: int) -> VecEnv:
        return self._made(num_envs)

    def build_filmed(self) -> FilmedEnv:
        """One that draws: MUJOCO_GL says with what."""
        env = self._made(1)
        assert isinstance(env, FilmedEnv)  # and so is its wrapper
        return env

    def _made(self, num_envs: int) -> VecEnv:
        domain, task = find_task(self.task)
        name = f"dmc/{domain}-{task}"
        envs: list[gymnasium.Env] = [
            DmcTask(name, domain, task, self.time_limit) for _ in range(num_envs)
        ]
        return repeated(GymnasiumEnv(name, envs, self.time_limit), self.action_repeat)


def suite() -> ModuleType:
    """dm_control's suite, imported without a renderer: a display or a GPU is not looked for."""
    said = os.environ.get(GL)
    os.environ.setdefault(GL, NO_GL)
    try:
        from dm_control import suite
    except ImportError as error:
        raise EnvError(
            f"task: dm_control is missing or broken ({one_line(error)}); {NEEDED}"
        ) from None
    except Exception as error:  # each library of graphics has errors of its own
        if said is None:
            raise
        raise EnvError(
            f"task: {GL}={said} does not work here ({type(error).__name__}: {one_line(error)}); "
            f"leave it away, or set {GL}=egl or {GL}=osmesa where that library is there"
        ) from None
    finally:
        if said is None:
            del os.environ[GL]
    module: ModuleType = suite
    return module


def find_task(name: str) -> tuple[str, str]:
    """Domain and task of a name, whatever its dashes and capitals; EnvError offers near ones."""
    known = {plain(f"{domain}-{task}"): (domain, task) for domain, task in suite().ALL_TASKS}
    domain, dash, task = name.partition("-")
    asked = plain(f"{SHORT.get(domain, domain)}{dash}{task}")
    if asked in known:
        return known[asked]
    near = get_close_matches(asked, known, n=3, cutoff=0.5)
    named = ["-".join(known[one]) for one in near or sorted(known)]
    hint = f"did you mean {' or '.join(named)}?" if near else f"there are: {', '.join(named)}"
    raise EnvError(f"task: {name!r} is no task of the control suite; {hint}")


def plain(name: str) -> str:
    """The name without what is written in several ways."""
    return name.replace("-", "_").casefold()


class DmcTask(gymnasium.Env):
    """One task, as gymnasium has environments."""

    def __init__(self, name: str, domain: str, task: str, time_limit: int) -> None:
        endless = {"time_limit": float("inf")}  # it is counted here, in steps
        self._name, self._limit, self._steps = name, time_limit, 0
        self._env: Any = suite().load(domain, task, task_kwargs=endless)
        self.metadata = {"render_fps": 1.0 / self._env.control_timestep()}
        bounds = self._env.action_spec()
        if max(np.abs(bounds.minimum).max(), np.abs(bounds.maximum).max()) >= UNBOUNDED:
            raise EnvError(f"{name}: its actions have no bounds; supported are those with bounds")
        self.action_space = spaces.Box(bounds.minimum, bounds.maximum, dtype=np.float64)
        size = sum(int(np.prod(part.shape)) for part in self._env.observation_spec().values())
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        if seed is not None:  # the task draws everything from this generator
            self._env.task.random.seed([seed % 2**32, seed // 2**32])
        self._steps = 0
        return flattened(self._env.reset().observation), {}

    def step(
        self, action: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float, bool, bool, dict[str, Any]]:
        try:
            now = self._env.step(action)
        except self._physics_error() as error:
            raise EnvError(f"{self._name}: the physics broke down ({one_line(error)})") from None
        self._steps += 1
        terminated = bool(now.last() and now.discount == 0.0)
        truncated = bool(now.last() or self._steps >= self._limit) and not terminated
        return flattened(now.observation), float(now.reward), terminated, truncated, {}

    def render(self) -> NDArray[np.uint8]:
        height, width = PICTURE
        pixels: NDArray[np.uint8] = self._env.physics.render(height, width, camera_id=0)
        return pixels

    def _physics_error(self) -> type[Exception]:
        from dm_control.rl.control import PhysicsError

        error: type[Exception] = PhysicsError
        return error

    def close(self) -> None:
        self._env.close()


def flattened(observation: dict[str, Any]) -> NDArray[np.float64]:
    """The parts of an observation, one after the other."""
    return np.concatenate([np.ravel(part) for part in observation.values()]).astype(np.float64)

"""The Fetch robot's tasks of gymnasium-robotics (Plappert et al. 2018, arXiv:1802.09464), v4.

One agent sees 10 numbers (Reach) or 25, among them the gripper's position (0:3) and the object's
(3:6), and then the goal, a position in metres. A step pays 0 where the goal is achieved and -1
elsewhere; episodes never terminate.
"""

from __future__ import annotations

from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from marl.config.schema import option
from marl.envs.gymnasium import ACHIEVED, GymnasiumGoalEnv, make
from marl.errors import EnvError, nearest_or_all, one_line
from marl.protocols.environments import Step

TASKS = ("Reach", "Push", "Slide", "PickAndPlace")
OBJECT_OBS = 25  # numbers observed where there is an object, in all versions of these tasks
NEEDED = "pip install marl-starcraft[single-agent]"


@dataclass(frozen=True)
class FetchConfig:
    """One of the four tasks: Reach, Push, Slide, PickAndPlace."""

    kind: ClassVar[str] = "fetch"
    task: str = "PickAndPlace"
    reward: Literal["sparse", "dense"] = "sparse"  # dense: minus the distance to the goal
    time_limit: int = option(50, low=1, high=10**6)  # steps

    def build(self, num_envs: int, threads: int) -> FetchEnv:
        return self._made(num_envs)

    def build_filmed(self) -> FetchEnv:
        return self._made(1, filmed=True)

    def _made(self, num_envs: int, filmed: bool = False) -> FetchEnv:
        task = {name.casefold(): name for name in TASKS}.get(self.task.casefold())
        if task is None:
            raise EnvError(
                f"task: {self.task!r} is no Fetch task; {nearest_or_all(self.task, TASKS)}"
            )
        dense = "Dense" if self.reward == "dense" else ""
        name = f"Fetch{task}{dense}-v4"
        envs = [make_fetch(name, self.time_limit, filmed) for _ in range(num_envs)]
        return FetchEnv(f"fetch/{task}{dense}", envs, self.time_limit, has_object=task != "Reach")


def make_fetch(env_id: str, time_limit: int, filmed: bool) -> gymnasium.Env:
    """One of gymnasium-robotics' environments; EnvError where it is missing or too old."""
    try:
        with redirect_stderr(StringIO()):  # it tells of environments of other robots
            import gymnasium_robotics
        gymnasium.register_envs(gymnasium_robotics)
        return make(env_id, time_limit, filmed)
    except (gymnasium.error.Error, ImportError) as error:
        raise EnvError(f"task: {env_id} cannot be made ({one_line(error)}); {NEEDED}") from None


class FetchEnv(GymnasiumGoalEnv):
    """E robots. A reset takes 1 to 3 ms, less than one step, so that nothing is kept for it."""

    def __init__(
        self, name: str, envs: list[gymnasium.Env], limit: int, *, has_object: bool
    ) -> None:
        super().__init__(name, envs, limit)
        own = self.spec.obs_dim - self.spec.goal_dim
        if has_object and own != OBJECT_OBS:
            raise EnvError(f"{name}: observes {own} numbers, not {OBJECT_OBS}; {NEEDED} fits")
        self._has_object = has_object
        # Where the objects are, and where they began: they are what achieves the goal.
        self._place = np.zeros((self.num_envs, self.spec.goal_dim))  # [E,3] metres
        self._first = self._place.copy()

    def _show(self, i: int, obs: Any, info: dict[str, Any]) -> None:
        super()._show(i, obs, info)
        self._place[i] = obs[ACHIEVED]

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        super().reset(seeds, rows)
        started = np.arange(len(seeds)) if rows is None else rows
        self._first[started] = self._place[started]

    def step(self, actions: NDArray[Any]) -> Step:
        # Paid by what is shown, in float32: else a reward computed again differs in its last bit.
        running = self._running.copy()
        step = super().step(actions)
        shown = self.observe()
        assert shown.achieved_goal is not None
        assert shown.goal is not None
        step.reward[running] = self.reward(shown.achieved_goal[running], shown.goal[running])
        return step

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """success: 1 where the last step achieved the goal; object_displacement: metres.

        The displacement is the distance between the object's first and last position, of tasks
        with an object.
        """
        found = super().outcomes()
        if self._has_object:
            moved = np.linalg.norm(self._place - self._first, axis=1)
            found["object_displacement"] = moved.astype(np.float32)
        return found

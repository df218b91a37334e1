"""What environments that change another one have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import EnvError
from marl.protocols.environments import FilmedEnv, Observation, Step, VecEnv


class WrappedEnv:
    """E environments as they are; subclasses say what is otherwise."""

    def __init__(self, env: VecEnv) -> None:
        self.env = env
        self.num_envs = env.num_envs
        self.spec = env.spec

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        self.env.reset(seeds, rows)

    def observe(self) -> Observation:
        return self.env.observe()

    def step(self, actions: NDArray[Any]) -> Step:
        return self.env.step(actions)

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
        return self._filmed.pictures_per_second

    def picture(self) -> NDArray[np.uint8]:
        return self._filmed.picture()

    def close(self) -> None:
        self.env.close()

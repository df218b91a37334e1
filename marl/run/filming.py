"""Videos of a policy in an environment that draws itself: `run.py replay with video=gif`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marl.errors import ConfigError
from marl.log.console import terminal
from marl.protocols.collecting import Rollout
from marl.protocols.environments import FilmedConfig, FilmedEnv, Observation, Step
from marl.replay.folder import FOLDER
from marl.replay.pictures import Pictures
from marl.run.folder import open_folder
from marl.run.plan import Plan
from marl.run.policy import load_policy, play_policy


class Camera:
    """An environment (E = 1) behind the VecEnv promise, whose episodes become videos.

    stem: of the files' names; the episode's number and the extension `video` follow.
    """

    def __init__(self, env: FilmedEnv, stem: Path, video: str) -> None:
        self.spec, self.num_envs = env.spec, 1
        self.paths: list[Path] = []
        self._env, self._stem, self._video = env, stem, video

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        self._env.reset(seeds, rows)
        path = self._stem.with_name(f"{self._stem.name}-{len(self.paths) + 1:03d}.{self._video}")
        limit = self.spec.episode_limit + 1
        self._pictures = Pictures(path, self._env.pictures_per_second, limit)
        self._pictures.add(self._env.picture())
        self.paths.append(path)

    def observe(self) -> Observation:
        return self._env.observe()

    def step(self, actions: NDArray[Any]) -> Step:
        step = self._env.step(actions)
        self._pictures.add(self._env.picture())
        if step.terminated[0] or step.truncated[0]:
            self._pictures.save()
        return step

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        return self._env.outcomes()

    def close(self) -> None:
        self._env.close()


def film_policy(plan: Plan, config: FilmedConfig) -> list[Path]:
    """Play `episodes` episodes without exploration, those that `evaluate` would; gives the videos.

    ConfigError without `video`: of such an environment there are no pages. EnvError where it
    cannot be drawn.
    """
    run = plan.run
    if run.video == "none":
        raise ConfigError(
            "video: pages are of battles on the engine (--env-config=sc2 or sc2v2, backend=engine);"
            " of this environment set video=gif or video=mp4"
        )
    assert run.seed is not None
    torch.set_num_threads(run.torch_threads)
    env = config.build_filmed()
    try:
        policy = load_policy(plan, env.spec)
        folder = open_folder(plan, env.spec.name) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        camera, console = Camera(env, folder / f"{policy.t_env:09d}", run.video), terminal()

        def tell(rollout: Rollout, seeds: NDArray[np.uint64]) -> None:
            path = camera.paths[-1]
            size = path.stat().st_size / 1000
            line = f"return {rollout.returns[0]:.2f} {rollout.lengths[0]:>5} steps"
            console.print(f"{line}  {size:4.0f} kB  {path}", soft_wrap=True)

        play_policy(policy, camera, run.seed, run.episodes, keep=tell)
    finally:
        env.close()
    return camera.paths

"""Whole episodes played for a dataset, and the returns that scores are measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from marl import seeding
from marl.batch import WON, Column, EpisodeBatch, goal_columns, layout_of
from marl.controllers.wrapped import WrappedActor
from marl.protocols.acting import Acted, Actor, Behaviour, Carry, ObservationTensors
from marl.protocols.environments import VecEnv
from marl.protocols.loop import Progress
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import evaluation_seeds, play_as, statistics
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import Action, Continuous, EnvSpec

Rows = Iterator[tuple[EpisodeBatch, NDArray[np.uint64] | None]]  # episodes, and their seeds


def kept_columns(spec: EnvSpec) -> tuple[Column, ...]:
    """Columns of a dataset beyond those that every batch has."""
    won = (WON,) if spec.reports_win else ()
    return (*won, *(goal_columns(spec) if spec.goal_dim else ()))


class Plain(WrappedActor):
    """An actor without columns of its own, which a dataset does not keep."""

    def __init__(self, actor: Actor, action: Action) -> None:
        """action: the environment's, whose bounds its data keep."""
        super().__init__(actor)
        self.columns = ()
        self.action = action

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        acted = self.actor.act(observation, carry, progress, rng, greedy)
        actions = acted.actions
        if isinstance(self.action, Continuous):  # what the environment takes them for
            actions = torch.from_numpy(self.action.clip(actions.cpu().numpy()))
        return acted._replace(actions=actions, extras={})


class Player:
    """Plays episodes in one set of environments."""

    def __init__(
        self, env: VecEnv, device: torch.device, seed: int, stopping: Callable[[], bool]
    ) -> None:
        """stopping: as a Behaviour's."""
        self.env, self.seed, self.stopping = env, seed, stopping
        layout = layout_of(env.spec, kept_columns(env.spec))
        self.runner = EpisodeRunner(env, layout, device, Stopwatch())

    def behaviour(self, actor: Actor, t_env: int, greedy: bool) -> Behaviour:
        """The actor as it is asked after so many environment steps of its training."""
        rng = seeding.generator(self.seed, seeding.EXPLORATION)
        return Behaviour(
            Plain(actor, self.env.spec.action), Progress(t_env), rng, greedy, stopping=self.stopping
        )

    def rows(self, actor: Actor, t_env: int, greedy: bool) -> Rows:
        """Episodes without end. The batches are views that the next ones overwrite."""
        behaviour = self.behaviour(actor, t_env, greedy)
        seeds = EpisodeSeeds(self.seed, seeding.COLLECTED_EPISODES)
        while True:
            own = seeds.take(self.env.num_envs)
            rollout = self.runner.play(behaviour, own)
            yield rollout.batch, own[rollout.intact]

    def mean_return(self, actor: Actor, t_env: int, greedy: bool, episodes: int) -> float:
        """Over so many test episodes."""
        behaviour = self.behaviour(actor, t_env, greedy)
        seeds = evaluation_seeds(self.seed, 0, episodes)
        return statistics(play_as(self.runner, behaviour, seeds))["return_mean"]

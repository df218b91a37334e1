"""Tests of the greedy policy during a training, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from marl.algos.agent import Agent
from marl.batch import EpisodeBatch, joined
from marl.protocols.collecting import Rollout, Runner
from marl.protocols.environments import VecEnv
from marl.protocols.experience import Scored
from marl.protocols.learning import Assessable
from marl.replay.battles import TraceLog
from marl.replay.film import Fact
from marl.replay.folder import ReplayFolder
from marl.run.finite import FiniteWatch
from marl.run.plan import Plan
from marl.runners.evaluation import evaluation_seeds, play, statistics
from marl.runners.stopwatch import Stopwatch

TEST_ENVS = 8  # at most, side by side, where tests need environments of their own


class PolicyTests:
    """Greedy episodes of an agent, between two collections of its runner."""

    def __init__(
        self, plan: Plan, agent: Agent, runner: Runner, device: torch.device, stopwatch: Stopwatch
    ) -> None:
        self.plan = plan
        self.agent = agent
        self.device = device
        self.stopwatch = stopwatch
        self.results: list[dict[str, float]] = []  # of each test: t_env, episodes and means
        self.player = runner.for_tests(self._build_env)

    def _build_env(self) -> VecEnv:
        """An environment for tests alone."""
        run = self.plan.run
        count = max(run.num_envs, min(TEST_ENVS, run.test_episodes))
        return self.plan.env.build(count, run.env_threads)

    def load_results(self, results: list[dict[str, float]]) -> None:
        """Remember earlier tests; ValueError where they are none."""
        kept = [{name: float(value) for name, value in row.items()} for row in results]
        if not all({"t_env", "episodes"} <= row.keys() for row in kept):
            raise ValueError("a test has no t_env, or no number of episodes")
        self.results = [dict(row) for row in results]

    @property
    def last(self) -> float:
        """t_env of the last test, -1 before the first."""
        return self.results[-1]["t_env"] if self.results else -1

    def done_at(self, t_env: int) -> bool:
        """Whether the last test was at t_env."""
        return self.last == t_env

    def run(
        self,
        t_env: int,
        folder: Path,
        watch: FiniteWatch,
        stopping: Callable[[], bool] = lambda: False,
    ) -> dict[str, float]:
        """Play the test of t_env; its means. folder: the run's, for traces of its battles.

        Stopped, and nothing is kept of it, where `stopping()` says so between two steps.
        """
        run = self.plan.run
        assert run.seed is not None
        seeds = evaluation_seeds(run.seed, t_env, run.test_episodes)
        traces = self._trace_log(t_env)
        played: list[EpisodeBatch] = []

        def keep(rollout: Rollout, own: NDArray[np.uint64]) -> None:
            watch.rollout(rollout, t_env, "a test")
            if isinstance(self.agent.learner, Assessable):
                played.append(rollout.batch.map(torch.clone))
            if traces is not None:
                traces(rollout, own)

        rollouts = play(self.player, self.agent.actor, seeds, keep=keep, stopping=stopping)
        if traces is not None:
            with self.stopwatch.measure("saving"):
                ReplayFolder(folder).add(t_env, traces.traces, pages=1)
        metrics = statistics(rollouts, "test_") | self._assess(played)
        metrics |= self._score(metrics.get("test_return_mean"))
        self.results.append({"t_env": t_env, "episodes": len(seeds), **metrics})
        return metrics

    def _assess(self, played: list[EpisodeBatch]) -> dict[str, float]:
        """What the learner's estimates are worth, on the episodes of a test."""
        learner = self.agent.learner
        if not isinstance(learner, Assessable) or not sum(batch.size for batch in played):
            return {}
        with self.stopwatch.measure("evaluation"):
            found = learner.assess(joined(played).to(self.device))
            return {f"test_{name}": float(value) for name, value in found.items()}

    def _score(self, mean_return: float | None) -> dict[str, float]:
        """The mean return beside those of others, where the experience brings them."""
        buffer = self.agent.buffer
        if mean_return is None or not isinstance(buffer, Scored):
            return {}
        score = buffer.score(mean_return)
        return {} if score is None else {"test_normalised_score": score}

    def _trace_log(self, t_env: int) -> TraceLog | None:
        """Where a test's battles are traced, if they are to be."""
        if not self.plan.run.save_replay:
            return None
        facts: dict[str, Fact] = {"player": self.plan.config_name, "t_env": t_env}
        return TraceLog(self.plan.env, self.agent.learner, self.device, facts)

    def close(self, env: VecEnv) -> None:
        """Free what its own environment holds, where it is not the training's, `env`."""
        if self.player.env is not env:
            self.player.env.close()

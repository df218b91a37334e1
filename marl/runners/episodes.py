"""Collects whole episodes from E environments in lock-step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.batch import SLOT_FIELDS, STEP_FIELDS, EpisodeBatch
from marl.protocols import (
    Breakable,
    Controller,
    Exploration,
    Observation,
    Progress,
    Step,
    VecEnv,
)
from marl.runners.stopwatch import Stopwatch


@dataclass(frozen=True)
class Episodes:
    """How episodes just played went: those that came through, K of the C asked for."""

    returns: NDArray[np.float64]  # [K] sum of rewards
    lengths: NDArray[np.int64]  # [K] steps
    outcomes: dict[str, NDArray[np.float32]]  # [K] each, e.g. battle_won
    truncated: NDArray[np.bool_]  # [K] cut off by a limit
    intact: NDArray[np.bool_]  # [C] came through; all do where the environment can't break


@dataclass(frozen=True)
class Rollout(Episodes):
    """The episodes themselves too. `batch` is a view that the next collection overwrites."""

    batch: EpisodeBatch

    @property
    def steps(self) -> int:
        """Environment steps of all episodes together."""
        return int(self.lengths.sum())


class Tally:
    """Counts what episodes come to while they run, the first `count` of E environments'."""

    def __init__(self, env: VecEnv, count: int) -> None:
        self.env, self.count = env, count
        self.running = np.arange(env.num_envs) < count
        self.returns = np.zeros(env.num_envs)
        self.lengths = np.zeros(env.num_envs, dtype=np.int64)
        self.truncated = np.zeros(env.num_envs, dtype=np.bool_)

    def add(self, result: Step) -> None:
        """One step's result; episodes that end with it run no longer."""
        self.returns += np.where(self.running, result.reward, 0.0)
        self.lengths += self.running
        self.truncated |= self.running & result.truncated
        self.running &= ~(result.terminated | result.truncated)

    def episodes(self) -> Episodes:
        """How they went, once none runs any more; without those that broke off."""
        intact = np.ones(self.count, dtype=np.bool_)
        if isinstance(self.env, Breakable):
            intact &= ~self.env.broken()[: self.count]
        kept = np.flatnonzero(intact)
        outcomes = {name: values[kept] for name, values in self.env.outcomes().items()}
        return Episodes(
            self.returns[kept], self.lengths[kept], outcomes, self.truncated[kept], intact
        )


class EpisodeRunner:
    """Plays one episode in each environment and waits for the last of them to end.

    Lock-step on purpose: keeping the first finishers would favour short battles.
    """

    def __init__(self, env: VecEnv, device: torch.device, stopwatch: Stopwatch) -> None:
        self.env = env
        self.device = device
        self.stopwatch = stopwatch
        spec = env.spec
        self.staging = EpisodeBatch.empty(spec, env.num_envs, spec.episode_limit)
        self.staging.map(lambda tensor: tensor.zero_())
        self.staging.previous_actions.fill_(-1)

    @torch.no_grad()
    def collect(
        self,
        controller: Controller,
        exploration: Exploration,
        progress: Progress,
        seeds: NDArray[np.uint64],
        rng: torch.Generator,
        clock_prefix: str = "",
    ) -> Rollout:
        """One episode for each seed (at most E of them), without those that broke off.

        Plays them again where none came through.
        """
        rollout = None
        while rollout is None:
            rollout = self._play(controller, exploration, progress, seeds, rng, clock_prefix)
        return rollout

    def incidents(self) -> dict[str, float]:
        """What went wrong in the environments since the start, where they can break."""
        return self.env.incidents() if isinstance(self.env, Breakable) else {}

    def _play(
        self,
        controller: Controller,
        exploration: Exploration,
        progress: Progress,
        seeds: NDArray[np.uint64],
        rng: torch.Generator,
        clock_prefix: str,
    ) -> Rollout | None:
        env, measure = self.env, self.stopwatch.measure
        count = len(seeds)
        self._clear()
        with measure(clock_prefix or "env"):
            env.reset(seeds)
        tally = Tally(env, count)
        carry = controller.initial_carry(env.num_envs)
        last_actions = torch.full((env.num_envs, env.spec.n_agents), -1, device=self.device)
        observation = env.observe()
        self._store_slot(0, observation, tally.running)
        step = 0
        while tally.running.any():
            with measure(clock_prefix or "acting"):
                values, carry = controller.step(self._tensor(observation.obs), last_actions, carry)
                avail = self._tensor(observation.avail)
                last_actions = exploration.select(values, avail, progress, rng)
                actions = last_actions.cpu().numpy()
            with measure(clock_prefix or "env"):
                result = env.step(actions)
                self._store_step(step, actions, result.reward, result.terminated, tally.running)
                observation = env.observe()
                self._store_slot(step + 1, observation, tally.running)
                tally.add(result)
            step += 1
        return self._rollout(tally.episodes(), progress)

    def _tensor(self, array: NDArray) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _clear(self) -> None:
        for name in SLOT_FIELDS + STEP_FIELDS:
            getattr(self.staging, name).zero_()

    def _store_slot(self, slot: int, observation: Observation, running: NDArray[np.bool_]) -> None:
        for name in SLOT_FIELDS:
            target = getattr(self.staging, name)[:, slot].numpy()
            where = running.reshape(-1, *[1] * (target.ndim - 1))
            np.copyto(target, getattr(observation, name), where=where)

    def _store_step(
        self,
        step: int,
        actions: NDArray[np.int64],
        reward: NDArray[np.float32],
        terminated: NDArray[np.bool_],
        running: NDArray[np.bool_],
    ) -> None:
        where = running[:, None]
        np.copyto(self.staging.actions[:, step].numpy(), actions, where=where)
        np.copyto(self.staging.reward[:, step].numpy(), reward[:, None], where=where)
        np.copyto(self.staging.terminated[:, step].numpy(), terminated[:, None], where=where)
        self.staging.filled[:, step].numpy()[:] = where

    def _rollout(self, episodes: Episodes, progress: Progress) -> Rollout | None:
        """What came through; None where nothing did."""
        if not episodes.intact.any():
            return None
        self.staging.episode[:] = progress.episode + torch.arange(self.env.num_envs)
        batch = self.staging.rows(0, len(episodes.intact))
        if not episodes.intact.all():
            kept = torch.from_numpy(np.flatnonzero(episodes.intact))
            batch = batch.map(lambda tensor: tensor[kept])
        if "battle_won" in episodes.outcomes:
            batch.won[:] = torch.from_numpy(episodes.outcomes["battle_won"] > 0)
        return Rollout(**vars(episodes), batch=batch.trim())

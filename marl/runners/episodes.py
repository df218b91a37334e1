"""Collects whole episodes from E environments in lock-step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from marl.batch import EpisodeBatch, Layout
from marl.protocols.acting import Acted, Behaviour, Carry, ObservationTensors, Stopped
from marl.protocols.collecting import Episodes, Rollout
from marl.protocols.environments import Breakable, Observation, Step, VecEnv
from marl.protocols.loop import State
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import EnvSpec


@dataclass(frozen=True)
class EpisodeRolloutConfig:
    """A collection is one whole episode of each environment."""

    kind: ClassVar[str] = "episodes"
    whole_episodes: ClassVar[bool] = True

    def longest(self, spec: EnvSpec) -> int:
        return spec.episode_limit

    def build(
        self, env: VecEnv, layout: Layout, device: torch.device, stopwatch: Stopwatch
    ) -> EpisodeRunner:
        return EpisodeRunner(env, layout, device, stopwatch)


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

    def restart(self, rows: NDArray[np.int64]) -> None:
        """Begin to count new episodes in these environments."""
        self.running[rows] = True
        self.returns[rows] = 0.0
        self.lengths[rows] = 0
        self.truncated[rows] = False

    def episodes(self, rows: NDArray[np.int64] | None = None) -> Episodes:
        """Results of the ended ones of `rows` (all), without those that broke off."""
        rows = np.arange(self.count) if rows is None else rows
        intact = np.ones(len(rows), dtype=np.bool_)
        if isinstance(self.env, Breakable):
            intact &= ~self.env.broken()[rows]
        kept = rows[intact]
        outcomes = {name: values[kept] for name, values in self.env.outcomes().items()}
        return Episodes(
            self.returns[kept], self.lengths[kept], outcomes, self.truncated[kept], intact
        )


class EpisodeRunner:
    """Plays one episode in each environment and waits for the last of them to end.

    Lock-step on purpose: keeping the first finishers would favour short battles.
    """

    def __init__(
        self, env: VecEnv, layout: Layout, device: torch.device, stopwatch: Stopwatch
    ) -> None:
        self.env = env
        self.layout = layout
        self.device = device
        self.stopwatch = stopwatch
        self.staging = EpisodeBatch.zeros(layout, env.num_envs, env.spec.episode_limit)
        self.staging.started.fill_(True)

    def collect(self, behaviour: Behaviour, seeds: EpisodeSeeds) -> Rollout:
        """One episode of each environment."""
        first = seeds.following
        return self.play(behaviour, seeds.take(self.env.num_envs), first)

    @torch.no_grad()
    def play(self, behaviour: Behaviour, seeds: NDArray[np.uint64], first: int = 0) -> Rollout:
        """One episode for each seed (at most E of them), without those that broke off.

        Plays them again where none came through. first: number of the first episode.
        """
        rollout = None
        while rollout is None:
            rollout = self._play(behaviour, seeds, first)
        return rollout

    def for_tests(self, build: Callable[[], VecEnv]) -> EpisodeRunner:
        """Itself: between two collections no episode runs in its environment."""
        return self

    def incidents(self) -> dict[str, float]:
        """Counts of the environments' failures since the start, where they can break."""
        return incidents_of(self.env)

    def state_dict(self) -> State:
        """Nothing: no episode lives from one collection to the next."""
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"whole episodes are collected, yet the state holds {sorted(state)}")

    def _play(self, behaviour: Behaviour, seeds: NDArray[np.uint64], first: int) -> Rollout | None:
        env, actor, measure = self.env, behaviour.actor, self.stopwatch.measure
        self._clear()
        with measure(behaviour.clock or "env"):
            env.reset(seeds)
        tally = Tally(env, len(seeds))
        carry = actor.initial_carry(env.num_envs)
        observation = env.observe()
        self._store_slot(0, observation, tally.running)
        step = 0
        while tally.running.any():
            with measure(behaviour.clock or "acting"):
                acted = ask(behaviour, to_tensors(observation, self.device), carry)
                carry, actions = acted.carry, acted.actions.cpu().numpy()
            with measure(behaviour.clock or "env"):
                result = env.step(actions)
                self._store_step(step, actions, acted, result, tally.running)
                observation = env.observe()
                self._store_slot(step + 1, observation, tally.running)
                tally.add(result)
            step += 1
        return self._rollout(tally.episodes(), first)

    def _clear(self) -> None:
        for name in self.layout.names("slot", "step"):
            self.staging[name].zero_()

    def _store_slot(self, slot: int, observation: Observation, running: NDArray[np.bool_]) -> None:
        for name in self.layout.names("slot"):
            self._store(name, slot, getattr(observation, name), running)

    def _store_step(
        self,
        step: int,
        actions: NDArray[Any],
        acted: Acted,
        result: Step,
        running: NDArray[np.bool_],
    ) -> None:
        self._store("actions", step, actions, running)
        self._store("reward", step, result.reward[:, None], running)
        self._store("terminated", step, result.terminated[:, None], running)
        for name, values in acted.extras.items():
            self._store(name, step, values.cpu().numpy(), running)
        self.staging.filled[:, step].numpy()[:] = running[:, None]

    def _store(self, name: str, at: int, values: NDArray[Any], running: NDArray[np.bool_]) -> None:
        target = self.staging[name][:, at].numpy()
        np.copyto(target, values, where=running.reshape(-1, *[1] * (target.ndim - 1)))

    def _rollout(self, episodes: Episodes, first: int) -> Rollout | None:
        """The episodes that came through; None where none did."""
        if not episodes.intact.any():
            return None
        self.staging.episode[:] = first + torch.arange(self.env.num_envs)
        batch = self.staging.rows(0, len(episodes.intact))
        if not episodes.intact.all():
            kept = torch.from_numpy(np.flatnonzero(episodes.intact))
            batch = batch.take(kept)
        if "won" in self.layout and "battle_won" in episodes.outcomes:
            batch["won"][:] = torch.from_numpy(episodes.outcomes["battle_won"] > 0)
        ended = np.ones(batch.size, dtype=np.bool_)
        return Rollout(**vars(episodes), batch=batch.trim(), ended=ended)


def incidents_of(env: VecEnv) -> dict[str, float]:
    """Counts of what went wrong in the environments since the start, where they can break."""
    return env.incidents() if isinstance(env, Breakable) else {}


def to_tensors(observation: Observation, device: torch.device) -> ObservationTensors:
    """The observation on `device`; on the CPU it shares its memory."""
    avail = observation.avail
    return ObservationTensors(
        torch.from_numpy(observation.obs).to(device),
        torch.from_numpy(observation.state).to(device),
        None if avail is None else torch.from_numpy(avail).to(device),
    )


def ask(behaviour: Behaviour, observation: ObservationTensors, carry: Carry) -> Acted:
    """The actor's answer; Stopped where none is wanted any more."""
    if behaviour.stopping():
        raise Stopped
    return behaviour.actor.act(
        observation, carry, behaviour.progress, behaviour.rng, behaviour.greedy
    )

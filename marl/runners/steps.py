"""Collects a fixed number of steps from each environment, across the ends of episodes.

An environment whose episode ends begins its next one at once. A row of the batch is what one
episode has in the collection: it may begin after the episode's start and stop before its end, and
its last slot holds the true last observation, so that a limit bootstraps from what it cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.batch import EpisodeBatch, Layout, Level
from marl.config.schema import option
from marl.protocols.acting import Behaviour, Carry, Stopped
from marl.protocols.collecting import Episodes, Rollout
from marl.protocols.environments import Breakable, Observation, VecEnv
from marl.protocols.loop import State
from marl.runners.episodes import EpisodeRunner, Tally, ask, incidents_of, to_tensors
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import EnvSpec


@dataclass(frozen=True)
class StepRolloutConfig:
    """A collection is a number of steps of each environment."""

    kind: ClassVar[str] = "steps"
    whole_episodes: ClassVar[bool] = False
    steps: int = option(1, low=1, high=10**6)  # of each environment

    def longest(self, spec: EnvSpec) -> int:
        return self.steps

    def build(
        self, env: VecEnv, layout: Layout, device: torch.device, stopwatch: Stopwatch
    ) -> StepRunner:
        return StepRunner(env, layout, device, stopwatch, self.steps)


class StepRunner:
    """Goes on with the episodes that run in its environments from one collection to the next.

    Its state for a checkpoint is the seeds and actions of the running episodes: an episode is a
    function of them, so they are played again. Where it is not (backend=game), episodes are begun
    anew. Of an episode that breaks off there the present row is dropped; rows of earlier
    collections were true, and are given away already.
    """

    def __init__(
        self,
        env: VecEnv,
        layout: Layout,
        device: torch.device,
        stopwatch: Stopwatch,
        steps: int,
    ) -> None:
        self.env = env
        self.layout = layout
        self.device = device
        self.stopwatch = stopwatch
        self.steps = steps
        self.tally = Tally(env, 0)
        self.carry: Carry = {}
        self.seeds = np.zeros(env.num_envs, dtype=np.uint64)  # of the running episodes, [E]
        self.numbers = np.zeros(env.num_envs, dtype=np.int64)  # of the running episodes, [E]
        self.played: list[list[NDArray[Any]]] = [[] for _ in range(env.num_envs)]  # [A...] each

    @torch.no_grad()
    def collect(self, behaviour: Behaviour, seeds: EpisodeSeeds) -> Rollout:
        """The next steps of all environments, and the episodes that ended in them."""
        before = dict(self.carry), self.numbers.copy(), self.seeds.copy(), list(self.played)
        lengths = [len(actions) for actions in self.played]
        try:
            return self._collect(behaviour, seeds)
        except Stopped:  # their lists only ever grow, and a new episode has a new one
            self.carry, self.numbers, self.seeds, played = before
            self.played = [own[:n] for own, n in zip(played, lengths, strict=True)]
            raise

    def _collect(self, behaviour: Behaviour, seeds: EpisodeSeeds) -> Rollout:
        env, measure = self.env, self.stopwatch.measure
        segments = Segments(self.layout, env.num_envs, self.steps)
        finished: list[Episodes] = []
        if not self.carry:
            self.carry = behaviour.actor.initial_carry(env.num_envs)
            self._begin(np.arange(env.num_envs), seeds, behaviour)
        observation = env.observe()
        segments.open(np.arange(env.num_envs), observation, self.numbers, self.played)
        for _ in range(self.steps):
            with measure(behaviour.clock or "acting"):
                acted = ask(behaviour, to_tensors(observation, self.device), self.carry)
                self.carry, actions = acted.carry, acted.actions.cpu().numpy()
            with measure(behaviour.clock or "env"):
                result = env.step(actions)
                step = {"actions": actions, "reward": result.reward[:, None]}
                step["terminated"] = result.terminated[:, None]
                step |= {name: values.cpu().numpy() for name, values in acted.extras.items()}
                observation = env.observe()
                segments.add(step, observation)
                for played, action in zip(self.played, actions, strict=True):
                    played.append(action)
                self.tally.add(result)
                ended = np.flatnonzero(~self.tally.running)
                if len(ended):
                    finished.append(self.tally.episodes(ended))
                    segments.close(ended, finished[-1].intact)
                    self._begin(ended, seeds, behaviour)
                    observation = env.observe()
                    segments.open(ended, observation, self.numbers, self.played)
        return _rollout(finished, segments, env)

    def _begin(self, rows: NDArray[np.int64], seeds: EpisodeSeeds, behaviour: Behaviour) -> None:
        """Begin the next episodes in these environments."""
        self.numbers[rows] = seeds.following + np.arange(len(rows))
        self.seeds[rows] = seeds.take(len(rows))
        self.env.reset(self.seeds[rows], rows)
        self.tally.restart(rows)
        fresh = behaviour.actor.initial_carry(len(rows))
        where = torch.from_numpy(rows).to(self.device)
        for name, values in fresh.items():
            self.carry[name] = self.carry[name].index_copy(0, where, values)
        for row in rows:
            self.played[row] = []

    def for_tests(self, build: Callable[[], VecEnv]) -> EpisodeRunner:
        """One with another environment: episodes run on in this one's."""
        return EpisodeRunner(build(), self.layout, self.device, self.stopwatch)

    def incidents(self) -> dict[str, float]:
        """What went wrong in the environments since the start, where they can break."""
        return incidents_of(self.env)

    def state_dict(self) -> State:
        """Seeds and actions of the running episodes, and what the actor remembers of them."""
        if not self.carry or isinstance(self.env, Breakable):
            return {}
        return {
            "carry": dict(self.carry),
            "numbers": self.numbers.tolist(),
            "seeds": self.seeds.tolist(),
            "played": [torch.from_numpy(np.array(actions)) for actions in self.played],
        }

    def load_state_dict(self, state: State) -> None:
        """Play the running episodes again up to where they stood."""
        if not state:
            return
        for name in ("seeds", "numbers", "played"):
            if len(state[name]) != self.env.num_envs:
                held = len(state[name])
                raise ValueError(f"{held} episodes ran, {self.env.num_envs} are needed ({name})")
        for actions in state["played"]:
            self._check_played(actions)
        self.carry = {name: values.to(self.device) for name, values in state["carry"].items()}
        self.numbers = np.array(state["numbers"], dtype=np.int64)
        self.seeds = np.array(state["seeds"], dtype=np.uint64)
        self.played = [list(actions.cpu().numpy()) for actions in state["played"]]
        self._play_again()

    def _check_played(self, actions: Tensor) -> None:
        """Refuse what are no actions of a running episode; the environment checks each of them."""
        column, limit = self.layout["actions"], self.env.spec.episode_limit
        if len(actions) >= limit:
            raise ValueError(f"an episode ran for {len(actions)} steps, its limit is {limit}")
        if len(actions) and (actions.shape[1:] != column.shape or actions.dtype != column.dtype):
            raise ValueError(f"actions are {actions.dtype} {tuple(actions.shape[1:])}")

    def _play_again(self) -> None:
        """Step all environments together: the longer an episode has run, the sooner it begins."""
        lengths = np.array([len(actions) for actions in self.played])
        some = next((actions[0] for actions in self.played if actions), None)
        self.env.reset(self.seeds[:0])  # all stay idle
        for left in range(int(lengths.max()), -1, -1):
            rows = np.flatnonzero(lengths == left)
            if len(rows):
                self.env.reset(self.seeds[rows], rows)
                self.tally.restart(rows)
            if left:
                assert some is not None
                joint = np.zeros((self.env.num_envs, *some.shape), dtype=some.dtype)
                for row in np.flatnonzero(lengths >= left):
                    joint[row] = self.played[row][len(self.played[row]) - left]
                self.tally.add(self.env.step(joint))


@dataclass
class Segment:
    """What one episode has in a collection, so far."""

    env: int
    slot: int  # its first one, of those of its environment
    step: int
    number: int  # of the episode
    previous: NDArray[Any] | None  # the action before it; None: it begins at the episode's start
    stop: int = -1  # the step after its last one; -1: it still runs
    ended: bool = False  # with the episode
    intact: bool = True  # the episode did not break off


class Segments:
    """The rows of a batch while they are collected."""

    def __init__(self, layout: Layout, num_envs: int, steps: int) -> None:
        """steps: T, of each environment."""
        self.layout = layout
        # An episode that ends has a slot more than steps.
        self.slots = _storage(layout, "slot", num_envs, 2 * steps + 1)
        self.steps = _storage(layout, "step", num_envs, steps)
        self.taken = 0  # steps, of each environment
        self.shown = np.zeros(num_envs, dtype=np.int64)  # slots written, [E]
        self.running: dict[int, Segment] = {}  # by environment
        self.closed: list[Segment] = []

    def open(
        self,
        rows: NDArray[np.int64],
        observation: Observation,
        numbers: NDArray[np.int64],
        played: list[list[NDArray[Any]]],
    ) -> None:
        """Begin a row for the episode that runs in each of these environments.

        numbers: of the episodes, [E]; played: the actions that they have had.
        """
        for e in rows.tolist():
            previous = played[e][-1] if played[e] else None
            self.running[e] = Segment(e, int(self.shown[e]), self.taken, int(numbers[e]), previous)
        self._show(rows, observation)

    def add(self, step: dict[str, NDArray[Any]], observation: Observation) -> None:
        """One step of all environments by column, and what they show after it."""
        for name, values in step.items():
            self.steps[name][:, self.taken] = values
        self.taken += 1
        self._show(np.arange(len(self.shown)), observation)

    def close(self, rows: NDArray[np.int64], intact: NDArray[np.bool_]) -> None:
        """End the rows of these environments with their episodes."""
        for e, whole in zip(rows.tolist(), intact.tolist(), strict=True):
            segment = self.running.pop(e)
            segment.stop, segment.ended, segment.intact = self.taken, True, whole
            self.closed.append(segment)

    def finish(self) -> tuple[EpisodeBatch, NDArray[np.bool_]]:
        """The rows that hold a step, by environment and time, and whether episodes ended, [B]."""
        for segment in self.running.values():
            segment.stop = self.taken
        every = sorted([*self.closed, *self.running.values()], key=lambda s: (s.env, s.step))
        rows = [s for s in every if s.intact and s.stop > s.step]
        longest = max((s.stop - s.step for s in rows), default=1)
        batch = EpisodeBatch.zeros(self.layout, len(rows), longest)
        for row, segment in enumerate(rows):
            length = segment.stop - segment.step
            slots = slice(segment.slot, segment.slot + length + 1)
            for name, values in self.slots.items():
                batch[name][row, : length + 1].numpy()[:] = values[segment.env, slots]
            for name, values in self.steps.items():
                if name != "filled":
                    part = values[segment.env, segment.step : segment.stop]
                    batch[name][row, :length].numpy()[:] = part
            batch.filled[row, :length] = True
            batch.episode[row] = segment.number
            batch.started[row] = segment.previous is None
            if segment.previous is not None:
                batch.previous_actions[row] = torch.from_numpy(segment.previous)
        return batch, np.array([segment.ended for segment in rows], dtype=np.bool_)

    def _show(self, rows: NDArray[np.int64], observation: Observation) -> None:
        at = self.shown[rows]
        for name, storage in self.slots.items():
            storage[rows, at] = getattr(observation, name)[rows]
        self.shown[rows] += 1


def _storage(layout: Layout, level: Level, num_envs: int, width: int) -> dict[str, NDArray[Any]]:
    """Room for `width` entries of each environment, by column of the level."""
    return {
        name: torch.empty(num_envs, width, *layout[name].shape, dtype=layout[name].dtype).numpy()
        for name in layout.names(level)
    }


def _rollout(finished: list[Episodes], segments: Segments, env: VecEnv) -> Rollout:
    """The batch, and how the episodes that ended in it went."""
    batch, ended = segments.finish()
    names = list(env.outcomes())
    return Rollout(
        returns=np.concatenate([[], *(part.returns for part in finished)]),
        lengths=np.concatenate([[], *(part.lengths for part in finished)]).astype(np.int64),
        outcomes={
            name: np.concatenate([[], *(part.outcomes[name] for part in finished)]).astype(
                np.float32
            )
            for name in names
        },
        truncated=np.concatenate([[], *(part.truncated for part in finished)]).astype(np.bool_),
        intact=np.concatenate([[], *(part.intact for part in finished)]).astype(np.bool_),
        batch=batch,
        ended=ended,
    )

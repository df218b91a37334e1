"""Battles of the game itself behind the VecEnv contract, one worker process for each.

Differences from other environments:

- An episode does not follow from its seed: the game draws its own random numbers. The seed decides
  the clients' draws (all of SMACv2's teams and positions, as with backend=engine), and the first
  episode of a worker seeds its game.
- An episode may break off, because a worker or its game crashed, hung or grew too large. It ends as
  truncated and is `broken`: the runner must drop it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.envs.acting import whole_actions
from marl.envs.game.message import Message
from marl.envs.game.options import GameConfig
from marl.envs.game.supervisor import Supervisor, Worker
from marl.errors import EnvError
from marl.protocols.environments import Observation, Step
from marl.spec import Discrete, EnvSpec

OUTCOMES = ("battle_won", "dead_allies", "dead_enemies")
GAME_SEEDS = 2**31  # the game's seed is a signed number of 32 bits
NO_OP = 0


@dataclass(frozen=True)
class GamePlan:
    """The client and its battles. draw: SMACv2's episode_config from an episode's seed."""

    name: str  # of the spec, e.g. sc2-game/3m
    python: str
    make: Mapping[str, Any]  # the request that makes a client, see client.py
    draw: Callable[[int], dict[str, Any]] | None = None


class GameEnv:
    """E clients in lock-step. The first worker starts at once, a game at its first reset."""

    def __init__(self, plan: GamePlan, game: GameConfig, num_envs: int) -> None:
        self.num_envs = num_envs
        self._plan, self._game = plan, game
        self._supervisor = Supervisor(game, plan.python, [{**plan.make}] * num_envs)
        # Also without a call of `close`, and when the interpreter ends.
        self._finalizer = weakref.finalize(self, self._supervisor.close)
        self._dropped = 0
        sizes = self._first_sizes()
        self.spec = EnvSpec(
            plan.name,
            n_agents=sizes["n_agents"],
            action=Discrete(sizes["n_actions"]),
            obs_dim=sizes["obs_dim"],
            state_dim=sizes["state_dim"],
            episode_limit=sizes["episode_limit"],
            reports_win=True,
        )
        e, a = num_envs, sizes["n_agents"]
        self._observation = Observation(
            np.zeros((e, a, sizes["obs_dim"]), dtype=np.float32),
            np.zeros((e, sizes["state_dim"]), dtype=np.float32),
            np.zeros((e, a, sizes["n_actions"]), dtype=np.bool_),
        )
        self._observation.mask[:, :, NO_OP] = True
        self._step = Step(
            np.zeros(e, dtype=np.float32), np.ones(e, dtype=np.bool_), np.zeros(e, dtype=np.bool_)
        )
        self._running = np.zeros(e, dtype=np.bool_)
        self._broken = np.zeros(e, dtype=np.bool_)
        self._outcomes = {name: np.zeros(e, dtype=np.float32) for name in OUTCOMES}

    def _first_sizes(self) -> dict[str, int]:
        first = self._supervisor.workers[0]
        first.request = self._request(np.uint64(0))
        while True:
            try:
                sizes, _ = self._supervisor.ready([first])
            except BaseException:
                self.close()
                raise
            if sizes:
                return sizes[0]

    def _request(self, seed: np.uint64) -> dict[str, Any]:
        options = {**self._plan.make["options"], "seed": int(seed % GAME_SEEDS)}
        return {**self._plan.make, "options": options}

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        """Start battles from seeds[i]; without rows those from len(seeds) on stay idle (ended).

        Replaces dead, old and large workers first. EnvError where that keeps failing.
        """
        begun = np.arange(len(seeds)) if rows is None else rows
        cleared = slice(None) if rows is None else rows
        workers = [self._supervisor.workers[e] for e in begun]
        self._running[cleared], self._broken[cleared] = False, False
        self._step.terminated[cleared], self._step.truncated[cleared] = True, False
        self._step.reward[cleared] = 0.0
        for values in self._outcomes.values():
            values[cleared] = 0.0
        self._supervisor.recycle(workers)
        seed_of = dict(zip(begun.tolist(), seeds, strict=True))
        while left := [worker for worker in workers if not self._running[worker.index]]:
            self._begin(left, seed_of)
        self._step.terminated[begun] = False

    def _begin(self, workers: list[Worker], seeds: Mapping[int, np.uint64]) -> None:
        """Try to begin the battle of each worker. seeds: by the worker's index."""
        for worker in workers:
            if worker.process is None or worker.episodes == 0:
                worker.request = self._request(seeds[worker.index])
        _, failed = self._supervisor.ready(workers)
        alive = [worker for worker in workers if worker not in failed]
        for worker in alive:
            seed = int(seeds[worker.index])
            drawn = None if self._plan.draw is None else self._plan.draw(seed)
            worker.send({"do": "reset", "seed": seed, "episode": drawn})
        launching = any(worker.episodes == 0 for worker in alive)
        seconds = self._game.launch_seconds if launching else self._game.call_seconds
        for index, message in self._supervisor.answers(alive, seconds).items():
            self._supervisor.workers[index].episodes += 1
            self._take_observation(index, message)
            self._running[index] = True

    def observe(self) -> Observation:
        """Views that the next step or reset overwrites."""
        return self._observation

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Advance the running battles; an action outside the mask is refused. actions: [E,A]."""
        self._require_legal(actions)
        step, running = self._step, np.flatnonzero(self._running)
        step.reward[:] = 0.0
        workers = [self._supervisor.workers[e] for e in running]
        for worker in workers:
            worker.send({"do": "step", "actions": actions[worker.index].tolist()})
        answers = self._supervisor.answers(workers, self._game.call_seconds)
        for worker in workers:
            e = worker.index
            if e in answers:
                self._take(e, answers[e])
                continue
            self._running[e], self._broken[e], step.truncated[e] = False, True, True
            self._dropped += 1
        return step

    def _take(self, e: int, message: Message) -> None:
        """Take over the results of a step."""
        header, step = message[0], self._step
        step.reward[e] = header["reward"]
        step.terminated[e], step.truncated[e] = header["terminated"], header["truncated"]
        for name, values in self._outcomes.items():
            values[e] = header[name]
        self._take_observation(e, message)
        if step.terminated[e] or step.truncated[e]:
            self._running[e] = False
            self._supervisor.workers[e].finished()

    def _take_observation(self, e: int, message: Message) -> None:
        """Take over the state, the observations and the mask of a message."""
        observation = self._observation
        obs, state, avail = observation.obs[e], observation.state[e], observation.mask[e]
        raw = message[1]
        if len(raw) != state.nbytes + obs.nbytes + avail.nbytes:
            raise EnvError(
                f"{self.spec.name}: the client sent {len(raw)} bytes, but its sizes make "
                f"{state.nbytes + obs.nbytes + avail.nbytes}"
            )
        first, second = state.nbytes, state.nbytes + obs.nbytes
        state[:] = np.frombuffer(raw[:first], dtype=np.float32)
        obs[:] = np.frombuffer(raw[first:second], dtype=np.float32).reshape(obs.shape)
        avail[:] = np.frombuffer(raw[second:], dtype=np.bool_).reshape(avail.shape)

    def _require_legal(self, actions: NDArray[np.int64]) -> None:
        avail = self._observation.mask
        known = whole_actions(actions, avail.shape[:2], avail.shape[2], self._running)
        legal = np.take_along_axis(avail, known[..., None], axis=2)[..., 0]
        for e, agent in np.argwhere(~legal & self._running[:, None]):
            raise EnvError(
                f"environment {e}, agent {agent}: action {actions[e, agent]} is not available; "
                f"available: {np.flatnonzero(avail[e, agent]).tolist()}"
            )

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        """battle_won, dead_allies and dead_enemies so far, [E] each."""
        return self._outcomes

    def broken(self) -> NDArray[np.bool_]:
        """Episodes that broke off since the last reset, [E]; they are no results."""
        return self._broken

    def incidents(self) -> dict[str, float]:
        """Counts of replaced workers and dropped episodes since the start."""
        return {
            "env_restarts": float(self._supervisor.restarts),
            "env_recycled": float(self._supervisor.recycled),
            "env_episodes_dropped": float(self._dropped),
        }

    def close(self) -> None:
        """End all games and workers."""
        self._finalizer()

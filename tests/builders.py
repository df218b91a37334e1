"""Small specs, random batches, and an environment of random numbers for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marl.batch import WON, EpisodeBatch, Layout, layout_of
from marl.protocols.environments import Observation, Step
from marl.spec import Continuous, Discrete, EnvSpec

SMALL = EnvSpec(
    "test/small", n_agents=3, action=Discrete(5), obs_dim=6, state_dim=7, episode_limit=9
)
ONE_AGENT = replace(SMALL, name="test/one", n_agents=1)
VECTORS = replace(
    ONE_AGENT, name="test/vectors", action=Continuous(low=(-2.0, 0.0), high=(2.0, 0.5))
)
TEAM_OF_VECTORS = replace(VECTORS, name="test/vector_team", n_agents=3)
STALKERS = EnvSpec("test/3s_vs_5z", 3, Discrete(11), 48, 68, 250, reports_win=True)


def random_batch(
    spec: EnvSpec,
    size: int,
    seed: int = 0,
    lengths: list[int] | None = None,
    layout: Layout | None = None,
) -> EpisodeBatch:
    """Episodes of random numbers, legal actions, given (or full) lengths, zero padding.

    layout: the spec's with `won` where it is not given; other columns that parts add stay zero.
    """
    rng = torch.Generator().manual_seed(seed)
    lengths = lengths or [spec.episode_limit] * size
    steps = max(lengths)
    batch = EpisodeBatch.zeros(layout or layout_of(spec, [WON]), size, steps)
    batch.obs.copy_(torch.rand(batch.obs.shape, generator=rng))
    batch.state.copy_(torch.rand(batch.state.shape, generator=rng))
    if isinstance(spec.action, Discrete):
        batch.avail.copy_(torch.rand(batch.avail.shape, generator=rng) < 0.6)
        batch.avail[..., 0] = True
        scores = torch.rand(batch.avail.shape, generator=rng) * batch.avail
        batch.actions.copy_(scores[:, :-1].argmax(-1))
    else:
        low, high = torch.tensor(spec.action.low), torch.tensor(spec.action.high)
        share = torch.rand(batch.actions.shape, generator=rng)
        batch.actions.copy_(low + share * (high - low))
    batch.reward.copy_(torch.rand(batch.reward.shape, generator=rng))
    if "won" in batch.layout:
        batch["won"].copy_(torch.rand(size, generator=rng) < 0.5)
    batch.episode.copy_(torch.arange(size))
    batch.started.fill_(True)
    for row, length in enumerate(lengths):
        batch.filled[row, :length] = True
        batch.terminated[row, length - 1] = True
        for name in batch.layout.names("slot"):
            batch[name][row, length + 1 :] = 0
        for name in batch.layout.names("step"):
            batch[name][row, length:] = 0
    return batch


class NoiseEnv:
    """Episodes of random numbers and lengths, each a function of its seed alone, for any spec.

    Even seeds end in a terminal state, odd ones are cut off; a third of the episodes is won.
    """

    def __init__(self, spec: EnvSpec, num_envs: int) -> None:
        self.spec = spec
        self.num_envs = num_envs
        discrete = isinstance(spec.action, Discrete)
        shape = (num_envs, spec.n_agents, spec.n_actions) if discrete else None
        self._obs = np.zeros((num_envs, spec.n_agents, spec.obs_dim), dtype=np.float32)
        self._state = np.zeros((num_envs, spec.state_dim), dtype=np.float32)
        self._avail = None if shape is None else np.ones(shape, dtype=np.bool_)
        self._rngs = [np.random.default_rng(0) for _ in range(num_envs)]
        self._left = np.zeros(num_envs, dtype=np.int64)  # steps until the end, [E]
        self._seeds = np.zeros(num_envs, dtype=np.uint64)

    def reset(self, seeds: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> None:
        if rows is None:
            rows = np.arange(len(seeds))
            self._left[:] = 0
        for row, seed in zip(rows.tolist(), seeds, strict=True):
            self._seeds[row] = seed
            self._rngs[row] = np.random.default_rng(int(seed))
            self._left[row] = self._rngs[row].integers(1, self.spec.episode_limit + 1)
            self._show(row)

    def _show(self, row: int) -> None:
        rng = self._rngs[row]
        self._obs[row] = rng.random(self._obs[row].shape)
        self._state[row] = rng.random(self._state[row].shape)
        if self._avail is not None:
            self._avail[row] = rng.random(self._avail[row].shape) < 0.6
            self._avail[row, :, 0] = True

    def observe(self) -> Observation:
        return Observation(self._obs, self._state, self._avail)

    def step(self, actions: NDArray[Any]) -> Step:
        reward = np.zeros(self.num_envs, dtype=np.float32)
        ended = self._left == 1
        for row in np.flatnonzero(self._left):
            if self._avail is not None:
                legal = np.take_along_axis(self._avail[row], actions[row][:, None], axis=-1)
                assert legal.all(), "an action that is not available"
            reward[row] = self._rngs[row].random()
            self._left[row] -= 1
            self._show(row)
        odd = self._seeds % np.uint64(2) == 1
        return Step(reward, ended & ~odd, ended & odd)

    def outcomes(self) -> dict[str, NDArray[np.float32]]:
        if not self.spec.reports_win:
            return {}
        won = (self._left == 0) & (self._seeds % np.uint64(3) == 0)
        return {"battle_won": won.astype(np.float32)}

    def close(self) -> None:
        """Holds nothing."""

"""Small specs and random batches for tests."""

from __future__ import annotations

import torch

from marl.batch import EpisodeBatch
from marl.spec import EnvSpec

SMALL = EnvSpec("test/small", n_agents=3, n_actions=5, obs_dim=6, state_dim=7, episode_limit=9)
STALKERS = EnvSpec("test/3s_vs_5z", 3, 11, 48, 68, 250, reports_win=True)


def random_batch(
    spec: EnvSpec, size: int, seed: int = 0, lengths: list[int] | None = None
) -> EpisodeBatch:
    """Episodes of random numbers, legal actions, given (or full) lengths, zero padding."""
    rng = torch.Generator().manual_seed(seed)
    lengths = lengths or [spec.episode_limit] * size
    steps = max(lengths)
    batch = EpisodeBatch.empty(spec, size, steps).map(lambda tensor: tensor.zero_())
    batch.previous_actions.fill_(-1)
    batch.obs.copy_(torch.rand(batch.obs.shape, generator=rng))
    batch.state.copy_(torch.rand(batch.state.shape, generator=rng))
    batch.avail.copy_(torch.rand(batch.avail.shape, generator=rng) < 0.6)
    batch.avail[..., 0] = True
    scores = torch.rand(batch.avail.shape, generator=rng) * batch.avail
    batch.actions.copy_(scores[:, :-1].argmax(-1))
    batch.reward.copy_(torch.rand(batch.reward.shape, generator=rng))
    batch.won.copy_(torch.rand(size, generator=rng) < 0.5)
    batch.episode.copy_(torch.arange(size))
    for row, length in enumerate(lengths):
        batch.filled[row, :length] = True
        batch.terminated[row, length - 1] = True
        for name in ("obs", "state", "avail"):
            getattr(batch, name)[row, length + 1 :] = 0
        batch.actions[row, length:] = 0
        batch.reward[row, length:] = 0
    return batch

"""A codebook trained alone, on states that are there already."""

from __future__ import annotations

import torch
from torch import Tensor

from marl.protocols.quantizing import QuantizerLearner


def train_alone(
    learner: QuantizerLearner,
    states: Tensor,
    slot: Tensor,
    episode: Tensor,
    updates: int,
    batch_size: int,
    rng: torch.Generator,
) -> None:
    """So many steps, each on all states of `batch_size` episodes drawn anew.

    states [N,S]; slot [N]: the time slot of each; episode [N]: whose it is, 0..B-1.
    """
    count = int(episode.max()) + 1
    for _ in range(updates):
        chosen = torch.isin(episode, torch.randperm(count, generator=rng)[:batch_size])
        learner.step(states[chosen], slot[chosen], int(slot[chosen].max()) + 1)

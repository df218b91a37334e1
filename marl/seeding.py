"""Seeds: every random stream of a run follows from its one seed."""

from __future__ import annotations

import random

import numpy as np
import torch
from numpy.typing import NDArray

# Streams that must never share their numbers.
TRAIN_EPISODES = 0
TEST_EPISODES = 1
EXPLORATION = 2
SAMPLING = 3
COLLECTED_EPISODES = 4


def episode_seeds(seed: int, stream: int, first: int, count: int) -> NDArray[np.uint64]:
    """Seeds of the episodes first, first + 1 ... of one stream, [count]."""
    words = [
        np.random.SeedSequence(seed, spawn_key=(stream, index)).generate_state(1, np.uint64)[0]
        for index in range(first, first + count)
    ]
    return np.array(words, dtype=np.uint64)


def generator(seed: int, stream: int) -> torch.Generator:
    """A CPU generator for one stream."""
    words = np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def seed_everything(seed: int) -> None:
    """Seed the global generators, from which only new networks draw their weights."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


class EpisodeSeeds:
    """The seeds of one stream's episodes, handed out in order."""

    def __init__(self, seed: int, stream: int, following: int = 0) -> None:
        """following: number of the episode that comes next."""
        self.seed = seed
        self.stream = stream
        self.following = following

    def take(self, count: int) -> NDArray[np.uint64]:
        """The seeds of the next `count` episodes, [count]."""
        seeds = episode_seeds(self.seed, self.stream, self.following, count)
        self.following += count
        return seeds

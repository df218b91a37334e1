"""Episodes that are there already: a run's replay, and datasets to mix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from marl.batch import WON, EpisodeBatch, Layout, layout_of
from marl.buffers.dataset import DatasetConfig
from marl.collect.playing import Rows, kept_columns
from marl.datasets.manifest import Manifest
from marl.datasets.reader import Reader
from marl.errors import ConfigError
from marl.protocols.experience import Buffer
from marl.spec import EnvSpec

AT_ONCE = 256  # rows of a replay that are looked at together


def replay_of(path: str, spec: EnvSpec) -> Buffer:
    """The replay of a run, with who won where it says so; ConfigError where it kept none."""
    columns = kept_columns(spec)
    config = DatasetConfig(path)
    try:
        return config.read(layout_of(spec, columns), spec).held
    except ConfigError:
        if WON not in columns:
            raise
    return config.read(layout_of(spec, [c for c in columns if c != WON]), spec).held


class Episodes:
    """The episodes of a replay, put together from its rows."""

    def __init__(self, replay: Buffer) -> None:
        self.replay = replay
        self.left_out = 0  # episodes whose beginning or middle the replay holds no more

    def rows(self) -> Rows:
        """Each episode as a batch of one row, the one that was begun first first."""
        for rows in self._by_number():
            parts = self.replay.episodes(rows)
            whole = in_a_row(parts)
            if whole is None:
                self.left_out += 1
            else:
                yield whole, None

    def _by_number(self) -> Iterator[Tensor]:
        """The rows of each episode, in order."""
        count = len(self.replay)
        numbers = torch.cat(
            [
                self.replay.episodes(torch.arange(first, min(first + AT_ONCE, count))).episode
                for first in range(0, count, AT_ONCE)
            ]
        )
        order = torch.argsort(numbers, stable=True)
        _, counts = torch.unique_consecutive(numbers[order], return_counts=True)
        yield from torch.split(order, counts.tolist())


def in_a_row(parts: EpisodeBatch) -> EpisodeBatch | None:
    """The parts of an episode, one after the other, as one row; None where they leave a gap."""
    lengths = parts.lengths
    rows = torch.arange(parts.size)
    last, first = parts.obs[rows, lengths], parts.obs[:, 0]
    if not bool(parts.started[0]) or bool(parts.started[1:].any()):
        return None
    if not torch.equal(last[:-1], first[1:]):
        return None
    if parts.size == 1:
        return parts.trim()
    whole = EpisodeBatch.zeros(parts.layout, 1, int(lengths.sum()))
    filled = parts.filled[..., 0]
    slots = torch.cat([filled, torch.zeros(parts.size, 1, dtype=torch.bool)], dim=1)
    slots[-1, lengths[-1]] = True  # the last slot of each part is the first of the next
    for name, column in parts.layout.items():
        if column.level == "episode":
            whole[name][0] = parts[name][-1 if name == "won" else 0]
        else:
            whole[name][0] = parts[name][slots if column.level == "slot" else filled]
    return whole


def mixed(
    folders: Sequence[Path], layout: Layout, spec: EnvSpec, steps: int | None, seed: int
) -> Rows:
    """Episodes of datasets, in drawn order: of each as many steps, or without `steps` all."""
    rng = np.random.default_rng(seed)
    share = None if steps is None else -(-steps // len(folders))
    for folder in folders:
        reader = Reader(folder, layout, spec)
        taken = 0
        for row in reader.episodes(rng.permutation(reader.count).tolist()):
            if share is not None and taken >= share:
                break
            taken += int(row.lengths.sum())
            yield row, None
        if share is not None and taken < share:
            raise ConfigError(f"steps: {folder} holds {taken:,} steps, and its share is {share:,}")


def layout_of_all(manifests: Sequence[Manifest], spec: EnvSpec) -> Layout:
    """The columns that all datasets have."""
    columns = kept_columns(spec)
    if not all("won_mean" in manifest.counts for manifest in manifests):
        columns = tuple(c for c in columns if c != WON)
    return layout_of(spec, columns)

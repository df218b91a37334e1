"""Experience that is there already: the replay of a run's checkpoint, to learn from offline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from marl.batch import EpisodeBatch, Layout
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.transitions import TransitionBuffer
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols.experience import Buffer, DataFile
from marl.protocols.loop import State
from marl.spec import EnvSpec
from marl.untrusted.files import open_regular
from marl.untrusted.tensors import load_tensors


@dataclass(frozen=True)
class DatasetConfig:
    """The replay that a run kept. path: the run's folder, or the models/<t_env> that has it."""

    kind: ClassVar[str] = "dataset"
    whole_episodes: ClassVar[bool] = True  # unless it holds single steps, which is seen later
    path: str = option("", path=True)

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path: name the folder of a run that kept its replay")

    def check(self, spec: EnvSpec, episodes: int, steps: int) -> None:
        """What it holds is known when it is read."""

    def refuse_too_small(self, episodes: int, steps: int) -> None:
        """What it holds is known when it is read."""

    def build(self, layout: Layout, spec: EnvSpec) -> Dataset:
        return Dataset(layout, partial(self.read, layout, spec))

    def read(self, layout: Layout, spec: EnvSpec) -> tuple[Buffer, DataFile]:
        """The replay and its file; ConfigError where none is there, or another environment's."""
        folder = Path(self.path)
        found = [*folder.glob("replay.pt"), *folder.glob("models/*/replay.pt")]
        if not found:
            raise ConfigError(
                f"buffer.path: {folder} holds no replay.pt; name where it is now, or a run whose "
                "newest checkpoint kept its replay (save_replay_buffer=True)"
            )
        file = max(found, key=lambda path: path.stat().st_mtime)
        try:
            buffer = _restored(layout, spec, load_tensors(file))
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise ConfigError(f"buffer.path: {file} does not fit {spec.name}: {error}") from error
        with open_regular(file) as bytes_of_it:
            digest = hashlib.file_digest(bytes_of_it, "sha256").hexdigest()
        return buffer, DataFile(str(file.resolve()), digest)


def _restored(layout: Layout, spec: EnvSpec, state: State) -> Buffer:
    """The buffer that wrote the state."""
    if "lengths" in state:
        buffer = EpisodeBuffer(layout, spec.episode_limit, max(1, len(state["lengths"])))
        buffer.load_state_dict(state)
        return buffer
    steps = TransitionBuffer(layout, max(1, len(state["filled"])))
    steps.load_state_dict(state)
    return steps


class Dataset:
    """A buffer that never changes, read when it is first used."""

    def __init__(self, layout: Layout, read: Callable[[], tuple[Buffer, DataFile]]) -> None:
        self.layout = layout
        self._read = read

    @cached_property
    def _found(self) -> tuple[Buffer, DataFile]:
        return self._read()

    @property
    def held(self) -> Buffer:
        """The replay."""
        return self._found[0]

    @property
    def file(self) -> DataFile:
        """Where it lies."""
        return self._found[1]

    @property
    def steps(self) -> int:
        """Steps in all rows together."""
        return self.held.steps

    @property
    def steps_gone(self) -> int:
        return self.held.steps_gone

    @property
    def rows_gone(self) -> int:
        return self.held.rows_gone

    def __len__(self) -> int:
        return len(self.held)

    def add(self, batch: EpisodeBatch) -> None:
        """ValueError for any row: a dataset stays as it is."""
        if batch.size:
            raise ValueError("a dataset takes no new experience; use rollout.kind=offline")

    def clear(self) -> None:
        """ValueError: a dataset stays as it is."""
        raise ValueError("a dataset is not emptied; use another sampler")

    def episodes(self, rows: Tensor) -> EpisodeBatch:
        return self.held.episodes(rows)

    def lengths(self, rows: Tensor) -> Tensor:
        return self.held.lengths(rows)

    def locate(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        return self.held.locate(picks)

    def slices(self, rows: Tensor, starts: Tensor, length: int) -> EpisodeBatch:
        return self.held.slices(rows, starts, length)

    def state_dict(self) -> State:
        """Nothing: it lies in `file`."""
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError("the checkpoint holds a replay, but this run learns from a dataset")

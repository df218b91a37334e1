"""Experience that is there already: a dataset, or the replay of a run's checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, NamedTuple

from torch import Tensor

from marl.batch import EpisodeBatch, Layout
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.transitions import TransitionBuffer
from marl.config.schema import option
from marl.datasets.files import DATA, MANIFEST, is_dataset, sha256_of
from marl.datasets.manifest import References, read_manifest
from marl.datasets.reader import Reader
from marl.errors import ConfigError
from marl.protocols.experience import Buffer, DataFile
from marl.protocols.loop import State
from marl.spec import EnvSpec
from marl.untrusted.tensors import load_tensors


class Found(NamedTuple):
    """Experience, and where it lies."""

    held: Buffer
    file: DataFile
    references: References = References()


@dataclass(frozen=True)
class DatasetConfig:
    """A dataset's folder, or the replay that a run kept: its folder, or the models/<t_env>."""

    kind: ClassVar[str] = "dataset"
    whole_episodes: ClassVar[bool] = True  # unless it holds single steps, which is seen later
    path: str = option("", path=True)

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path: name the folder of a dataset, or of a run that kept its replay")

    def check(self, spec: EnvSpec, episodes: int, steps: int) -> None:
        """What it holds is known when it is read."""

    def refuse_too_small(self, episodes: int, steps: int) -> None:
        """What it holds is known when it is read."""

    def build(self, layout: Layout, spec: EnvSpec) -> Dataset:
        return Dataset(layout, partial(self.read, layout, spec))

    def read(self, layout: Layout, spec: EnvSpec) -> Found:
        """The experience and its file; ConfigError where none is there, or another environment's.

        UnreadableError where a dataset is damaged.
        """
        folder = Path(self.path)
        if is_dataset(folder):
            return _read_dataset(folder, layout, spec)
        found = [*folder.glob("replay.pt"), *folder.glob("models/*/replay.pt")]
        if not found:
            raise ConfigError(
                f"buffer.path: {folder} is no dataset and holds no replay.pt; name where it is "
                "now, or a run whose newest checkpoint kept its replay (save_replay_buffer=True)"
            )
        file = max(found, key=lambda path: path.stat().st_mtime)
        state = load_tensors(file)
        if state == {}:
            raise ConfigError(f"buffer.path: {folder} learnt offline, so it kept no replay itself")
        try:
            buffer = _restored(layout, spec, state)
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise ConfigError(f"buffer.path: {file} does not fit {spec.name}: {error}") from error
        return Found(buffer, DataFile(str(file.resolve()), sha256_of(file)))


def _read_dataset(folder: Path, layout: Layout, spec: EnvSpec) -> Found:
    """All of a dataset's episodes, packed."""
    manifest = read_manifest(folder, "buffer.path")
    digest = sha256_of(folder / DATA)
    if manifest.sha256 not in (None, digest):
        raise ConfigError(
            f"buffer.path: {folder / DATA} is not the file that {MANIFEST} was written for: its "
            f"SHA-256 is {digest[:16]}..., not {str(manifest.sha256)[:16]}...; fetch it again"
        )
    reader = Reader(folder, layout, spec)
    buffer = EpisodeBuffer(layout, spec.episode_limit, max(1, reader.count))
    for row in reader.episodes():
        buffer.add(row)
    return Found(buffer, DataFile(str((folder / DATA).resolve()), digest), manifest.references)


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

    def __init__(self, layout: Layout, read: Callable[[], Found]) -> None:
        self.layout = layout
        self._read = read

    @cached_property
    def _found(self) -> Found:
        return self._read()

    @property
    def held(self) -> Buffer:
        """The experience."""
        return self._found.held

    @property
    def file(self) -> DataFile:
        """Where it lies."""
        return self._found.file

    def score(self, mean_return: float) -> float | None:
        """What a mean return is worth by the dataset's references; None where it has none."""
        return self._found.references.score(mean_return)

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

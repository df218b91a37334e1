"""Writes a dataset episode by episode; it is there whole in the end, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.batch import EpisodeBatch
from marl.datasets.files import DATA, METADATA, hdf5, sha256_of
from marl.datasets.manifest import Manifest, References
from marl.datasets.spaces import PARTS, action_space, is_plain, observation_space
from marl.errors import ConfigError
from marl.spec import EnvSpec

MINARI = "0.5.4"  # whose format this is


def refuse_taken(out: Path) -> None:
    """ConfigError where something lies in the folder, or it is none."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"out: {out} is a file; name a new folder")
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(f"out: {out} is not empty; name a new folder, or remove it")


class DatasetWriter:
    """The open file of a dataset."""

    def __init__(self, file: Any, spec: EnvSpec) -> None:
        self.spec = spec
        self.episodes = self.steps = self.terminated = 0
        self._returns: list[float] = []
        self._won: list[bool] = []
        self._file = file

    def add(self, rows: EpisodeBatch, seeds: NDArray[np.uint64] | None = None) -> None:
        """Write each row as an episode; one that does not end with it counts as truncated there.

        seeds: of the episodes, [B], where they are known.
        """
        for row, length in enumerate(rows.lengths.tolist()):
            self._add(rows.rows(row, row + 1), length, None if seeds is None else int(seeds[row]))

    def _add(self, row: EpisodeBatch, length: int, seed: int | None) -> None:
        group = self._file.create_group(f"episode_{self.episodes}")
        group.attrs["id"], group.attrs["total_steps"] = self.episodes, length
        if seed is not None:
            group.attrs["seed"] = np.uint64(seed)
        self._observations(group, row, length)
        actions = row.actions[0, :length].numpy()
        group["actions"] = actions[:, 0] if self.spec.n_agents == 1 else actions
        rewards = row.reward[0, :length, 0].numpy()
        group["rewards"] = rewards
        terminated = row.terminated[0, :length, 0].numpy()
        truncated = np.zeros(length, dtype=np.bool_)
        truncated[-1] = not terminated[-1]
        group["terminations"], group["truncations"] = terminated, truncated
        if "won" in row.layout:
            won = np.zeros(length + 1, dtype=np.bool_)
            won[-1] = bool(row["won"][0])
            group["infos/won"] = won
            self._won.append(bool(won[-1]))
        self.episodes += 1
        self.steps += length
        self.terminated += bool(terminated[-1])
        self._returns.append(float(rewards.sum(dtype=np.float64)))

    def _observations(self, group: Any, row: EpisodeBatch, length: int) -> None:
        shown = {name: row[name][0, : length + 1].numpy() for name in PARTS if name in row.layout}
        if not is_plain(self.spec):
            for name, values in shown.items():
                group[f"observations/{name}"] = (
                    values.astype(np.int8) if name == "avail" else values
                )
            return
        if (
            not np.array_equal(shown["obs"][:, 0], shown["state"])
            or not shown.get("avail", np.True_).all()
        ):
            raise ConfigError(
                f"{self.spec.name}: its agent does not see the state, or not every action is "
                "legal, and a dataset of one agent keeps neither"
            )
        group["observations"] = shown["obs"][:, 0]

    def counts(self) -> dict[str, float]:
        """What was written: sums, and the episodes' returns."""
        returns = np.array(self._returns)
        found: dict[str, float] = {
            "episodes": self.episodes,
            "steps": self.steps,
            "terminated": self.terminated,
            "truncated": self.episodes - self.terminated,
            "return_mean": float(returns.mean()),
            "return_std": float(returns.std()),
            "return_min": float(returns.min()),
            "return_max": float(returns.max()),
        }
        return found | ({"won_mean": float(np.mean(self._won))} if self._won else {})


@contextmanager
def new_dataset(
    out: Path,
    spec: EnvSpec,
    env: Mapping[str, object],
    made: Mapping[str, object],
    references: References,
    env_spec: str | None = None,
) -> Iterator[DatasetWriter]:
    """A writer; the folder `out` is there when the block ends, and not if it is left by an error.

    env_spec: a gymnasium environment's own, as JSON, by which Minari makes it again.
    """
    refuse_taken(out)
    h5py = hdf5()
    beside = out.with_name(f".{out.name}.{os.getpid()}.writing")
    try:
        (beside / "data").mkdir(parents=True)
        with h5py.File(beside / DATA, "x", libver=("earliest", "v110"), track_order=True) as file:
            writer = DatasetWriter(file, spec)
            yield writer
            if not writer.episodes:
                raise ConfigError(f"out: no episode came of this, so {out} is not made")
        metadata = _metadata(out.name, spec, writer, (beside / DATA).stat().st_size, env_spec)
        (beside / METADATA).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")
        digest = sha256_of(beside / DATA)
        Manifest(env, made, writer.counts(), references, digest).write(beside)
        beside.replace(out)  # an empty folder may be there
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _metadata(
    name: str, spec: EnvSpec, writer: DatasetWriter, size: int, env_spec: str | None
) -> dict[str, object]:
    """Minari's metadata."""
    found: dict[str, object] = {
        "dataset_id": name,
        "minari_version": MINARI,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "total_episodes": writer.episodes,
        "total_steps": writer.steps,
        "dataset_size": round(size / 1e6, 1),
        "observation_space": json.dumps(observation_space(spec)),
        "action_space": json.dumps(action_space(spec)),
        "algorithm_name": "",
        "author": [],
        "author_email": [],
        "description": f"{spec.name}; see manifest.json",
        "requirements": [],
    }
    return found if env_spec is None else found | {"env_spec": env_spec}

"""Reads a dataset episode by episode, whoever wrote it.

Of the HDF5 file only plain arrays of numbers are read, which lie in it whole: no links, no other
files, no compression, nothing that is filled in. All that is read is no larger than the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marl.batch import EpisodeBatch, Layout
from marl.datasets.files import DATA, METADATA, hdf5
from marl.datasets.spaces import Numbers, fits, is_plain, leaf, space_in
from marl.errors import ConfigError, UnreadableError, one_line
from marl.spec import Discrete, EnvSpec
from marl.untrusted.files import open_regular
from marl.untrusted.jsontext import read_json

# Columns that a row has without the file's help.
MADE = ("filled", "started", "previous_actions", "episode")


class Arrays:
    """The arrays of an HDF5 file, up to the file's size in all."""

    def __init__(self, file: Any, path: Path, h5py: Any) -> None:
        self.file, self.path, self.h5py = file, path, h5py
        self.left = path.stat().st_size

    def group(self, parent: Any, name: str) -> Any:
        """A group within another; None where there is none of the name."""
        return self._member(parent, name, self.h5py.Group)

    def read(self, parent: Any, name: str, where: str) -> NDArray[Any]:
        """An array within a group; UnreadableError where it is missing, or no plain one."""
        found = self._member(parent, name, self.h5py.Dataset)
        if found is None:
            raise UnreadableError(f"{self.path}: {where}: there is no {name}")
        if found.dtype.kind not in "fiub" or found.dtype.itemsize > 8 or not found.shape:
            raise UnreadableError(f"{self.path}: {where}: {name} is no array of numbers")
        plain = found.external is None and not found.is_virtual
        stored = found.id.get_storage_size()
        if not plain or found.id.get_create_plist().get_nfilters() or stored < found.nbytes:
            raise UnreadableError(
                f"{self.path}: {where}: {name} is compressed, lies elsewhere or is not all there; "
                "write it as it is"
            )
        self.left -= found.nbytes
        if self.left < 0:
            raise UnreadableError(f"{self.path}: {where}: its arrays are larger than the file")
        values: NDArray[Any] = found[()]
        return values

    def _member(self, parent: Any, name: str, kind: Any) -> Any:
        link = parent.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, self.h5py.HardLink):
            raise UnreadableError(f"{self.path}: {name} is a link to elsewhere")
        found = parent[name]
        return found if isinstance(found, kind) else None


class Reader:
    """The episodes of a dataset as rows of a batch."""

    def __init__(self, folder: Path, layout: Layout, spec: EnvSpec) -> None:
        """ConfigError where it is for other sizes than the environment's."""
        self.folder, self.layout, self.spec = folder, layout, spec
        self.path = folder / DATA
        where = folder / METADATA
        metadata = read_json(where)
        if not isinstance(metadata, dict) or type(metadata.get("total_episodes")) is not int:
            raise UnreadableError(f"{where}: is no metadata of a dataset")
        self.count: int = metadata["total_episodes"]
        if metadata.get("data_format", "hdf5") != "hdf5":
            raise UnreadableError(f"{where}: its data are not in HDF5; convert them with Minari")
        shown = space_in(metadata, "observation_space", str(where))
        acted = space_in(metadata, "action_space", str(where))
        self.observed = self._observed(shown)
        self.acted = leaf(acted, f"{where}: action_space")
        self._check_actions(acted)
        missing = [n for n in layout.names("slot") if n not in self.observed and n != "avail"]
        if missing:
            raise ConfigError(
                f"{folder}: has no {missing[0]}, which this environment or recipe needs"
            )
        other = [n for n in layout.names("step", "episode") if not self._can_fill(n)]
        if other:
            raise ConfigError(
                f"{folder}: has no {other[0]}, which this recipe keeps when it collects itself"
            )

    def _can_fill(self, name: str) -> bool:
        return name in (*MADE, "actions", "reward", "terminated", "won")

    def _observed(self, space: Any) -> dict[str, Numbers]:
        """Column -> how it lies there. An observation that is a vector is obs and state."""
        spec, where = self.spec, f"{self.folder / METADATA}: observation_space"
        if space.get("type") == "Dict":
            parts = space.get("subspaces")
            if not isinstance(parts, dict) or not {"obs", "state"} <= parts.keys():
                raise UnreadableError(
                    f"{where}: is a Dict without obs and state; it is none of ours"
                )
            found = {name: leaf(part, where) for name, part in parts.items()}
        else:
            found = dict.fromkeys(("obs", "state"), leaf(space, where))
            if not is_plain(spec):
                raise ConfigError(
                    f"{self.folder}: does not fit {spec.name}: it is of a single agent"
                )
        sizes = {"obs": spec.n_agents * spec.obs_dim, "state": spec.state_dim}
        for name, size in sizes.items():
            if found[name].width != size:
                raise ConfigError(
                    f"{self.folder}: does not fit {spec.name}: {name} has {found[name].width} "
                    f"numbers, not {size}"
                )
        return found

    def _check_actions(self, space: Any) -> None:
        spec = self.spec
        if spec.n_agents == 1:
            trouble = fits(space, spec.action, str(self.folder))
        else:
            width = 1 if isinstance(spec.action, Discrete) else spec.action.dim
            whole = self.acted.shape[:1] == (spec.n_agents,) and not self.acted.n
            same = whole and self.acted.width == spec.n_agents * width
            trouble = "" if same else f"of shape {self.acted.shape} for {spec.n_agents} agents"
        if trouble:
            raise ConfigError(f"{self.folder}: does not fit {spec.name}: its actions are {trouble}")

    def episodes(self, order: Iterable[int] | None = None) -> Iterator[EpisodeBatch]:
        """Each episode as a batch of one row; UnreadableError where the file is damaged.

        order: the numbers of those wanted; None: all.
        """
        h5py = hdf5()
        open_regular(self.path).close()
        try:
            with h5py.File(self.path, "r") as file:
                if len(file) != self.count:
                    raise UnreadableError(
                        f"{self.path}: holds {len(file)} episodes, and {METADATA} says {self.count}"
                    )
                arrays = Arrays(file, self.path, h5py)
                for number in range(self.count) if order is None else order:
                    group = arrays.group(file, f"episode_{number}")
                    if group is None:
                        raise UnreadableError(f"{self.path}: there is no episode_{number}")
                    yield self._episode(arrays, group, number)
        except (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
            raise UnreadableError(
                f"{self.path}: is damaged or cut off ({one_line(error)[:160]}); fetch it again"
            ) from None

    def _episode(self, arrays: Arrays, group: Any, number: int) -> EpisodeBatch:
        where = f"episode {number}"
        reward = self._column(arrays, group, "rewards", where)
        length = len(reward)
        if not 1 <= length <= self.spec.episode_limit:
            raise ConfigError(
                f"{self.folder}: {where} has {length} steps, and those of {self.spec.name} have 1 "
                f"to {self.spec.episode_limit}; set the environment's time limit"
            )
        row = EpisodeBatch.zeros(self.layout, 1, length)
        self._slots(arrays, group, where, row)
        actions = self._column(arrays, group, "actions", where, length)
        self._put(row, "actions", actions, self.acted, where)
        row.reward[0, :, 0] = torch.from_numpy(reward.reshape(length).astype(np.float32))
        terminated = self._column(arrays, group, "terminations", where, length).astype(np.bool_)
        truncated = self._column(arrays, group, "truncations", where, length).astype(np.bool_)
        early = np.flatnonzero((terminated | truncated).reshape(length)[:-1])
        if len(early):
            raise UnreadableError(f"{self.path}: {where}: goes on after its end at step {early[0]}")
        row.terminated[0, :, 0] = torch.from_numpy(terminated.reshape(length))
        row.filled.fill_(True)
        row.started.fill_(True)
        row.episode.fill_(number)
        if "won" in self.layout:
            infos = arrays.group(group, "infos")
            if infos is None:
                raise ConfigError(
                    f"{self.folder}: {where} does not say who won, as the recipe needs"
                )
            row["won"][0] = bool(self._column(arrays, infos, "won", where, length + 1)[-1])
        return row

    def _slots(self, arrays: Arrays, group: Any, where: str, row: EpisodeBatch) -> None:
        slots, plain = row.steps + 1, arrays.group(group, "observations") is None
        if plain:
            values = self._column(arrays, group, "observations", where, slots)
            for name in ("obs", "state"):
                self._put(row, name, values, self.observed[name], where)
            if "avail" in self.layout:
                row.avail.fill_(True)
            return
        inside = arrays.group(group, "observations")
        for name in self.layout.names("slot"):
            values = self._column(arrays, inside, name, where, slots)
            self._put(row, name, values, self.observed[name], where)

    def _column(
        self, arrays: Arrays, group: Any, name: str, where: str, length: int | None = None
    ) -> NDArray[Any]:
        """An array of this many steps or slots, all of it finite."""
        values = arrays.read(group, name, where)
        if length is not None and len(values) != length:
            raise UnreadableError(
                f"{self.path}: {where}: {name} has {len(values)} entries, and needs {length}"
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            step = int(np.argwhere(~np.isfinite(values))[0][0])
            raise UnreadableError(
                f"{self.path}: {where}, step {step}: {name} holds a number that is NaN or infinite"
            )
        return values

    def _put(
        self, row: EpisodeBatch, name: str, values: NDArray[Any], numbers: Numbers, where: str
    ) -> None:
        """Write a column's values into the row."""
        target = row[name][0]
        try:
            if name != "actions" or not isinstance(self.spec.action, Discrete):
                found = numbers.vectors(values)
            elif numbers.n:
                found = numbers.indices(values)
            else:
                found = Numbers((), self.spec.action.n).indices(values.reshape(-1))
            target.copy_(torch.from_numpy(found.astype(target.numpy().dtype)).view(target.shape))
        except (ValueError, RuntimeError) as error:
            raise UnreadableError(f"{self.path}: {where}: {name} {one_line(error)[:160]}") from None

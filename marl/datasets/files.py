"""The files of a dataset: where they lie, and the library that reads them.

<folder>/manifest.json         how it was made, and its SHA-256 (ours alone)
<folder>/data/metadata.json    Minari's: spaces, counts
<folder>/data/main_data.hdf5   Minari's: a group `episode_<i>` for each episode
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

from marl.errors import EnvError
from marl.untrusted.files import open_regular

MANIFEST = "manifest.json"
METADATA = "data/metadata.json"
DATA = "data/main_data.hdf5"


def hdf5() -> ModuleType:
    """The package h5py; EnvError where it is missing."""
    try:
        import h5py
    except ImportError:
        raise EnvError(
            "datasets are HDF5 files, and h5py is not installed; "
            "pip install marl-starcraft[offline]"
        ) from None
    module: ModuleType = h5py
    return module


def is_dataset(folder: Path) -> bool:
    """Whether it is the folder of a dataset."""
    return (folder / METADATA).is_file()


def sha256_of(path: Path) -> str:
    """The checksum of a regular file."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

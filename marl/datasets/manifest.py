"""What a dataset says of itself: environment, how it was made, what it is worth, checksum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from marl.datasets.files import DATA, MANIFEST, METADATA, is_dataset
from marl.errors import ConfigError, UnreadableError
from marl.untrusted.jsontext import read_json

FORMAT = 1


@dataclass(frozen=True)
class References:
    """Mean returns that scores are measured by; None where one is not known."""

    random: float | None = None
    expert: float | None = None

    def score(self, mean_return: float) -> float | None:
        """100 for the expert's return and 0 for the random policy's.

        None where one is missing, and where the expert's is not above the other.
        """
        if self.random is None or self.expert is None or self.expert <= self.random:
            return None
        return 100.0 * (mean_return - self.random) / (self.expert - self.random)


@dataclass(frozen=True)
class Manifest:
    """A dataset's facts. Of one from elsewhere only the environment is known, and that at best."""

    env: Mapping[str, object]  # the key `env` and the environment's own settings
    made: Mapping[str, object]  # how: policy, run, seed ...
    counts: Mapping[str, float]  # steps, episodes, return_mean ...
    references: References = References()
    sha256: str | None = None  # of the HDF5 file

    def write(self, folder: Path) -> None:
        """Write manifest.json."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path, key: str) -> Manifest:
    """A dataset's manifest, or what Minari's metadata say where it is from elsewhere.

    key: the option with the path, for messages. ConfigError where the folder is no dataset;
    UnreadableError where the manifest is none.
    """
    if not is_dataset(folder):
        raise ConfigError(
            f"{key}: {folder} is not the folder of a dataset: there is no {METADATA} in it; "
            "python run.py collect makes one"
        )
    if not (folder / DATA).is_file():
        raise ConfigError(f"{key}: {folder} has no {DATA}, so the dataset is not whole; copy it")
    path = folder / MANIFEST
    if not path.is_file():
        return Manifest(_recorded_env(folder), {}, {})
    return _checked(read_json(path), path)


def _checked(value: Any, path: Path) -> Manifest:
    """The manifest in a JSON value; UnreadableError where it is none."""
    try:
        if value["format"] != FORMAT:
            raise UnreadableError(f"{path}: has format {value['format']!r}, this reads {FORMAT}")
        references = References(*(_number(value["references"][k]) for k in ("random", "expert")))
        env, digest = value["env"], value["sha256"]
        if not isinstance(env, dict) or not isinstance(digest, str):
            raise TypeError
        return Manifest(env, dict(value["made"]), dict(value["counts"]), references, digest)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UnreadableError(
            f"{path}: is no manifest of a dataset; one from elsewhere is read without it"
        ) from None


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]


def _recorded_env(folder: Path) -> Mapping[str, object]:
    """The registered gymnasium environment that Minari's metadata name; empty where none is."""
    path = folder / METADATA
    metadata = read_json(path)
    text = metadata.get("env_spec") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        return {}
    try:
        spec = json.loads(text)
        env_id, limit = spec["id"], spec.get("max_episode_steps")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableError(f"{path}: its env_spec names no environment") from None
    # Nothing else of it counts: an entry point would be code to import.
    return {"env": "gymnasium", "env_id": env_id, "time_limit": limit or 0}

"""manifest.json: which parts a checkpoint has, and whether they are as they were written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from marl.errors import CheckpointError, UnreadableError
from marl.untrusted.files import open_regular
from marl.untrusted.jsontext import read_json

FORMAT = 2  # 1: before parts had seams of their own for rollouts and updates
MANIFEST = "manifest.json"
OPTIONAL = frozenset({"replay", "sampler"})  # large; only the newest checkpoint keeps them
PART = re.compile(r"[a-z_]+")


class DamagedError(CheckpointError):
    """A checkpoint that is not as it was written."""


def part_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.pt"


def manifest_of(folder: Path) -> dict[str, dict[str, object]]:
    """Part -> its size and checksum."""
    path = folder / MANIFEST
    if not path.is_file():
        raise DamagedError(f"{path} is missing")
    try:
        manifest = read_json(path)
    except UnreadableError:
        raise DamagedError(f"{path} is damaged") from None
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if type(version) is int and version != FORMAT:
        raise DamagedError(f"{path} has format {version}; this version reads format {FORMAT}")
    parts = manifest.get("parts") if isinstance(manifest, dict) else None
    if version != FORMAT or not isinstance(parts, dict) or not all(map(_is_entry, parts.items())):
        raise DamagedError(f"{path} is damaged")
    return parts


def _is_entry(part: tuple[str, object]) -> bool:
    """Whether a part's name and what the manifest says of it are of their kinds."""
    match part:
        case (str(name), {"bytes": int(), "sha256": str()}):
            return PART.fullmatch(name) is not None
    return False


def parts_in(folder: Path) -> dict[str, dict[str, object]]:
    """The manifest without pruned optional parts."""
    entries = manifest_of(folder)
    return {n: e for n, e in entries.items() if n not in OPTIONAL or part_file(folder, n).exists()}


def check_part(path: Path, entry: Mapping[str, object], contents: bool = True) -> None:
    """DamagedError if a part's file is not as it was written."""
    if not path.is_file():
        raise DamagedError(f"{path} is missing")
    size = path.stat().st_size
    if size != entry["bytes"]:
        raise DamagedError(f"{path} is damaged: {size} bytes instead of {entry['bytes']}")
    if not contents:
        return
    with open_regular(path) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
            raise DamagedError(f"{path} is damaged: its checksum differs")

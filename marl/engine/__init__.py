"""The battle simulator. It imports nothing else of marl but its errors.

numba caches compiled functions on disk and compares only the file of the function itself, not the
files of the functions that it calls. So each state of the engine's sources has a cache folder of
its own, and a changed rule never runs from an old cache. numba's config.CACHE_DIR, which names that
folder, is process-wide: other functions that the process caches are in it too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from numba import config

PREFIX = "compiled-"
DIGITS = 16
STALE_SECONDS = 3 * 24 * 3600


def sources_digest(folder: Path) -> str:
    """A digest of the names and contents of all Python files under `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:DIGITS]


def open_cache(folder: Path) -> None:
    """Mark the cache folder as used now; if it is new, remove its stale siblings."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    if is_new:
        remove_stale(folder)


def remove_stale(folder: Path) -> None:
    """Remove the cache folders beside `folder` that no process has opened for STALE_SECONDS.

    Each takes tens of megabytes and serves one state of the sources. A process that still uses one
    has its code in memory, and creates the folder again to save more. Other processes may remove
    the same folders at the same time.
    """
    oldest = time.time() - STALE_SECONDS
    for other in folder.parent.glob(PREFIX + "[0-9a-f]" * DIGITS):
        with suppress(FileNotFoundError):
            if other != folder and other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)


_FOLDER = Path(__file__).resolve().parent
_chosen = getattr(config, "CACHE_DIR", "")  # NUMBA_CACHE_DIR of the environment
_BESIDE = _FOLDER / "__pycache__" if os.access(_FOLDER, os.W_OK) else Path.home() / ".cache/marl"
_CACHE = (Path(_chosen) if _chosen else _BESIDE) / f"{PREFIX}{sources_digest(_FOLDER)}"
with suppress(OSError):  # if it can't be written, numba chooses a folder itself
    open_cache(_CACHE)
setattr(config, "CACHE_DIR", str(_CACHE))  # noqa: B010

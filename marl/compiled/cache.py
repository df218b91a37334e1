"""The folder on disk where numba keeps compiled functions, one for each state of the sources.

numba compares only the file of the function itself, not the files of the functions that it calls.
So each state of `FOLDERS` has a cache folder of its own, and a changed rule never runs from an old
cache. numba's config.CACHE_DIR, which names that folder, is process-wide: the process's other
functions are in it too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from numba import config

from marl.compiled.cachelock import lock_cache

PREFIX = "compiled-"
DIGITS = 16
STALE_SECONDS = 3 * 24 * 3600
PACKAGE = Path(__file__).resolve().parents[1]
# Whose compiled functions call each other across files. Others (networks, quantisers) call only
# those of `compiled` beside their own file's.
FOLDERS = ("compiled", "engine")


def sources_digest(*folders: Path) -> str:
    """A digest of the names and contents of all Python files under the folders."""
    digest = hashlib.sha256()
    for folder in folders:
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


def use_cache() -> None:
    """Point numba at the cache folder of the present sources, one process at a time."""
    chosen = getattr(config, "CACHE_DIR", "")  # NUMBA_CACHE_DIR of the environment
    home = PACKAGE / "__pycache__" if os.access(PACKAGE, os.W_OK) else Path.home() / ".cache/marl"
    digest = sources_digest(*(PACKAGE / folder for folder in FOLDERS))
    folder = (Path(chosen) if chosen else home) / f"{PREFIX}{digest}"
    with suppress(OSError):  # if it can't be written, numba chooses a folder itself
        open_cache(folder)
    setattr(config, "CACHE_DIR", str(folder))  # noqa: B010
    lock_cache()

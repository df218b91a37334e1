"""The battle simulator. It imports nothing else of marl but its errors.

numba keeps compiled functions on disk but compares only the file of the function itself with what
it kept, not the files of the functions it calls. So each state of the engine's sources has a folder
of its own: a changed rule is never run from an old copy.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from numba import config


def _sources_digest(folder: Path) -> str:
    """A name for the present state of the Python files in `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_FOLDER = Path(__file__).resolve().parent
_chosen = getattr(config, "CACHE_DIR", "")  # NUMBA_CACHE_DIR of the environment
_BESIDE = _FOLDER / "__pycache__" if os.access(_FOLDER, os.W_OK) else Path.home() / ".cache/marl"
_CACHE = Path(_chosen) if _chosen else _BESIDE
setattr(config, "CACHE_DIR", str(_CACHE / f"compiled-{_sources_digest(_FOLDER)}"))  # noqa: B010

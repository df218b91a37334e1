"""A lock for numba's cache on disk: processes that compile at once do not mix up their functions.

numba keeps the versions of a function (one for each signature) in numbered files, with an index. It
reads the index, chooses a number and writes both, one after the other. Of two processes that do so
at once, both may take the same number: then the index names a file with the code of another
signature, which a third process loads and calls with arguments that it is not for.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from numba.core.caching import IndexDataCacheFile

LOCK = "lock"
MARK = "_marl_lock"  # of a class whose methods take the lock


def lock_cache(files: type[IndexDataCacheFile] = IndexDataCacheFile) -> None:
    """Have numba save and load one function at a time, in all processes that call this."""
    if MARK in vars(files):
        return
    setattr(files, MARK, True)
    save, load = files.save, files.load

    @wraps(save)
    def save_alone(self: Any, key: Any, data: Any) -> None:
        with held(self._cache_path, fcntl.LOCK_EX):
            save(self, key, data)

    @wraps(load)
    def load_alone(self: Any, key: Any) -> Any:
        with held(self._cache_path, fcntl.LOCK_SH):
            return load(self, key)

    setattr(files, "save", save_alone)  # noqa: B010
    setattr(files, "load", load_alone)  # noqa: B010


@contextmanager
def held(folder: str, kind: int) -> Iterator[None]:
    """The folder's lock; without one where it can't be written, and so nothing is saved in it."""
    try:
        descriptor = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)

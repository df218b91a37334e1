"""Processes that save compiled functions at once do not mix them up."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from numba.core.caching import IndexDataCacheFile

from marl.compiled.cachelock import lock_cache


def saved_at_once(files: type[IndexDataCacheFile], folder: Path) -> list[object]:
    """What is loaded for the keys 0 to 3 after each was saved with itself, all at once."""

    def save(key: int) -> None:  # the lock is a process's own or a thread's, each with its file
        files(str(folder), "f", "stamp").save(key, key)

    threads = [threading.Thread(target=save, args=(key,)) for key in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [files(str(folder), "f", "stamp").load(key) for key in range(4)]


def slow() -> type[IndexDataCacheFile]:
    """numba's files, with a while between the choice of a number and its entry in the index."""

    class Slow(IndexDataCacheFile):
        def _save_index(self, overloads):
            time.sleep(0.05)
            super()._save_index(overloads)

        # numba's own, also where this process has locked it already
        save = getattr(IndexDataCacheFile.save, "__wrapped__", IndexDataCacheFile.save)
        load = getattr(IndexDataCacheFile.load, "__wrapped__", IndexDataCacheFile.load)

    return Slow


def test_functions_saved_at_once_are_all_kept(tmp_path):
    files = slow()
    lock_cache(files)
    assert saved_at_once(files, tmp_path) == [0, 1, 2, 3]


def test_numba_alone_loses_some_of_them(tmp_path):
    assert saved_at_once(slow(), tmp_path) != [0, 1, 2, 3]


def test_locking_twice_is_locking_once(tmp_path):
    files = slow()
    lock_cache(files)
    first = files.save
    lock_cache(files)
    assert files.save is first


def test_the_engine_is_compiled_with_the_lock():
    import marl.engine.battle  # noqa: F401 - which sets the cache up

    assert hasattr(IndexDataCacheFile.save, "__wrapped__")


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path):
    files = slow()
    lock_cache(files)
    assert files(str(tmp_path / "absent"), "f", "stamp").load(1) is None

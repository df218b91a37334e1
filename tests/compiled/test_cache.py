"""Cache folders of compiled functions: one for each state of the sources, stale ones removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from marl.compiled.cache import STALE_SECONDS, open_cache, sources_digest


def made(folder: Path, age: float) -> Path:
    """`folder` with a file in it, last opened `age` seconds ago."""
    folder.mkdir()
    (folder / "step.nbc").touch()
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_a_new_cache_removes_its_siblings_that_nobody_opened_for_three_days(tmp_path: Path):
    stale = made(tmp_path / "compiled-00000000000000aa", STALE_SECONDS + 60)
    fresh = made(tmp_path / "compiled-00000000000000bb", STALE_SECONDS - 60)
    foreign = made(tmp_path / "compiled-by-hand", STALE_SECONDS + 60)
    own = tmp_path / "compiled-00000000000000cc"
    open_cache(own)
    assert not stale.exists()
    assert [path.is_dir() for path in (fresh, foreign, own)] == [True, True, True]


def test_a_cache_that_is_there_is_marked_as_used_and_leaves_the_others_alone(tmp_path: Path):
    other = made(tmp_path / "compiled-00000000000000aa", 2 * STALE_SECONDS)
    own = made(tmp_path / "compiled-00000000000000bb", 2 * STALE_SECONDS)
    open_cache(own)
    assert other.exists()
    assert (own / "step.nbc").exists()
    assert time.time() - own.stat().st_mtime < STALE_SECONDS


@pytest.mark.parametrize("name", ["rules.py", "combat/weapons.py"])
def test_changed_sources_have_a_cache_of_their_own(tmp_path: Path, name: str):
    source = tmp_path / name
    source.parent.mkdir(exist_ok=True)
    source.write_text("DAMAGE = 6\n")
    before = sources_digest(tmp_path)
    source.write_text("DAMAGE = 7\n")
    assert sources_digest(tmp_path) != before

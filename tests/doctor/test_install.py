"""Our engine in the game's place: never over a game, never over other files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from marl.doctor import game, install, maps
from marl.doctor.finding import State
from marl.errors import ConfigError
from marl.sc2api.known_maps import SMAC_MAPS


def tree(folder: Path) -> None:
    """The files of an installer: a launcher, a map, a link."""
    binary = folder / "Versions" / "Base75689" / "SC2_x64"
    binary.parent.mkdir(parents=True, exist_ok=True)
    binary.write_text("#!/bin/sh\n")
    (folder / "Maps").mkdir(exist_ok=True)
    (folder / "Maps" / "3m.SC2Map").write_bytes(b"\0\0")
    link = folder / "maps"
    link.unlink(missing_ok=True)
    link.symlink_to("Maps")


def refused(folder: Path) -> str:
    def never(folder: Path) -> None:
        raise AssertionError("something was installed")

    before = sorted(path for path in folder.rglob("*"))
    with pytest.raises(ConfigError) as caught:
        install.install_engine(folder, never)
    assert sorted(path for path in folder.rglob("*")) == before
    return str(caught.value)


def test_a_new_folder_gets_the_engine_and_can_be_written_again(tmp_path):
    folder = tmp_path / "new" / "sc2"
    said = install.install_engine(folder, tree)
    assert f"export SC2PATH={folder}" in said
    assert install.is_engine(folder)
    (folder / "Replays").mkdir()
    (folder / "Replays" / "one.SC2Replay").write_bytes(b"a client's")
    install.install_engine(folder, tree)
    assert (folder / "Replays" / "one.SC2Replay").read_bytes() == b"a client's"


def test_an_empty_folder_is_good_too(tmp_path):
    install.install_engine(tmp_path, tree)
    assert install.is_engine(tmp_path)


def test_a_folder_with_the_game_is_left_as_it_is(tmp_path):
    binary = tmp_path / "Versions" / "Base75689" / "SC2_x64"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(b"\x7fELF")
    assert "holds StarCraft II itself" in refused(tmp_path)


def test_a_game_put_over_our_tree_is_safe_from_us(tmp_path):
    install.install_engine(tmp_path, tree)
    (tmp_path / "SC2Data").mkdir()
    assert "holds StarCraft II itself (SC2Data)" in refused(tmp_path)


def test_a_folder_with_anything_else_is_left_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "files of others (thesis.tex)" in refused(tmp_path)


def test_a_file_of_ours_that_somebody_changed_is_theirs_now(tmp_path):
    install.install_engine(tmp_path, tree)
    (tmp_path / "Maps" / "3m.SC2Map").write_bytes(b"the published map")
    assert "files of others (Maps/3m.SC2Map)" in refused(tmp_path)


def test_a_list_that_is_not_ours_gives_no_right(tmp_path):
    (tmp_path / install.LIST).write_text("[1, 2")
    (tmp_path / "file").touch()
    assert "files of others" in refused(tmp_path)


def test_a_file_or_a_link_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    assert "is not a folder" in refused(tmp_path / "file")
    assert "is not a folder" in refused(tmp_path / "link")


def test_an_installation_that_was_stopped_half_way_can_be_begun_anew(tmp_path):
    def stopped(folder: Path) -> None:
        (folder / "Versions").mkdir()
        (folder / "Versions" / "half").touch()
        raise OSError(28, os.strerror(28))

    with pytest.raises(ConfigError, match="No space left"):
        install.install_engine(tmp_path, stopped)
    assert not install.is_engine(tmp_path)
    install.install_engine(tmp_path, tree)
    assert install.is_engine(tmp_path)


def test_the_engines_own_tree_is_found_by_the_clients_and_can_be_written_twice(tmp_path):
    for _ in range(2):
        install.install_engine(tmp_path)
    findings = game.check_game(game.Place(tmp_path, "SC2PATH"), "Linux")
    findings += maps.check_maps(tmp_path, install.is_engine(tmp_path))
    assert [finding.state for finding in findings] == [State.OK] * 4, findings
    written = {path.stem for path in (tmp_path / "Maps" / "SMAC_Maps").iterdir()}
    assert set(SMAC_MAPS) <= written

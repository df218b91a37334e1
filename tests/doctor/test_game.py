"""StarCraft II's folder, build, program, C library and maps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from marl.doctor import game, maps
from marl.doctor.finding import State
from marl.doctor.game import Place
from marl.sc2api.known_maps import SMAC_MAPS, SMACV2_MAPS

OURS = Path(__file__).resolve().parents[2] / "maps"


def installed(folder: Path, *builds: object, program: bytes = game.ELF) -> Place:
    """A folder that looks like the Linux game."""
    for build in builds:
        binary = folder / "Versions" / f"Base{build}" / "SC2_x64"
        binary.parent.mkdir(parents=True)
        binary.write_bytes(program + b"\0GLIBC_2.14\0")
        binary.chmod(0o755)
    (folder / "SC2Data").mkdir()
    return Place(folder, "SC2PATH")


def by_topic(place: Place) -> dict[str, game.Finding]:
    return {finding.topic: finding for finding in game.check_game(place, "Linux")}


def test_the_clients_look_at_sc2path_and_else_where_they_always_do(tmp_path):
    assert game.find_place({"SC2PATH": str(tmp_path)}, "Linux").folder == tmp_path
    assert game.find_place({"SC2PATH": "~/x"}, "Linux").folder == Path.home() / "x"
    assert game.find_place({}, "Linux").folder == Path.home() / "StarCraftII"
    assert game.find_place({}, "Darwin").folder == Path("/Applications/StarCraft II")


def test_a_whole_installation_is_ok_and_its_newest_build_counts(tmp_path):
    found = by_topic(installed(tmp_path, 69232, 75689))
    assert all(finding.state is State.OK for finding in found.values()), found
    assert "4.10 build 75689, the newest of 69232, 75689" in found["build"].found


def test_other_builds_differ_and_those_without_the_api_are_broken(tmp_path):
    other, old = tmp_path / "other", tmp_path / "old"
    assert by_topic(installed(other, 71663))["build"].state is State.DIFFERS
    assert by_topic(installed(old, 52910))["build"].state is State.BROKEN


def test_a_base_that_is_no_number_is_named_since_pysc2_fails_on_it(tmp_path):
    found = by_topic(installed(tmp_path, 75689, "75689.bak"))
    assert found["build"].state is State.BROKEN
    assert "Base75689.bak" in found["build"].found


def test_missing_parts_of_the_game_are_named(tmp_path):
    assert by_topic(Place(tmp_path / "x", "SC2PATH"))["folder"].state is State.MISSING
    assert by_topic(Place(tmp_path, "SC2PATH"))["build"].state is State.MISSING
    place = installed(tmp_path, 75689)
    binary = tmp_path / "Versions" / "Base75689" / "SC2_x64"
    (tmp_path / "SC2Data").rmdir()
    assert by_topic(place)["data"].state is State.MISSING
    binary.chmod(0o644)
    assert by_topic(place)["program"].state is State.BROKEN
    binary.unlink()
    assert by_topic(place)["program"].state is State.MISSING


def test_the_newest_glibc_that_any_file_needs_counts(tmp_path):
    place = installed(tmp_path, 75689)
    binary = place.folder / "Versions" / "Base75689" / "SC2_x64"
    libs = place.folder / "Libs"
    libs.mkdir()
    # The name lies across the border of two pieces as the file is read.
    (libs / "libstdc++.so.6").write_bytes(game.ELF + bytes(2**20 - 8) + b"\0GLIBC_2.18\0GLIBC_2.9")
    (libs / "notes.so.txt").write_bytes(b"GLIBC_2.99")
    assert game.glibc_needed(binary) == (2, 14)
    good = game.check_glibc(binary, libs, (2, 18))
    assert good.state is State.OK
    assert good.found == "libstdc++.so.6 needs glibc 2.18, this system has 2.18"
    assert game.check_glibc(binary, libs, (2, 17)).state is State.BROKEN


def test_our_engine_in_the_games_place_is_recognised_as_a_script(tmp_path):
    found = by_topic(installed(tmp_path, 75689, program=b"#!/bin/sh\n"))
    assert "our engine" in found["program"].found
    assert "glibc" not in found


def test_every_map_of_smac_is_known_and_is_one_of_our_scenarios():
    ours = {path.stem for path in OURS.glob("*.yaml")}
    assert set(SMAC_MAPS) <= ours
    assert len(SMAC_MAPS) == 23
    digests = [*SMAC_MAPS.values(), SMACV2_MAPS["32x32_flat"]]
    assert len(set(digests)) == 24
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)


def test_maps_are_recognised_by_their_contents(tmp_path, monkeypatch):
    folder = tmp_path / "Maps" / "SMAC_Maps"
    folder.mkdir(parents=True)
    (folder / "3m.SC2Map").write_bytes(b"abc")
    (folder / "8m.SC2Map").write_bytes(b"edited")
    # SHA-256 of "abc" as the standard (FIPS 180-2) prints it.
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    monkeypatch.setattr(maps, "SMAC_MAPS", {"3m": abc, "8m": abc})
    v1, v2 = maps.check_maps(tmp_path)
    assert v1.state is State.DIFFERS
    assert v1.found == "1 of 2 as published; different: 8m"
    assert v2.state is State.MISSING
    assert "32x32_flat" in v2.found
    assert str(folder) in v2.advice


def test_maps_in_the_wrong_folder_are_found_there(tmp_path):
    wrong = tmp_path / "Maps" / "SMAC_Maps_V1"
    wrong.mkdir(parents=True)
    (wrong / "3m.SC2Map").touch()
    (finding,) = maps.check_maps(tmp_path)
    assert finding.state is State.MISSING
    assert str(wrong) in finding.found


@pytest.mark.parametrize("variable", ["SMAC_SOURCE", "SMACV2_SOURCE"])
def test_the_published_files_have_the_known_digests(variable):
    source = os.environ.get(variable)
    if not source:
        pytest.skip(f"{variable} names no checkout of the client")
    known = SMAC_MAPS if variable == "SMAC_SOURCE" else SMAC_MAPS | SMACV2_MAPS
    files = sorted(Path(source).rglob("SMAC_Maps/*.SC2Map"))
    assert {path.stem: maps.digest(path) for path in files} == known

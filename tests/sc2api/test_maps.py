"""Maps by their files' content or names, and the installation that clients take for the game."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl.engine.facts.scenario import scenario_names
from marl.errors import EnvError
from marl.sc2api import maps
from marl.sc2api.install import LAUNCHER, MAP_FOLDER, install_tree


def test_every_scenario_and_smac_v2s_names_are_maps():
    names = maps.map_names()
    assert set(scenario_names()) < set(names)
    assert {"32x32_flat", "10gen_terran", "10gen_protoss", "10gen_zerg"} < set(names)


@pytest.mark.parametrize("path", ["3m.SC2Map", "SMAC_Maps/3m.SC2Map", "C:\\Maps\\3m.SC2Map", "3m"])
def test_a_map_is_found_by_the_name_of_its_file(path: str, tmp_path: Path):
    found = maps.find_map(path, b"whatever", tmp_path)
    assert found is not None
    assert found.name == "3m"


def test_content_that_is_known_comes_before_the_name(tmp_path: Path, monkeypatch):
    content = b"an archive"
    monkeypatch.setitem(maps.PUBLISHED, hashlib.sha256(content).hexdigest(), "8m")
    for name, data in (("8m", content), ("2s3z", maps.DUMMY + b"2s3z\n")):
        by_content = maps.find_map("3m.SC2Map", data, tmp_path)
        assert by_content is not None
        assert by_content.name == name
        (tmp_path / "other.SC2Map").write_bytes(data)
        by_path = maps.find_map("other.SC2Map", b"", tmp_path)
        assert by_path is not None
        assert by_path.name == name


@pytest.mark.parametrize("path", ["", "nothing", "/dev/zero", "3m\0", "x" * 5000])
def test_what_is_no_map_is_not_found(path: str, tmp_path: Path):
    assert maps.find_map(path, b"", tmp_path) is None
    assert maps.find_map("nothing", maps.DUMMY + path.encode(), tmp_path) is None


def test_published_archives_of_all_scenarios_are_known():
    assert set(maps.PUBLISHED.values()) <= set(maps.map_names())
    assert len(set(maps.PUBLISHED.values())) == 24


def test_the_installation_has_a_map_file_for_every_map_and_a_launcher(tmp_path: Path):
    install_tree(tmp_path)
    install_tree(tmp_path)  # once more changes nothing
    files = sorted(path.stem for path in (tmp_path / MAP_FOLDER).iterdir())
    assert files == sorted(maps.map_names())
    for name in files:
        content = (tmp_path / MAP_FOLDER / f"{name}.SC2Map").read_bytes()
        assert maps.name_in(content) == name
    assert os.access(tmp_path / LAUNCHER, os.X_OK)
    assert int(LAUNCHER.parent.name.removeprefix("Base")) == 75689


def test_a_real_game_is_not_written_over(tmp_path: Path):
    (tmp_path / LAUNCHER.parent).mkdir(parents=True)
    (tmp_path / LAUNCHER).write_bytes(b"\x7fELF the game")
    with pytest.raises(EnvError, match="choose another folder"):
        install_tree(tmp_path)
    assert (tmp_path / LAUNCHER).read_bytes() == b"\x7fELF the game"


def test_the_launcher_keeps_the_clients_variables_from_the_server(tmp_path: Path):
    """The shell becomes the server: a program in the server's place sees its arguments."""
    install_tree(tmp_path)
    script = (tmp_path / LAUNCHER).read_text()
    spy = tmp_path / "spy"
    spy.write_text("#!/bin/sh\nenv\necho arguments: $@\necho pid: $$\n")
    spy.chmod(0o755)
    script = script.replace(sys.executable, str(spy))
    (tmp_path / LAUNCHER).write_text(script)
    unwanted = {
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
    }
    command = [str(tmp_path / LAUNCHER), "-listen", "127.0.0.1", "-port", "5"]
    process = subprocess.Popen(
        command, env={**os.environ, **unwanted}, stdout=subprocess.PIPE, text=True
    )
    said = process.communicate(timeout=60)[0]
    assert "arguments: -m marl.sc2api -listen 127.0.0.1 -port 5\n" in said
    assert f"pid: {process.pid}\n" in said
    assert not any(f"\n{name}=" in f"\n{said}" for name in unwanted)

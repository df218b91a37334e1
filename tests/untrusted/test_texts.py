"""YAML, JSON, lines of metrics, and files: read within bounds, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from marl.config.files import CONFIGS
from marl.errors import UnreadableError
from marl.untrusted.files import read_bytes, read_text, refuse_ways_out
from marl.untrusted.jsontext import load_json
from marl.untrusted.nested import plain_children, trouble_with
from marl.untrusted.points import point_of, read_points
from marl.untrusted.yamltext import load_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


def test_yaml_is_what_settings_need():
    text = "a: {b: [1, 2.5, true, null, word, 1e-4]}\nc: &x [1]\nd: *x\ne: {<<: {f: 1}, g: .inf}\n"
    assert load_yaml(text, "file") == {
        "a": {"b": [1, 2.5, True, None, "word", "1e-4"]},
        "c": [1],
        "d": [1],
        "e": {"f": 1, "g": float("inf")},
    }
    assert load_yaml("day: 2024-01-31", "file") == {"day": "2024-01-31"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "file:1: holds more than 20,000 values"),
        ("a: &x [*x]", "file:1: holds a value that contains itself"),
        ("a: &x {b: {<<: *x}}", "file:1: holds a value that contains itself"),
        ("[" * 5000, "deep inside one another"),
        ("a: " + "9" * 5000, "a number of 5000 digits is too long"),
        ("a: 1\nb: !!python/object/apply:os.system [touch x]", "file:2: the tag"),
        ("a: !!binary aGk=", "file:1: the tag"),
        ("a: !!bool x", "file:1: the tag"),
        ("a: 1\nb: 2\na: 3", "file:3: the key 'a' stands here twice"),
        ("1: 2", "file:1: the key 1 is no name"),
        ("no: 2", "file:1: the key False is no name"),
        ("? [a]\n: 1", "file:1: found unhashable key"),
        ("a: 0x_", "cannot be read as YAML"),
        ("a: \0", "cannot be read as YAML"),
        ("[" + "[], " * 30_000 + "]", "holds more than 20,000 values"),
    ],
)
def test_other_yaml_is_refused_in_one_line(text, said):
    with pytest.raises(UnreadableError) as refusal:
        load_yaml(text, "file")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_projects_own_files_are_far_from_the_bounds():
    for path in CONFIGS.rglob("*.yaml"):
        assert path.stat().st_size < 10_000
        load_yaml(path.read_text(), str(path))


@pytest.mark.parametrize(
    "data",
    [b"NaN", b"[Infinity]", b"1" * 500, b"[" * 100_000, b"[" * 40 + b"]" * 40, b"{", b"\xff", b""],
)
def test_other_json_is_refused_in_one_line(data):
    with pytest.raises(UnreadableError, match=r"^file: ") as refusal:
        load_json(data, "file")
    assert "\n" not in str(refusal.value)


def test_values_are_counted_wherever_they_stand():
    shared = [1, 2]
    assert trouble_with([shared, shared], plain_children, 7) == ""
    assert trouble_with([shared, shared], plain_children, 6) == "holds more than 6 values"


def test_depth_is_counted_through_values_that_were_seen_before():
    inside: list = []
    chain = []
    for _ in range(100):  # each found at the top before the next one holds it
        inside = [inside]
        chain.append(inside)
    assert "deep inside" in trouble_with(chain, plain_children, 10**6)
    assert "deep inside" in trouble_with(chain[::-1], plain_children, 10**6)


def test_lines_that_are_no_points_are_counted(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b'{"t_env": 1, "a": 2, "b": true, "c": "x", "d": [1]}\n{"t_env": NaN}\n[]\n{"a": 1}\n'
        b"\xff\n"
        + b"[" * 5000
        + b'\n{"t_env": 2, "a": '
        + b"9" * 70_000
        + b'}\n{"t_env": 3}\n{"t_env'
    )
    assert read_points(path) == ([{"t_env": 1.0, "a": 2.0}, {"t_env": 3.0}], 6)
    assert read_points(tmp_path / "nowhere") == ([], 0)
    assert point_of(b'{"t_env": 1' + b"0" * 390 + b"}") is None


def test_only_regular_files_of_some_size_are_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    for path, most in ((tmp_path / "pipe", 9), (tmp_path, 9), (Path("/dev/zero"), 9)):
        with pytest.raises(UnreadableError, match="is no regular file"):
            read_bytes(path, most)
    with pytest.raises(UnreadableError, match="has more than"):
        read_bytes(tmp_path / "file", 4)
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(UnreadableError, match="is no UTF-8"):
        read_text(tmp_path / "file", 5)


def test_links_within_a_folder_are_ones_own_and_those_out_of_it_are_not(tmp_path: Path):
    run = tmp_path / "run"
    (run / "models").mkdir(parents=True)
    (run / "newest").symlink_to("models")
    refuse_ways_out(run)
    (run / "models" / "replay.pt").symlink_to("/etc/passwd")
    with pytest.raises(UnreadableError, match=r"models/replay\.pt: is a link out of"):
        refuse_ways_out(run)

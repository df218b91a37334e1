"""A metrics.jsonl that is being written, cut, replaced or damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from marl.log.jsonl import JsonlSink
from marl.untrusted.points import point_of
from marl.watch.follow import MetricsFile


@pytest.fixture
def metrics(tmp_path: Path) -> MetricsFile:
    return MetricsFile(tmp_path / "metrics.jsonl")


def steps(metrics: MetricsFile) -> list[float | None]:
    return [point["t_env"] for point in metrics.points]


def test_a_file_that_is_not_there_yet_has_no_points(metrics):
    metrics.poll()
    assert (metrics.points, metrics.generation, metrics.t_env) == ([], 0, 0)


def test_new_lines_are_read_as_they_are_written(metrics):
    sink = JsonlSink(metrics.path)
    sink.write({"loss": 0.5}, 10)
    metrics.poll()
    assert steps(metrics) == [10]
    sink.write({"test_return_mean": 2.0}, 20)
    sink.close()
    metrics.poll()
    assert steps(metrics) == [10, 20]
    assert (metrics.latest("loss"), metrics.latest("test_return_mean")) == (0.5, 2.0)
    assert metrics.latest("nothing") is None


def test_half_a_line_is_left_until_its_end_is_there(metrics):
    metrics.path.write_bytes(b'{"t_env": 1}\n{"t_env": 2, "lo')
    metrics.poll()
    assert steps(metrics) == [1]
    with metrics.path.open("ab") as file:
        file.write(b'ss": 0.5}\n')
    metrics.poll()
    assert steps(metrics) == [1, 2]
    assert metrics.points[1]["loss"] == 0.5
    assert metrics.skipped == 0


def test_damaged_lines_are_counted_and_the_rest_is_read(metrics):
    damaged = b'{"t_env": \n[1]\n"x"\n{"loss": 1}\n{"t_env": true}\n\xff\xfe\x00\n\n{"t_env": 3}\n'
    metrics.path.write_bytes(b'{"t_env": 1}\n' + damaged)
    metrics.poll()
    assert steps(metrics) == [1, 3]
    assert metrics.skipped == 6


def test_values_that_are_no_number_or_not_finite_become_none_or_are_left_out(metrics):
    line = b'{"t_env": 1, "a": NaN, "b": -Infinity, "c": "x", "d": true, "e": 2}\n'
    metrics.path.write_bytes(line + b'{"t_env": NaN}\n')
    metrics.poll()
    assert metrics.points == [{"t_env": 1.0, "a": None, "b": None, "e": 2.0}]
    assert metrics.skipped == 1


def test_a_resumed_run_that_drops_points_is_read_anew(metrics):
    sink = JsonlSink(metrics.path)
    for t_env in (10, 20, 30):
        sink.write({"loss": 1.0}, t_env)
    sink.close()
    metrics.poll()
    sink = JsonlSink(metrics.path, start=20)
    sink.write({"loss": 2.0}, 25)
    sink.close()
    metrics.poll()
    assert steps(metrics) == [10, 20, 25]
    assert metrics.generation == 1


def test_a_file_that_was_cut_or_removed_is_read_anew(metrics):
    metrics.path.write_bytes(b'{"t_env": 1}\n{"t_env": 2}\n')
    metrics.poll()
    metrics.path.write_bytes(b'{"t_env": 5}\n')
    metrics.poll()
    assert (steps(metrics), metrics.generation) == ([5], 1)
    metrics.path.unlink()
    metrics.poll()
    assert (steps(metrics), metrics.generation) == ([], 2)


def test_a_thinned_curve_keeps_its_ends(metrics):
    lines = [f'{{"t_env": {t_env}, "win": {t_env / 100}}}\n' for t_env in range(101)]
    metrics.path.write_text("".join(lines))
    metrics.poll()
    curve = metrics.curve("win", 11)
    assert [t_env for t_env, _ in curve] == [10.0 * i for i in range(11)]
    assert (curve[0], curve[-1]) == ((0.0, 0.0), (100.0, 1.0))
    assert len(metrics.curve("win", 500)) == 101


def test_a_number_of_hundreds_of_digits_is_no_point():
    assert point_of(b'{"t_env": 1' + b"0" * 400 + b"}") is None
    assert point_of(b'{"t_env": 1' + b"0" * 5000 + b"}") is None


def test_a_line_without_end_is_left_out_and_the_next_is_read(metrics):
    long = b'{"t_env": 2, "a": ' + b"1" * 200_000 + b"}\n"
    metrics.path.write_bytes(b'{"t_env": 1}\n' + long + b'{"t_env": 3}\n')
    metrics.poll()
    assert (steps(metrics), metrics.skipped) == ([1, 3], 1)


def test_more_numbers_than_the_bound_are_told_and_not_kept(metrics, monkeypatch):
    monkeypatch.setattr("marl.untrusted.points.METRICS_NUMBERS", 5)
    metrics.path.write_bytes(b'{"t_env": 1, "a": 1}\n' * 4)
    metrics.poll()
    assert steps(metrics) == [1, 1]
    assert metrics.trouble.endswith("has more than 5 numbers")
    metrics.poll()
    assert steps(metrics) == [1, 1]


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to a device"])
def test_what_is_no_file_is_told_and_waits_for_nobody(metrics, kind):
    if kind == "a pipe":
        os.mkfifo(metrics.path)
    elif kind == "a folder":
        metrics.path.mkdir()
    else:
        metrics.path.symlink_to("/dev/zero")
    metrics.poll()
    assert metrics.points == []
    assert metrics.trouble.endswith("is no regular file")

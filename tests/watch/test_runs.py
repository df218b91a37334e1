"""The runs of a folder, and the state of each."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from watch.builders import add_battle, make_run

from marl.watch.runs import Run, Runs, find

DEEP = Path("sc2-engine/3m/lagma/20260101-000000-s1")


def test_a_run_is_found_in_its_own_folder_and_from_all_those_above(tmp_path):
    run = make_run(tmp_path / DEEP)
    for folder in (run, run.parent, tmp_path):
        assert list(find(folder)) == [run]
    assert [one.name for one in Runs(run).scan()] == ["."]
    assert [one.name for one in Runs(tmp_path).scan()] == [DEEP.as_posix()]


def test_folders_in_a_run_and_hidden_ones_are_no_runs(tmp_path):
    run = make_run(tmp_path / "run")
    make_run(run / "abandoned-at-100")
    make_run(tmp_path / ".hidden")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(find(tmp_path)) == [run]


def test_a_run_that_only_has_a_configuration_waits_for_its_first_figures(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "metrics.jsonl").unlink()
    (one,) = Runs(tmp_path).scan()
    assert one.state()["state"] == "waiting"
    assert one.settings()["map"] == "3m"


def test_runs_that_begin_later_are_found_and_the_newest_stands_first(tmp_path):
    runs = Runs(tmp_path)
    assert runs.scan() == []
    old = make_run(tmp_path / "old")
    os.utime(old / "metrics.jsonl", (1, 1))
    make_run(tmp_path / "new")
    assert [one.name for one in runs.scan()] == ["new", "old"]


@pytest.mark.parametrize(
    ("t_max", "age", "state"),
    [(100_000, 5, "training"), (100_000, 500, "quiet"), (29_000, 500, "finished")],
)
def test_a_run_trains_is_quiet_or_has_finished(tmp_path, t_max, age, state):
    run = Run(make_run(tmp_path / "run", t_max=t_max), ".")  # a line every 5 seconds, t_env 29,000
    run.metrics.poll()
    found = run.state(now=run.metrics.written + age)
    assert found["state"] == state
    assert found["age"] == pytest.approx(age)
    assert found["t_env"] == 29_000


def test_a_slow_training_is_given_more_time_before_it_is_quiet(tmp_path):
    run = Run(make_run(tmp_path / "run", points=0), ".")
    lines = [f'{{"t_env": {i}, "time": {600 * i}}}\n' for i in range(10)]
    (run.folder / "metrics.jsonl").write_text("".join(lines))
    run.metrics.poll()
    assert run.state(now=run.metrics.written + 1500)["state"] == "training"
    assert run.state(now=run.metrics.written + 3500)["state"] == "quiet"


def test_a_configuration_that_cannot_be_read_hides_nothing_else(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "config.yaml").write_text("map: [\n")
    run = Run(folder, ".")
    run.metrics.poll()
    assert run.settings() == {}
    assert run.summary("lagma")["win"] == pytest.approx(28 / 30 * 0.5)


def test_a_run_without_battles_to_win_is_listed_by_its_return(tmp_path):
    folder = make_run(tmp_path / "run", points=0)
    lines = '{"t_env": 1, "test_return_mean": 3.0}\n{"t_env": 2, "test_return_mean": 4.0}\n'
    (folder / "metrics.jsonl").write_text(lines)
    run = Run(folder, ".")
    run.metrics.poll()
    summary = run.summary("lagma")
    assert (summary["win"], summary["return"]) == (None, 4.0)
    assert summary["curve"] == [(1.0, 3.0), (2.0, 4.0)]


def test_the_newest_recorded_battle_is_found_and_the_index_is_none(tmp_path):
    folder = make_run(tmp_path / "run")
    run = Run(folder, ".")
    assert run.replays()["newest"] is None
    old, new = add_battle(folder, "old.html"), add_battle(folder, "1000/new.html")
    index = add_battle(folder, "index.html")
    now = time.time()
    for path, age in ((old, 20), (new, 10), (index, 0)):
        os.utime(path, (now - age, now - age))
    assert run.replays() == {
        "newest": "1000/new.html",
        "time": pytest.approx(now - 10),
        "count": 2,
        "index": "index.html",
    }


def test_seeds_of_one_configuration_have_one_name_and_others_say_what_differs(tmp_path):
    make_run(tmp_path / "a", seed=1)
    make_run(tmp_path / "b", seed=2, label="x")
    make_run(tmp_path / "c", seed=1, map="8m", t_max=200_000)
    rows = {row["name"]: row for row in Runs(tmp_path).summaries()}
    assert {name: row["line"] for name, row in rows.items()} == dict.fromkeys("abc", "lagma")
    assert [rows[name]["task"] for name in "abc"] == ["3m", "3m", "8m"]
    make_run(tmp_path / "d", seed=3, t_max=200_000)
    rows = {row["name"]: row for row in Runs(tmp_path).summaries()}
    assert rows["a"]["line"] == "lagma t_max=100000"
    assert rows["c"]["line"] == rows["d"]["line"] == "lagma t_max=200000"


def test_a_changed_key_is_part_of_the_name_on_the_page(tmp_path):
    for name, size in (("a", "64  # configs/algs/lagma.yaml"), ("b", "128  # command line")):
        folder = make_run(tmp_path / name)
        text = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(text.replace("size: 64", f"size: {size}"))
    rows = {row["name"]: row for row in Runs(tmp_path).summaries()}
    assert (rows["a"]["line"], rows["b"]["line"]) == ("lagma", "lagma codebook.size=128")
    assert rows["b"]["settings"]["name"] == "lagma codebook.size=128"
    assert rows["b"]["settings"]["codes"] == 128


def test_a_run_without_a_configuration_is_a_line_of_its_own(tmp_path):
    run = make_run(tmp_path / "a")
    (run / "config.yaml").unlink()
    (row,) = Runs(tmp_path).summaries()
    assert (row["line"], row["task"]) == ("a", "")

"""The runs of a folder, and the state of each."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from watch.builders import add_battle, make_run

from marl.run.ending import Ending, note
from marl.watch.follow import MetricsFile
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


@pytest.mark.parametrize("how", ["interrupted", "stopped", "failed"])
def test_a_run_says_why_it_ended(tmp_path, how):
    run = Run(make_run(tmp_path / "run"), ".")
    run.metrics.poll()
    note(run.folder, Ending(how, "the disk is full"))
    found = run.state()
    assert (found["state"], found["why"]) == (how, "the disk is full")
    note(run.folder, Ending("finished"))
    assert run.state()["state"] == "training"  # not at t_max any more: it is to go on


def test_a_waiting_run_says_what_for(tmp_path):
    make_run(tmp_path / "run", 0)
    (tmp_path / "run" / "metrics.jsonl").unlink()
    found = Run(tmp_path / "run", ".").state()
    assert found["state"] == "waiting"
    assert "its first test of 32 episodes" in str(found["why"])


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
        "video": None,
        "time": pytest.approx(now - 10),
        "count": 2,
        "index": "index.html",
    }
    new.with_suffix(".gif").touch()
    assert run.replays()["video"] == "1000/new.gif"


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
        path = folder / "config.yaml"
        lines = [line for line in path.read_text().splitlines() if not line.startswith("bonus")]
        codebook = ["bonus:", "  codebook:", f"    size: {size}", ""]
        path.write_text("\n".join([*lines, *codebook]))
    rows = {row["name"]: row for row in Runs(tmp_path).summaries()}
    assert (rows["a"]["line"], rows["b"]["line"]) == ("lagma", "lagma codebook.size=128")
    assert rows["b"]["settings"]["name"] == "lagma codebook.size=128"
    assert rows["b"]["settings"]["codes"] == 128


def test_each_task_of_gymnasium_is_a_task_of_its_own(tmp_path):
    for name in ("CartPole-v1", "FrozenLake-v1"):
        make_run(tmp_path / name, config="dqn", env_config="gymnasium", map=None, env_id=name)
    tasks = {row["task"] for row in Runs(tmp_path).summaries()}
    assert tasks == {"CartPole-v1", "FrozenLake-v1"}


def test_a_run_without_a_configuration_is_a_line_of_its_own(tmp_path):
    run = make_run(tmp_path / "a")
    (run / "config.yaml").unlink()
    (row,) = Runs(tmp_path).summaries()
    assert (row["line"], row["task"]) == ("a", "")


def broken(folder: Path, change: Callable[[Path], object]) -> Path:
    """A run's folder after a change of it."""
    change(make_run(folder))
    return folder


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def configured(text: str) -> Callable[[Path], object]:
    """Adds lines to a run's config.yaml."""
    return lambda run: (run / "config.yaml").write_text((run / "config.yaml").read_text() + text)


ODD = {
    "a pipe": lambda run: pipe(run / "metrics.jsonl"),
    "a folder": lambda run: folder_instead(run / "metrics.jsonl"),
    "a pipe of settings": lambda run: pipe(run / "config.yaml"),
    "no YAML": configured("map: [\n"),
    "a list in itself": configured("list: &x [*x]\n"),
    "aliases": configured(
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    ),
}


@pytest.mark.parametrize("change", ODD)
def test_a_run_that_cannot_be_read_is_shown_as_broken_and_the_others_go_on(tmp_path, change):
    make_run(tmp_path / "good")
    broken(tmp_path / "bad", ODD[change])
    rows = {row["name"]: row for row in Runs(tmp_path).summaries()}
    assert rows["bad"]["state"] == "broken"
    assert "bad/" in str(rows["bad"]["trouble"])
    assert (rows["good"]["state"], rows["good"]["trouble"]) == ("training", "")
    json.dumps(list(rows.values()), allow_nan=False)


@pytest.mark.parametrize(
    "value", [".nan", ".inf", "2024-01-01", "[1]", "{a: 1}", "9" * 300, "null", "'x'"]
)
def test_settings_of_any_kind_are_shown_or_left_out(tmp_path, value):
    make_run(tmp_path / "good")
    run = make_run(tmp_path / "odd")
    lines = (run / "config.yaml").read_text().replace("t_max: 100000", f"t_max: {value}")
    (run / "config.yaml").write_text(lines.replace("seed: 1", f"seed: {value}"))
    rows = Runs(tmp_path).summaries()
    assert {row["state"] for row in rows} == {"training"}
    json.dumps(rows, allow_nan=False)


def test_a_folder_that_may_not_be_read_is_shown_and_the_others_go_on(tmp_path, monkeypatch):
    make_run(tmp_path / "good")
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refusing(folder):
        if Path(folder).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    assert list(find(tmp_path)) == [tmp_path / "good"]
    monkeypatch.setattr(MetricsFile, "poll", refusing_poll)
    rows = {row["name"]: row for row in Runs(tmp_path).summaries()}
    assert rows["shut"]["state"] == "broken"
    assert rows["good"]["state"] == "training"


def refusing_poll(metrics: MetricsFile, poll: Callable[[MetricsFile], None] = MetricsFile.poll):
    poll(metrics)
    if metrics.path.parent.name == "shut":
        metrics.trouble = f"{metrics.path}: Permission denied"


def test_a_run_that_is_mended_is_shown_again(tmp_path):
    run = broken(tmp_path / "bad", ODD["a pipe"])
    runs = Runs(tmp_path)
    assert runs.summaries()[0]["state"] == "broken"
    (run / "metrics.jsonl").unlink()
    make_run(run)
    assert runs.summaries()[0]["state"] == "training"


@pytest.mark.parametrize(
    ("bonus", "codes"),
    [
        ({"kind": "lagma", "codebook": {"size": 16}}, 16),  # before there were kinds of it
        ({"kind": "lagma", "codebook": {"kind": "fsq", "levels": [4, 3, 2]}}, 24),
        ({"kind": "none"}, None),
    ],
)
def test_the_number_of_codes_is_that_of_the_runs_own_codebook(tmp_path, bonus, codes):
    make_run(tmp_path / "run", bonus=bonus)
    (run,) = Runs(tmp_path).scan()
    assert run.settings()["codes"] == codes

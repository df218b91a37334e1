"""Campaigns of real, tiny trainings: stopped, killed, taken up again, summarised once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from marl.campaign.command import differences, run
from marl.campaign.suite import load_suite
from marl.campaign.summary import curves_of_tests, read_summary, training_seconds
from marl.campaign.workers import Place
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.config.files import ROOT
from marl.errors import ConfigError

TEXT = """
env_config: two_step
seeds: [1, 2]
settings: {t_max: %d, test_interval: 100, test_episodes: 2, log_interval: 50, save_interval: 100}
runs:
  - {label: qmix, config: qmix}
"""


def resolve(words):
    return make_plan(split(words))


def campaign(folder: Path, **more: object) -> dict[str, object]:
    """What stands after `with`, for a suite in `folder`."""
    paths = {"results_dir": str(folder / "runs"), "summaries_dir": str(folder / "sums")}
    return {"suite": str(folder / "tiny.yaml"), "processes": 2, **paths, **more}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TEXT % 400)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a campaign that ran to its end; not to be changed."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "tiny.yaml").write_text(TEXT % 400)
    assert run(campaign(folder), resolve) == 0
    return folder


def copied(finished: Path, folder: Path) -> Path:
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    return folder


def place_of(folder: Path) -> Place:
    """The first job's folder."""
    job = load_suite(str(folder / "tiny.yaml"))[0]
    return Place(job, folder / "runs" / "reproduce" / "tiny" / job.name, t_max=400)


def test_a_campaign_keeps_a_summary_of_each_run(finished: Path):
    path = finished / "sums" / "tiny" / "qmix-s1.json"
    summary = read_summary(path)
    tests = summary["tests"]
    assert tests["t_env"][0] == 0
    assert tests["t_env"][-1] >= 400
    assert len(tests["return_mean"]) == len(tests["t_env"])
    assert (summary["seed"], summary["config"]) == (1, "qmix")
    assert summary["settings"]["learner.gamma"] == 0.99
    assert path.stat().st_size < 8000
    assert len(path.read_text().splitlines()) == len(json.loads(path.read_text()))


def test_what_is_finished_is_not_run_again(finished: Path, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.json")}
    assert run(campaign(finished), resolve) == 0
    assert "2 of 2 done" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*.json")}


def test_a_run_without_its_last_checkpoint_or_test_is_not_finished(finished: Path, tmp_path: Path):
    place = place_of(copied(finished, tmp_path))
    assert place.is_finished()
    run_folder = place.run()
    metrics = run_folder / "metrics.jsonl"
    whole = metrics.read_text()
    metrics.write_text("".join(whole.splitlines(keepends=True)[:-1]))  # the last test's line
    assert not place.is_finished()
    metrics.write_text(whole)
    newest = max((run_folder / "models").iterdir(), key=lambda path: int(path.name))
    shutil.rmtree(newest)
    assert not place.is_finished()


def test_a_run_begun_with_other_settings_is_refused_before_anything_runs(
    finished: Path, tmp_path: Path
):
    folder = copied(finished, tmp_path)
    shutil.rmtree(folder / "sums")
    (folder / "tiny.yaml").write_text(
        (TEXT % 400).replace("{t_max", "{learner: {gamma: 0.5}, t_max")
    )
    with pytest.raises(
        ConfigError, match=r"begun with other settings \(learner.gamma: 0.99 -> 0.5"
    ):
        run(campaign(folder), resolve)


def test_a_summary_of_other_settings_is_refused(finished: Path, tmp_path: Path):
    folder = copied(finished, tmp_path)
    shutil.rmtree(folder / "runs")
    text = TEXT % 400
    for old, new in (("t_max: 400", "t_max: 500"), ("env_config: two_step", "env_config: matrix")):
        (folder / "tiny.yaml").write_text(text.replace(old, new))
        with pytest.raises(ConfigError, match=f"other settings .*{new.split()[1]}"):
            run(campaign(folder, status=True), resolve)


def test_nothing_is_measured_of_a_metric_that_the_last_test_lacks(finished: Path, tmp_path: Path):
    place = place_of(copied(finished, tmp_path))
    curves = curves_of_tests(
        [
            {"t_env": 0, "time": 0.0, "test_return_mean": 1.0, "test_paid_value": 2.0},
            {"t_env": 9, "time": 1.0, "test_return_mean": 3.0},
        ]
    )
    assert curves["paid_value"] == [2.0, None]
    assert place.steps() >= 400


@pytest.mark.slow
def test_a_killed_campaign_goes_on_where_it_was(tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(TEXT % 6000)
    words = [f"{key}={value}" for key, value in campaign(tmp_path, only="s1").items()]
    command = [sys.executable, str(ROOT / "run.py"), "reproduce", "with", *words]
    first = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    metrics = tmp_path / "runs" / "reproduce" / "tiny" / "qmix-s1"
    deadline = time.monotonic() + 120
    while not list(metrics.rglob("manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(metrics.rglob("manifest.json"))
    first.kill()
    first.wait()
    for path in Path("/proc").glob(
        "[0-9]*/cmdline"
    ):  # its training, as a crash of the machine would
        with suppress(FileNotFoundError, ProcessLookupError):
            if str(metrics) in path.read_text(errors="replace"):
                os.kill(int(path.parent.name), signal.SIGKILL)
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert len(list(metrics.rglob("metrics.jsonl"))) == 1  # resumed, not begun anew
    assert read_summary(tmp_path / "sums" / "tiny" / "qmix-s1.json")["t_env"] >= 6000


@pytest.mark.slow
def test_a_stopped_campaign_leaves_no_training_behind(tmp_path: Path, capsys):
    (tmp_path / "tiny.yaml").write_text(TEXT % 10_000_000)
    assert run(campaign(tmp_path, max_seconds=60.0), resolve) == 0
    assert "0 of 2 done, 0 running, 2 left" in capsys.readouterr().out.splitlines()[-1]
    checkpoints = list((tmp_path / "runs").rglob("manifest.json"))
    assert checkpoints  # what they had is saved


@pytest.mark.slow
def test_a_training_with_a_plugin_goes_on_by_the_suites_word(tiny: Path, monkeypatch, capsys):
    """What its folder names counts for nothing, what the suite names does."""
    monkeypatch.chdir(tiny)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tiny / "campaign_parts.py").write_text("")
    (tiny / "tiny.yaml").write_text(
        (TEXT % 400).replace("{t_max", "{plugins: campaign_parts, t_max")
    )
    assert run(campaign(tiny, only="s1"), resolve) == 0
    (run_folder,) = (path.parent for path in tiny.glob("runs/**/config.yaml"))
    shutil.rmtree(tiny / "sums")
    shutil.rmtree(max((run_folder / "models").iterdir(), key=lambda path: int(path.name)))
    assert run(campaign(tiny, only="s1"), resolve) == 0
    assert "1 of 1 done" in capsys.readouterr().out
    assert len(list((run_folder / "sacred").glob("[0-9]*"))) == 2  # it went on, not anew
    sys.modules.pop("campaign_parts")


def test_a_failed_training_is_named_and_the_others_go_on(tiny: Path, capsys):
    folder = tiny / "runs" / "reproduce" / "tiny" / "qmix-s1"
    folder.mkdir(parents=True)
    (folder / "runs").write_text("in the way of its results")
    assert run(campaign(tiny), resolve) == 1
    captured = capsys.readouterr()
    assert "qmix-s1 failed: exit code 2" in captured.err
    assert "1 of 2 done" in captured.out


def test_status_starts_nothing(tiny: Path, capsys):
    assert run(campaign(tiny, status=True), resolve) == 0
    assert "0 of 2 done" in capsys.readouterr().out
    assert not (tiny / "runs").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"suite": ""}, "say which one"),
        ({"only": "nothing"}, "no job of"),
        ({"processes": 0}, "processes"),
    ],
)
def test_wrong_words_are_one_line(tiny: Path, more, message):
    with pytest.raises(ConfigError, match=message):
        run(campaign(tiny, **more), resolve)


def test_an_option_that_came_later_is_no_difference():
    assert differences({"a": 1, "b": [1, 2]}, {"a": 1, "b": (1, 2), "new": 3}) == ""
    assert differences({"a": 1}, {"a": 2}) == "a: 1 -> 2"


def test_pauses_are_no_seconds_of_training():
    points = [{"time": 0.0}, {"time": 10.0}, {"time": 9000.0}, {"time": 9005.0}]
    assert training_seconds(points) == [0.0, 10.0, 10.0, 15.0]

"""Campaigns of real, tiny trainings: stopped, killed, taken up again, summarised once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marl.campaign.command import differences, run
from marl.campaign.summary import read_summary, training_seconds
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


def test_a_campaign_runs_all_once_and_keeps_summaries(tiny: Path, capsys):
    assert run(campaign(tiny), resolve) == 0
    out = capsys.readouterr().out
    assert "0 of 2 done" in out
    assert "2 of 2 done" in out
    summary = read_summary(tiny / "sums" / "tiny" / "qmix-s1.json")
    tests = summary["tests"]
    assert tests["t_env"][0] == 0
    assert tests["t_env"][-1] >= 400
    assert len(tests["return_mean"]) == len(tests["t_env"]) == len(tests["seconds"])
    assert tests["seconds"] == sorted(tests["seconds"])
    assert (summary["seed"], summary["config"]) == (1, "qmix")
    assert summary["settings"]["learner.gamma"] == 0.99
    assert (tiny / "sums" / "tiny" / "qmix-s1.json").stat().st_size < 8000
    before = {path: path.stat().st_mtime_ns for path in (tiny / "sums").rglob("*.json")}
    assert run(campaign(tiny), resolve) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tiny / "sums").rglob("*.json")}


def test_a_killed_campaign_goes_on_where_it_was(tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(TEXT % 6000)
    words = [f"{key}={value}" for key, value in campaign(tmp_path, only="s1").items()]
    command = [sys.executable, str(ROOT / "run.py"), "reproduce", "with", *words]
    first = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    metrics = tmp_path / "runs" / "reproduce" / "tiny" / "qmix-s1"
    deadline = time.monotonic() + 120
    while not list(metrics.rglob("manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    first.kill()
    first.wait()
    for path in Path("/proc").glob(
        "[0-9]*/cmdline"
    ):  # its training, as a crash of the machine would
        if str(metrics) in path.read_text(errors="replace"):
            os.kill(int(path.parent.name), signal.SIGKILL)
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert len(list(metrics.rglob("metrics.jsonl"))) == 1  # resumed, not begun anew
    assert read_summary(tmp_path / "sums" / "tiny" / "qmix-s1.json")["t_env"] >= 6000


def test_a_stopped_campaign_leaves_no_training_behind(tmp_path: Path, capsys):
    (tmp_path / "tiny.yaml").write_text(TEXT % 10_000_000)
    assert run(campaign(tmp_path, max_seconds=12.0), resolve) == 0
    assert "0 of 2 done, 0 running, 2 left" in capsys.readouterr().out.splitlines()[-1]
    checkpoints = list((tmp_path / "runs").rglob("manifest.json"))
    assert checkpoints  # what they had is saved


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


def test_a_summary_of_other_settings_is_refused(tiny: Path):
    run(campaign(tiny, only="s1"), resolve)
    (tiny / "tiny.yaml").write_text(TEXT % 400 + "  - {label: x, config: qmix, maps: []}\n")
    text = (tiny / "tiny.yaml").read_text().replace("t_max: 400", "t_max: 500")
    (tiny / "tiny.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"other settings \(t_max: 400 -> 500\)"):
        run(campaign(tiny, status=True), resolve)


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


def test_a_summary_is_json_that_reads_line_by_line(tiny: Path):
    run(campaign(tiny, only="s2"), resolve)
    text = (tiny / "sums" / "tiny" / "qmix-s2.json").read_text()
    assert json.loads(text)["label"] == "qmix"
    assert len(text.splitlines()) == len(json.loads(text))

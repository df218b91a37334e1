"""What `runs=` finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plots.builders import run_folder, summary

from marl.campaign.suite import load_suite
from marl.campaign.summary import summary_of
from marl.errors import ConfigError, UserError
from marl.plots.sources import keep_started, read_trials
from marl.plots.trial import trial_of_run, trial_of_summary

SUITE = "maps: [3m]\nseeds: [1, 2, 3]\nruns: [{label: qmix, config: qmix}]\n"


def test_a_suite_a_folder_of_summaries_a_summary_and_a_run_are_found(tmp_path):
    sums = tmp_path / "sums"
    one = summary(sums / "mine", seed=1)
    summary(tmp_path / "else", seed=2)
    run_folder(tmp_path / "runs" / "reproduce" / "s" / "j" / "runs" / "e" / "m" / "c" / "r")
    names = f"mine, {tmp_path}/else,{tmp_path}/runs,{one}"
    trials, lines = read_trials(names, sums)
    assert [one.label for one in trials] == ["qmix", "qmix", "lagma"]  # `one` is there once
    assert lines == []


def test_a_suites_file_says_what_is_missing(tmp_path):
    suite = tmp_path / "mine.yaml"
    suite.write_text(SUITE)
    summary(tmp_path / "sums" / "mine", seed=2)
    trials, lines = read_trials(str(suite), tmp_path / "sums")
    assert len(trials) == 1
    assert lines == [f"{suite}: 2 of 3 trainings have no summary: qmix-3m-s1, qmix-3m-s3"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("", "runs: say what to plot"),
        (" , ", "runs: say what to plot"),
        ("nowhere", "runs: 'nowhere' is not a folder, a summary or a suite; suites are: "),
        ("anchor", "did you mean 'anchors'"),
        ("{tmp}/empty", "there is no run and no summary in"),
        ("smoke", "there is no summary in .*sums/smoke yet; python run.py reproduce with suite="),
    ],
)
def test_nothing_found_is_one_line(tmp_path: Path, names, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=said):
        read_trials(names.format(tmp=tmp_path), tmp_path / "sums")


def test_a_run_and_its_summary_give_the_same_trial(tmp_path):
    folder = run_folder(tmp_path / "run", wins=(0.0, 0.25, 0.75))
    (tmp_path / "s.yaml").write_text("runs: [{label: lagma, config: lagma}]")
    job = load_suite(str(tmp_path / "s.yaml"))[0]
    path = tmp_path / "lagma.json"
    path.write_text(json.dumps({**summary_of(folder, job, "abc"), "map": "3m"}))
    run, kept = trial_of_run(folder), trial_of_summary(path)
    assert run.t_env.tolist() == kept.t_env.tolist() == [0, 50, 100]
    assert run.seconds.tolist() == kept.seconds.tolist() == [0, 30, 60]
    assert run.tests["battle_won_mean"].tolist() == kept.tests["battle_won_mean"].tolist()
    assert run.settings == kept.settings
    assert not run.is_even


def test_a_summary_without_the_tests_time_has_it_spread(tmp_path):
    path = summary(tmp_path)
    record = json.loads(path.read_text())
    del record["tests"]["seconds"]
    path.write_text(json.dumps(record))
    trial = trial_of_summary(path)
    assert trial.is_even
    assert trial.seconds.tolist() == [0, 30, 60]


def test_unfinished_runs_are_named_and_left_out_unless_told(tmp_path):
    done = trial_of_run(run_folder(tmp_path / "done"))
    half = trial_of_run(run_folder(tmp_path / "half", wins=(0.0, 0.5)))
    new = trial_of_run(run_folder(tmp_path / "new", wins=()))
    kept, lines = keep_started([done, half, new], unfinished=False)
    assert kept == [done]
    assert lines == [
        f"unfinished, left out: {tmp_path}/half, 50 of 100 steps",
        f"unfinished, left out: {tmp_path}/new, 0 of 100 steps, no test yet",
    ]
    kept, lines = keep_started([done, half, new], unfinished=True)
    assert kept == [done, half]
    assert lines[0] == f"unfinished, shown: {tmp_path}/half, 50 of 100 steps"
    with pytest.raises(ConfigError, match="set unfinished=true"):
        keep_started([half], unfinished=False)
    with pytest.raises(ConfigError, match="none was tested yet"):
        keep_started([new], unfinished=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tests": {"t_env": [0, 1], "return_mean": [1.0]}}, "not a finite number in every test"),
        ({"tests": {"t_env": [0], "return_mean": [float("nan")]}}, "NaN is no number"),
        ({"tests": {}}, "this is no summary"),
        ({"settings": {}}, "this is no summary"),
    ],
)
def test_a_damaged_summary_is_one_line(tmp_path, change, said):
    path = summary(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=said):
        trial_of_summary(path)


def test_a_damaged_run_is_one_line(tmp_path):
    folder = run_folder(tmp_path / "run")
    (folder / "metrics.jsonl").write_text("no json\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl: 1 lines are no points"):
        trial_of_run(folder)
    (folder / "config.yaml").unlink()
    with pytest.raises(UserError, match=r"there is no config\.yaml"):
        trial_of_run(folder)

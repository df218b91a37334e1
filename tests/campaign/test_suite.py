"""Suites: the jobs of a file, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from marl.campaign.suite import Job, load_suite, suite_names
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import ConfigError

TEXT = """
settings: {t_max: 1000, learner: {gamma: 0.9}}
maps: [3m, 8m]
seeds: [1, 2]
runs:
  - {label: qmix, config: qmix}
  - {label: lagma 128, config: lagma, settings: {bonus: {codebook: {size: 128}}}, maps: [8m]}
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_first_seeds_come_first_and_maps_in_order(tmp_path: Path):
    names = [job.name for job in load_suite(written(tmp_path, TEXT))]
    assert names == [
        "qmix-3m-s1",
        "qmix-8m-s1",
        "lagma_128-8m-s1",
        "qmix-3m-s2",
        "qmix-8m-s2",
        "lagma_128-8m-s2",
    ]


def test_a_job_is_a_command_line(tmp_path: Path):
    job = load_suite(written(tmp_path, TEXT))[2]
    plan = make_plan(split(job.words(results_dir="there")))
    assert plan.values["learner"]["gamma"] == 0.9
    assert plan.values["bonus"]["codebook"]["size"] == 128
    assert (plan.values["map"], plan.run.seed, plan.run.t_max) == ("8m", 1, 1000)
    assert plan.run.results_dir == "there"


@pytest.mark.parametrize("name", suite_names())
def test_every_job_of_our_suites_is_a_plan(name: str):
    jobs = load_suite(name)
    for job in {(job.label, job.map): job for job in jobs}.values():
        assert isinstance(job, Job)
        make_plan(split(job.words()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs: []", "nothing to run"),
        ("runs: [{label: a}]", "config"),
        ("runs: [{label: a, config: qmix, map: 3m}]", "map"),
        ("seeds: [-1]\nruns: [{label: a, config: qmix}]", "seeds"),
        ("runs: [{label: a, config: qmix}, {label: a, config: vdn}]", "two runs are called a-s1"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        load_suite(written(tmp_path, text))


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'anchors'"):
        load_suite("anchor")

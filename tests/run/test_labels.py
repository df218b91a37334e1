"""Names of configurations, and of their folders."""

from __future__ import annotations

import pytest

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.run.folder import LONGEST, create_folder, read_config, write_config
from marl.run.labels import changes, name_of

LAGMA = ["--config=lagma", "--env-config=sc2", "with", "map=3m"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "lagma"),
        (["bonus.codebook.size=128"], "lagma codebook.size=128"),
        (["bonus.k=10", "bonus.codebook.size=128"], "lagma codebook.size=128 bonus.k=10"),
        (["seed=3", "t_max=500", "num_envs=2", "results_dir=x", "label=y", "device=cpu"], "lagma"),
        (["mixer.kind=vdn"], "lagma mixer.kind=vdn"),
        (["quirks.regeneration_pays=False"], "lagma quirks.regeneration_pays=False"),
        (
            ["agent.kind=mlp", "agent.hidden_dims=[8, 8]"],
            "lagma agent.hidden_dims=[8,8] agent.kind=mlp",
        ),
        # What only repeats a file's value or a default, in whatever spelling, changes nothing.
        (["bonus.codebook.size=64", "learner.gamma=99e-2", "move_amount=2"], "lagma"),
        (["mixer.kind=qmix", "bonus.k=30"], "lagma"),
    ],
)
def test_the_name_says_what_the_command_line_changed(words, name):
    plan = make_plan(split([*LAGMA, *words]))
    assert name_of(plan.values, plan.sources) == name


def test_a_recorded_configuration_has_the_same_name(tmp_path):
    plan = make_plan(split([*LAGMA, "bonus.codebook.size=128", "bonus.k=30", "seed=1"]))
    write_config(tmp_path, plan)
    assert changes(*read_config(tmp_path)) == {"bonus.codebook.size": 128}
    assert plan.sources["bonus.k"] == "command line, as configs/algs/lagma.yaml"
    assert plan.sources["seed"] == "command line"
    resumed = make_plan(split(["with", f"resume={tmp_path}", "bonus.k=30", "t_max=5000000"]))
    assert name_of(resumed.values, resumed.sources) == "lagma codebook.size=128"


def test_what_a_file_says_has_the_files_name(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: lagma\nbonus: {k: 10}\n")
    plan = make_plan(split([f"--config={tmp_path}/mine.yaml", "--env-config=sc2"]))
    assert name_of(plan.values, plan.sources) == "mine"


def test_a_key_is_written_out_where_its_end_is_anothers():
    values = {"config": "x", "a": {"b": {"c": 1}}, "d": {"b": {"c": 2}}}
    assert name_of(values, {"a.b.c": "command line"}) == "x a.b.c=1"
    assert name_of(values | {"d": 0}, {"a.b.c": "command line"}) == "x b.c=1"


def test_a_folders_name_is_safe_and_bounded(tmp_path):
    def made(name: str, label: str = "") -> str:
        folder = create_folder(str(tmp_path), "sc2-engine/3m", name, 1, label)
        return folder.parent.name

    assert made("lagma codebook.size=128 bonus.k=10") == "lagma+codebook.size=128+bonus.k=10"
    assert made("lagma a.b=[0.5,'/x'] c=ä") == "lagma+a.b=_0.5_x_+c=ä"
    assert made("../.. \\x=..") not in ("", ".", "..")
    long = [made(f"lagma {'ä' * 200} last={n}", "ä" * 300) for n in range(2)]
    assert len(set(long)) == 2
    assert all(len(name.encode()) <= LONGEST for name in long)

"""What `run.py bench` measures, and what it refuses."""

from __future__ import annotations

import json

import pytest

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import ConfigError
from marl.run import bench
from marl.run.bench import MAPS, NUM_ENVS, Scope, scope_of


def scope(*words: str) -> Scope:
    return scope_of(make_plan(split(["bench", *words])))


def test_without_settings_all_maps_and_sizes_are_measured():
    usual = scope()
    assert (usual.maps, usual.num_envs, usual.batch_sizes) == (MAPS, NUM_ENVS, (32, 128))
    assert list(usual.recipes) == ["qmix", "lagma"]


def test_what_is_said_after_with_is_what_is_measured():
    words = ["map=3m", "num_envs=4", "env_threads=1", "sampler.batch_size=8", "bonus.k=5"]
    own = scope("with", *words, "obs_timestep_number=True")
    assert (own.maps, own.num_envs, own.threads) == (("3m",), (4,), (1,))
    assert (own.batch_sizes, own.learner_map) == ((8,), "3m")
    assert own.recipes["lagma"].bonus.k == 5
    assert own.env.obs_timestep_number
    assert list(scope("--config=vdn", "with", "map=3m").recipes) == ["qmix", "vdn"]
    assert scope("--env-config=sc2v2").maps == ("terran_5_vs_5",)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["with", "t_max=5", "label=x"], "label, t_max: would do nothing here; of the run's keys"),
        (["--env-config=matrix"], "bench measures battles on the engine"),
        (["with", "backend=game"], "bench measures battles on the engine"),
        (["--config=ippo"], "--config=ippo: bench measures value learning"),
    ],
)
def test_what_would_do_nothing_is_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        scope(*words)


def test_each_figure_is_printed_as_it_comes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "SECONDS", 0.01)
    words = ["map=3m", "num_envs=2", "env_threads=1", "sampler.batch_size=2"]
    plan = make_plan(split(["bench", "with", *words, f"results_dir={tmp_path}"]))
    written = json.loads(bench.bench(plan).read_text())
    assert [row["map"] for row in written["engine"]] == ["3m"]
    assert [row["recipe"] for row in written["updates"]] == ["qmix", "lagma"]
    out = capsys.readouterr().out
    assert out.index("engine 1/1  3m, E = 2, threads 1: ") < out.index("learner  qmix and lagma")

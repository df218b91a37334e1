"""Which trials are one line, and which are not shown together."""

from __future__ import annotations

import pytest
from plots.builders import run_folder, trial

from marl.errors import ConfigError
from marl.plots.groups import check_comparable, commits, grouped, labels_of
from marl.plots.trial import trial_of_run


def test_seeds_of_one_configuration_are_one_line(tmp_path):
    trials = [trial(tmp_path, label=name, seed=seed) for name in ("qmix", "vdn") for seed in (1, 2)]
    cells = grouped(trials)
    assert {label: len(seeds) for label, seeds in cells["3m"].items()} == {"qmix": 2, "vdn": 2}
    assert check_comparable(trials, mix=False) == []


def test_runs_are_named_by_their_algorithm_and_by_what_differs(tmp_path):
    folders = [
        run_folder(tmp_path / "a", seed=1),
        run_folder(tmp_path / "b", seed=2, torch_threads=2, label="x", num_envs=8),
        run_folder(tmp_path / "c", size=128),
    ]
    cells = grouped([trial_of_run(folder) for folder in folders])
    sizes = {label: len(seeds) for label, seeds in cells["3m"].items()}
    assert sizes == {"lagma bonus.codebook.size=64": 2, "lagma bonus.codebook.size=128": 1}


def test_what_differs_from_map_to_map_is_one_configuration(tmp_path):
    presets = [
        trial(tmp_path, label="lagma", map_name="3m", config="lagma_3m", **{"bonus.k": 10}),
        trial(tmp_path, label="lagma", map_name="8m", config="lagma_8m", **{"bonus.k": 30}),
    ]
    assert labels_of(grouped(presets)) == ["lagma"]


def test_the_same_label_with_other_settings_is_never_averaged(tmp_path):
    trials = [trial(tmp_path, seed=seed, **{"learner.gamma": 0.9 + seed / 100}) for seed in (1, 2)]
    assert labels_of(grouped(trials)) == ["qmix learner.gamma=0.91", "qmix learner.gamma=0.92"]


def test_an_option_that_came_later_parts_no_seeds(tmp_path):
    trials = [trial(tmp_path, seed=1), trial(tmp_path, seed=2, **{"learner.new": 3})]
    assert labels_of(grouped(trials)) == ["qmix"]


def test_environments_without_maps_are_named_by_what_they_play(tmp_path):
    cart = trial(tmp_path, map_name=None, env_config="gymnasium", **{"x.y": 1})
    assert cart.task == "gymnasium"
    settings = {**cart.settings, "env_id": "CartPole-v1"}
    assert trial(tmp_path, map_name=None, settings=settings).task == "CartPole-v1"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backend", "game"),
        ("t_max", 90),
        ("reward_sparse", True),
        ("quirks.regeneration_pays", False),
        ("test_episodes", 8),
    ],
)
def test_what_makes_results_incomparable_is_refused_unless_told(tmp_path, key, value):
    trials = [trial(tmp_path), trial(tmp_path, label="vdn", **{key: value})]
    with pytest.raises(ConfigError, match=f"3m: runs with different {key} are not comparable"):
        check_comparable(trials, mix=False)
    (line,) = check_comparable(trials, mix=True)
    assert line.startswith(f"3m mixes runs of different {key}: ")
    other = trial(tmp_path, label="vdn", map_name="8m", **{key: value})
    assert check_comparable([trials[0], other], mix=False) == []  # another map


def test_one_seed_twice_is_refused(tmp_path):
    trials = [trial(tmp_path / "a"), trial(tmp_path / "b")]
    with pytest.raises(ConfigError, match="seed 1 of qmix on 3m is there twice"):
        grouped(trials)


def test_seeds_of_different_commits_are_named(tmp_path):
    trials = [trial(tmp_path, seed=1, commit="aaa"), trial(tmp_path, seed=2, commit="bbb")]
    assert commits(grouped(trials)) == ["qmix on 3m: seeds of different commits, aaa, bbb"]

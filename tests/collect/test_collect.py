"""python run.py collect, and what learns from its datasets, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from marl.__main__ import execute
from marl.batch import EpisodeBatch, layout_of
from marl.buffers.episodes import EpisodeBuffer
from marl.buffers.transitions import TransitionBuffer
from marl.cli.arguments import split
from marl.cli.main import main
from marl.cli.resolve import make_plan
from marl.collect.actors import Contrary, Disturbed, Uniform
from marl.collect.kept import Episodes
from marl.config.files import ROOT
from marl.datasets.files import DATA, MANIFEST
from marl.protocols.acting import ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import Discrete, EnvSpec
from tests.builders import SMALL, VECTORS, random_batch

h5py = pytest.importorskip("h5py")

LINE = ["collect", "--env-config=line_world", "with", "line_length=3", "time_limit=12"]
QUICK = ["reference_episodes=5", "num_envs=4"]
TINY = [
    "test_interval=1000",
    "test_episodes=3",
    "tensorboard=False",
    "progress_bar=False",
    "seed=1",
]


def run(*words: object) -> int:
    return main([str(word) for word in words], execute)


def manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def refused(capsys, *words: object) -> str:
    assert run(*words) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    return line


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A dataset of the line-world, mostly the wrong way."""
    folder = tmp_path_factory.mktemp("data") / "line"
    code = run(
        *LINE, "policy=contrary", "begins=anywhere", "steps=1500", f"out={folder}",
        "expert_return=1.0", *QUICK,
    )  # fmt: skip
    assert code == 0
    return folder


@pytest.fixture(scope="module")
def learnt(line, tmp_path_factory) -> Path:
    """The folder of a run that learnt from it."""
    results = tmp_path_factory.mktemp("results")
    words = [f"dataset={line}", "t_max=200", f"results_dir={results}", *TINY]
    assert run("--config=td3", "--env-config=offline", "with", *words) == 0
    (config,) = results.rglob("config.yaml")
    return config.parent


def test_the_contrary_policys_data_go_the_wrong_way(line):
    with h5py.File(line / DATA) as file:
        moves = np.concatenate([group["actions"][:, 0] for group in file.values()])
        ends = [bool(group["terminations"][-1]) for group in file.values()]
    assert (moves < 0).mean() == pytest.approx(0.9, abs=0.03)  # 1500 draws: deviation 0.008
    assert any(ends)
    assert not all(ends)
    assert moves.max() > 0.9


def test_the_manifest_says_what_rebuilds_it(line):
    found = manifest(line)
    assert found["env"] == {
        "env": "line_world",
        "line_length": 3,
        "moves": "continuous",
        "begins": "anywhere",
        "time_limit": 12,
    }
    assert found["made"] == {"policy": "contrary", "seed": 0, "wrong_share": 0.9}
    assert found["counts"]["steps"] >= 1500
    assert found["references"]["expert"] == 1.0
    assert 0 < found["references"]["random"] < 1


def test_the_same_command_makes_the_same_data(line, tmp_path):
    words = [*LINE, "policy=contrary", "begins=anywhere", "steps=1500", *QUICK]
    assert run(*words, f"out={tmp_path / 'again'}") == 0
    assert manifest(tmp_path / "again")["sha256"] == manifest(line)["sha256"]


def test_learning_needs_no_further_settings(learnt, line):
    lines = [json.loads(text) for text in (learnt / "metrics.jsonl").read_text().splitlines()]
    assert any(row.get("updates") == 200 for row in lines)
    last = next(row for row in reversed(lines) if "test_return_mean" in row)
    references = manifest(line)["references"]
    expected = (last["test_return_mean"] - references["random"]) / (1 - references["random"])
    assert last["test_normalised_score"] == pytest.approx(100 * expected)
    kept = json.loads((learnt / "dataset.json").read_text())
    assert kept == {"path": str((line / DATA).resolve()), "sha256": manifest(line)["sha256"]}


def test_a_run_goes_on_with_the_same_data_alone(learnt, line, tmp_path, capsys):
    assert run("with", f"resume={learnt}", "t_max=210") == 0
    words = [*LINE, "steps=500", f"out={tmp_path / 'other'}", *QUICK]
    assert run(*words) == 0
    capsys.readouterr()
    line_of = refused(
        capsys, "with", f"resume={learnt}", "t_max=220", f"buffer.path={tmp_path / 'other'}"
    )
    assert "is not the file that this run learnt from" in line_of


def test_settings_of_the_user_win_over_the_datasets(line):
    words = ["--config=td3", "--env-config=offline", "with", f"dataset={line}", "begins=start"]
    plan = make_plan(split(words))
    assert (plan.env.begins, plan.env.line_length) == ("start", 3)
    assert plan.values["buffer"] == {"kind": "dataset", "path": str(line)}
    assert plan.recipe.sampler.start == 0


@pytest.mark.parametrize("policy", ["greedy", "exploring"])
def test_a_run_makes_data(policy, learnt, tmp_path):
    words = [f"run={learnt}", f"policy={policy}", "steps=100", f"out={tmp_path / 'd'}", *QUICK]
    assert run("collect", "with", *words, f"expert={learnt}") == 0
    found = manifest(tmp_path / "d")
    assert found["made"]["policy"] == policy
    assert found["made"]["t_env"] >= 200
    assert found["references"]["expert"] is not None


def test_the_replay_of_a_run_is_exported_whole(tmp_path):
    words = ["t_max=300", "noise.random_steps=400", f"results_dir={tmp_path / 'r'}", *TINY]
    setting = ["line_length=3", "time_limit=12", "sampler.start=300"]
    assert run("--config=td3", "--env-config=line_world", "with", *words, *setting) == 0
    (config,) = (tmp_path / "r").rglob("config.yaml")
    out = tmp_path / "d"
    assert run("collect", "with", f"run={config.parent}", "policy=kept", f"out={out}", *QUICK) == 0
    counts = manifest(out)["counts"]
    assert counts["steps"] == 300  # the episode that still ran is in it
    assert counts["terminated"] > 0


def test_datasets_are_mixed_by_halves(line, tmp_path):
    assert run(*LINE, "begins=anywhere", "steps=1500", f"out={tmp_path / 'b'}", *QUICK) == 0
    out = tmp_path / "mixed"
    words = [f"mix={line},{tmp_path / 'b'}", "steps=1000", f"out={out}", *QUICK]
    assert run("collect", "with", *words) == 0
    found = manifest(out)
    assert found["counts"]["steps"] == pytest.approx(1000, abs=24)  # two episodes to their ends
    assert [part["made"]["policy"] for part in found["made"]["parts"]] == ["contrary", "random"]
    assert found["references"] == manifest(line)["references"]


# parts


def both(spec: EnvSpec, batch: EpisodeBatch) -> list[EpisodeBatch]:
    """What Episodes makes of a replay of episodes, and of one of single steps."""
    whole, steps = EpisodeBuffer(layout_of(spec), 9, 10), TransitionBuffer(layout_of(spec), 100)
    found = []
    for buffer in (whole, steps):
        buffer.add(batch)
        found.append([row for row, _ in Episodes(buffer).rows()])
    assert [row.steps for row in found[0]] == [row.steps for row in found[1]]
    for one, other in zip(*found, strict=True):
        for name in one.layout:
            assert torch.equal(one[name], other[name]), name
    return found[0]


@pytest.mark.parametrize("spec", [SMALL, VECTORS], ids=lambda spec: spec.name)
def test_single_steps_become_the_episodes_that_they_were(spec):
    batch = random_batch(spec, 3, lengths=[4, 9, 2], layout=layout_of(spec))
    rows = both(spec, batch)
    assert [row.steps for row in rows] == [4, 9, 2]
    assert torch.equal(rows[1].actions[0], batch.actions[1])


def test_an_episode_whose_beginning_is_gone_is_left_out():
    batch = random_batch(VECTORS, 3, lengths=[4, 9, 2], layout=layout_of(VECTORS))
    steps = TransitionBuffer(layout_of(VECTORS), 13)  # the first two steps are dropped
    steps.add(batch)
    episodes = Episodes(steps)
    assert [row.steps for row, _ in episodes.rows()] == [9, 2]
    assert episodes.left_out == 1


MANY = 4000


def shown(spec: EnvSpec) -> ObservationTensors:
    avail = None
    if isinstance(spec.action, Discrete):
        avail = torch.ones(MANY, spec.n_agents, spec.action.n, dtype=torch.bool)
        avail[..., 1] = False
    obs = torch.zeros(MANY, spec.n_agents, spec.obs_dim)
    return ObservationTensors(obs, torch.zeros(MANY, spec.state_dim), avail)


class Still(Uniform):
    """Always acts in the middle between the bounds, and remembers what it did."""

    def act(self, observation, carry, progress, rng, greedy=False):
        acted = super().act(observation, carry, progress, rng, greedy)
        low, high = torch.tensor(self.spec.action.low), torch.tensor(self.spec.action.high)
        actions = ((low + high) / 2).expand_as(acted.actions)
        return acted._replace(actions=actions, carry={"actions": actions})


def test_random_actions_are_legal_and_fill_the_range():
    rng = torch.Generator().manual_seed(0)
    actions = Uniform(SMALL).act(shown(SMALL), {}, Progress(), rng).actions
    assert actions.unique().tolist() == [0, 2, 3, 4]
    actions = Uniform(VECTORS).act(shown(VECTORS), {}, Progress(), rng).actions
    assert actions[..., 0].abs().max() == pytest.approx(2.0, abs=0.02)
    assert actions[..., 1].min() >= 0


def test_a_disturbed_policy_has_the_noise_and_the_share_that_were_asked_for():
    rng = torch.Generator().manual_seed(0)
    quiet = Disturbed(Still(VECTORS), VECTORS, random_share=0.0, noise=0.1)
    actions = quiet.act(shown(VECTORS), {}, Progress(), rng).actions
    assert actions[..., 0].std() == pytest.approx(0.2, rel=0.05)  # half the range is 2
    mixed = Disturbed(Still(VECTORS), VECTORS, random_share=0.3, noise=0.0)
    acted = mixed.act(shown(VECTORS), {}, Progress(), rng)
    assert (acted.actions[..., 0] != 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(acted.carry["actions"], acted.actions)


def test_the_contrary_policy_of_discrete_moves():
    spec = EnvSpec("line", 1, Discrete(2), 1, 1, 9)
    rng = torch.Generator().manual_seed(0)
    actions = Contrary(spec, 0.9).act(shown(spec), {}, Progress(), rng).actions
    assert actions.float().mean() == pytest.approx(0.1, abs=0.02)


# what is refused


def test_bad_commands_are_refused_in_one_line(line, learnt, tmp_path, capsys):
    out = f"out={tmp_path / 'x'}"
    gym = ["collect", "--env-config=gymnasium", "with", out]
    assert "--env-config=NAME is missing" in refused(capsys, "collect", "with", out)
    assert "out: name the folder" in refused(capsys, *LINE)
    assert "is not empty" in refused(capsys, *LINE, f"out={line}")
    assert "contrary is for line_world" in refused(capsys, *gym, "policy=contrary", *QUICK)
    assert "greedy is what a run learnt" in refused(capsys, *gym, "policy=greedy")
    assert "go with policy=greedy or exploring" in refused(capsys, *gym, "noise=0.1")
    words = [f"run={learnt}", out, "policy=kept", *QUICK]
    assert "learnt offline, so it kept no replay" in refused(capsys, "collect", "with", *words)
    assert not (tmp_path / "x").exists()


def test_datasets_of_two_environments_are_not_mixed(line, tmp_path, capsys):
    assert run(*LINE, "steps=50", f"out={tmp_path / 'b'}", *QUICK) == 0
    capsys.readouterr()
    words = [f"mix={line},{tmp_path / 'b'}", f"out={tmp_path / 'c'}", *QUICK]
    assert "mix: " in refused(capsys, "collect", "with", *words)


def test_learning_offline_is_refused_in_one_line(line, tmp_path, capsys):
    words = ["--env-config=offline", "with", f"dataset={line}", f"results_dir={tmp_path}"]
    assert "recipe ppo keeps no experience" in refused(capsys, "--config=ppo", *words)
    nothing = ["--config=td3", "--env-config=offline"]
    assert "dataset: --env-config=offline needs one" in refused(capsys, *nothing)
    assert "is not the folder of a dataset" in refused(
        capsys, *nothing, "with", f"dataset={tmp_path}"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"env": "gymnasium", "env_id": "evil:Name-v0"}, "env_id: .* names 'evil:Name-v0'"),
        ({"env": "gymnasium", "results_dir": "/etc"}, "sets 'results_dir', which is no setting"),
        ({"env": "gymnasium", "plugins": "evil"}, "sets 'plugins', which is no setting"),
        ({"env": "mine"}, "is of an environment 'mine', which is not known here"),
        ({}, "does not say what environment it is of"),
    ],
)
def test_a_strangers_manifest_chooses_nothing_but_the_environment(env, message, line, tmp_path):
    (tmp_path / "data").symlink_to(line / "data")
    (tmp_path / MANIFEST).write_text(json.dumps({**manifest(line), "env": env}))
    words = ["--config=td3", "--env-config=offline", "with", f"dataset={tmp_path}"]
    with pytest.raises(Exception, match=message):
        make_plan(split(words))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_collection_that_is_stopped_leaves_nothing(stop, tmp_path):
    command = [sys.executable, str(ROOT / "run.py"), *LINE, *QUICK, "steps=1000000000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, f"out={tmp_path / 'd'}"], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob(f".*/{DATA}")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(stop)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing is kept" in out
    assert list(tmp_path.iterdir()) == []

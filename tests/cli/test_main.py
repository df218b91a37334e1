"""python run.py: its arguments, its messages and its exit codes."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from marl.__main__ import execute
from marl.buffers.samplers import EpisodeSamplerConfig
from marl.cli import sacred_flags
from marl.cli.arguments import parse_updates, split
from marl.cli.main import main
from marl.cli.resolve import make_plan
from marl.config import files as configfiles
from marl.config.files import ROOT
from marl.errors import ConfigError, EnvError
from marl.nets.dueling import ValueMlpConfig, ValueRnnConfig
from marl.nets.mixers import VdnMixerConfig
from marl.run.folder import create_folder, open_folder, read_config, run_folder
from marl.run.plan import Plan

GAME = ["--config=qmix", "--env-config=matrix"]
SMALL = ["t_max=64", "test_interval=64", "test_episodes=4", "tensorboard=False", "num_envs=4"]


def run_apart(*words: object) -> subprocess.CompletedProcess[str]:
    """python run.py in a process of its own, from another folder."""
    command = [sys.executable, str(ROOT / "run.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/")


def run(*words: object) -> int:
    """The same within this process; the exit code."""
    return main([str(word) for word in words], execute)


def plan_of(*words: str) -> Plan:
    return make_plan(split(words))


@pytest.fixture(autouse=True)
def _no_packages_of_sacreds_observers(monkeypatch):
    """Whatever is installed here."""
    monkeypatch.setattr(sacred_flags, "find_spec", lambda module: None)


def refused(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        plan_of(*words)
    return str(caught.value)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a short finished run."""
    results = tmp_path_factory.mktemp("results")
    code = run(*GAME, "with", *SMALL, "seed=3", f"results_dir={results}", "learner.gamma=0.5")
    assert code == 0
    (folder,) = results.glob("*/*/*/*")
    return folder


# the words of the command line


@pytest.mark.parametrize(
    "words",
    [
        "train --config=qmix --env-config=matrix with a=1",
        "--config=qmix --env-config=matrix train with a=1",
        "--config qmix --env-config matrix with a=1",
        "train with a=1 --config=qmix --env-config matrix",
        "-F dir --config=qmix train --env-config=matrix with a=1",
    ],
)
def test_options_may_stand_anywhere(words):
    arguments = split(words.split())
    assert (arguments.command, arguments.config, arguments.env_config) == (
        "train",
        "qmix",
        "matrix",
    )
    assert arguments.updates == {"a": 1}


def test_sacreds_flags_go_to_sacred():
    words = ["-F", "~/runs", *GAME, "--comment=a b", "with", "t_max=5", "-D"]
    arguments = split(words)
    home = str(Path("~/runs").expanduser())
    assert arguments.options == {"--file_storage": home, "--comment": "a b", "--pdb": True}
    assert arguments.updates == {"t_max": 5}


def test_updates_are_literals_or_strings_and_dots_name_sections():
    words = ["a.b=1", "a.c=5e-4", "d=True", "e=[1, 2]", "f=3s_vs_5z", "g=None", "h={'x': 1}", "i="]
    assert parse_updates(words) == {
        "a": {"b": 1, "c": 5e-4},
        "d": True,
        "e": [1, 2],
        "f": "3s_vs_5z",
        "g": None,
        "h": {"x": 1},
        "i": "",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian", *GAME], "'trian' is not a command; did you mean 'train'?"),
        (["--config"], "--config: needs a name, for example --config=lagma"),
        (["--config", "with", "a=1"], "--config: needs a name"),
        ([*GAME, "map=3m"], "map=3m: settings stand after the word 'with'"),
        ([*GAME, "with", "map"], "'map': expects key=value"),
        ([*GAME, "with", "a..b=1"], "expects key=value"),
        ([*GAME, "--nonsense"], "--nonsense: settings stand after the word 'with', without dashes"),
        ([*GAME, "--seed=3"], "without dashes: with seed=3"),
        ([*GAME, "with", "game=penalty", "--seed=3"], "without dashes: with seed=3"),
        ([*GAME, "--save-replay"], "without dashes: with save_replay=..."),
        (["--env_config=sc2"], "--env_config=sc2: did you mean --env-config=sc2?"),
        ([*GAME, "-z", "1"], "-z: cannot be parsed; flags are --config, --env-config, -b --beat"),
        ([*GAME, "with"], "'with': settings follow it, for example: with map=3m seed=1"),
        ([*GAME, "train", "evaluate"], "'evaluate': one command is enough, and there is 'train'"),
        ([*GAME, "train", "map=3m"], "map=3m: settings stand after the word 'with'"),
        ([*GAME, "--config=vdn"], "--config: stands there twice; keep one"),
        ([*GAME, "with", "t_max=1", "t_max=2"], "t_max: is given twice, as t_max=1 and t_max=2;"),
        ([*GAME, "with", "a.b=1", "a={'b': 2}"], "a.b: is given twice, as a.b=1 and a={'b': 2};"),
        ([*GAME, "-m", "localhost"], "--mongo_db: sacred needs a package for it: pip install pymo"),
        (
            [*GAME, "-s", "sqlite://"],
            "--sql: sacred needs a package for it: pip install sqlal",
        ),
        ([*GAME, "-t", "x"], "pip install tinydb tinydb-serialization hashfs"),
        ([*GAME, "--s3=s3://a/b"], "--s3: sacred needs a package for it: pip install boto3"),
        ([*GAME, "-b", "often"], "--beat-interval: expects a number, got 'often'"),
        ([*GAME, "-P", "high"], "--priority: expects a number, got 'high'"),
        ([*GAME, "-l", "loud"], "--loglevel: 'loud' is neither a number nor one of ["),
        ([*GAME, "-C", "all"], "--capture: 'all' is not one of ['no', 'sys', 'fd']"),
        ([*GAME, "-e"], "--enforce_clean: run.py tells sacred of no repository; leave it out"),
        (["--config=qmix"], "--env-config=NAME is missing; there are: "),
        (["--env-config=matrix"], "--config=NAME is missing; there are: "),
        (["--config=qmx", "--env-config=matrix"], "no configs/algs/qmx.yaml; did you mean 'qmix'?"),
        (["--config=qmix", "--env-config=matrx"], "did you mean 'matrix'?"),
        ([*GAME, "with", "learner.gamma=2"], "learner.gamma: 2.0 is too large"),
        ([*GAME, "with", "learner=5"], "learner: a section with the keys"),
        ([*GAME, "with", "t_mx=5"], "t_mx: unknown key; did you mean 't_max'? [command line]"),
        ([*GAME, "with", "test_nepisode=5"], "PyMARL's 'test_nepisode' is here test_episodes"),
        ([*GAME, "with", "env_id=x"], "env_id: belongs to env gymnasium; this run has env matrix"),
        ([*GAME, "with", "device=gpu"], "device: 'gpu' is not one of ['auto', 'cpu', 'cuda']; did"),
        ([*GAME, "with", "device=gpu"], "did you mean 'cuda'?"),
        ([*GAME, "with", "results_dir="], "results_dir: is empty; name a folder, or . for the wor"),
        ([*GAME, "with", "name=qmix"], "PyMARL's 'name' is here --config=NAME, the algorithm"),
        ([*GAME, "with", "mixer=vdn"], "mixer: is a section; say mixer.kind=vdn [command line]"),
        ([*GAME, "with", "bonus=None"], "bonus: is a section; say bonus.kind=none"),
        ([*GAME, "with", "optimizer=adam"], "did you mean 'learner.optimizer.kind=adam'?"),
        ([*GAME, "with", "env_args.map_name=3m"], "env_args stand at the top here: map=3m"),
        (["--config=maa2c", "--env-config=sc2"], "PyMARL's 'maa2c' is not here; the nearest is -"),
        ([*GAME, "with", "foo=1", "bar=2"], "foo: unknown key, like none of "),
        ([*GAME, "with", "foo=1", "bar=2"], " | bar: unknown key, like none of "),
        ([*GAME, "with", "resume="], "resume: is empty; give the folder of a run"),
        ([*GAME, "with", "seed=-1"], "seed: -1 is too small"),
        ([*GAME, "with", "recipe=vdn"], "recipe: choose it with --config=NAME, before"),
        ([*GAME, "with", "config=vdn"], "config: choose it with --config=NAME, before"),
        ([*GAME, "with", "env=sc2"], "env: choose it with --env-config=NAME, before"),
        ([*GAME, "with", "env_config=sc2"], "env_config: choose it with --env-config=NAME"),
        ([*GAME, "with", "agent=mlp", "agent.agent_id=True"], "agent was already given the value"),
        ([*GAME, "with", "agent=5"], "set a key inside it, for example agent.kind=..."),
        ([*GAME, "with", "agent.hidden_dims=[8]"], "belongs to agent.kind=mlp, and this is rnn"),
        ([*GAME, "with", "sampler.length=2"], "belongs to sampler.kind=slices, and this is"),
        (
            [*GAME, "with", "learner.optimizer.kind=adam", "learner.optimizer.alpha=0.9"],
            "learner.optimizer.alpha: belongs to learner.optimizer.kind=rmsprop, and this is adam",
        ),
        ([*GAME, "with", "buffer.episodes=16"], "buffer.episodes: 16 can never fill a batch of 32"),
        ([*GAME, "with", "updates.per_episode=0"], "per_step: one must be more than 0"),
        (
            ["--config=dqn", "--env-config=gymnasium", "with", "buffer.steps=500"],
            "buffer.steps: 500 can never hold the 1000 steps that the first update waits for",
        ),
        ([*GAME, "with", "rollout.kind=offline"], "set updates.kind=offline too"),
        ([*GAME, "with", "updates.kind=offline"], "set rollout.kind=offline too"),
        (
            [*GAME, "with", "buffer.kind=dataset", "buffer.path=x"],
            "rollout: kind=episodes is for collected experience, and the run is to learn",
        ),
        ([*GAME, "with", "obs_agent_id=False"], "PyMARL's 'obs_agent_id' is here agent.agent_id"),
        ([*GAME, "with", "checkpoint=x"], "checkpoint: belongs to evaluate"),
        ([*GAME, "with", "resume=/nowhere"], "resume: /nowhere does not exist"),
        ([*GAME, "with", "resume=/"], "resume: / is not the folder of a run"),
        (["evaluate"], "checkpoint: evaluate needs one"),
        (["evaluate", *GAME], "checkpoint: evaluate needs one for --config=qmix: with checkpoint="),
        (
            ["train", "--config=heuristic", "--env-config=sc2"],
            "--config=heuristic: a scripted player has nothing to learn; to see how it fares: "
            "python run.py evaluate --config=heuristic --env-config=sc2",
        ),
        (["evaluate", "with", "checkpoint=/nowhere"], "checkpoint: /nowhere does not exist"),
        (["evaluate", "with", "resume=x"], "resume: belongs to train"),
    ],
)
def test_mistakes_are_named_in_the_message(words, said):
    assert said in refused(*words)


@pytest.mark.parametrize(
    ("alg", "env", "said"),
    [
        ("recipe: qmx", "env: matrix", "recipe: 'qmx' is unknown; did you mean 'qmix'?"),
        ("recipe: qmix", "env: matrx", "env: 'matrx' is unknown; did you mean 'matrix'?"),
    ],
)
def test_an_unknown_name_in_a_file_gets_the_nearest_one(tmp_path, alg, env, said):
    (tmp_path / "alg.yaml").write_text(alg)
    (tmp_path / "env.yaml").write_text(env)
    assert said in refused(f"--config={tmp_path}/alg.yaml", f"--env-config={tmp_path}/env.yaml")


@pytest.mark.parametrize("value", ["[]", "{}", "5", "[qmix]"])
def test_a_recipe_that_is_no_name_is_one_line(tmp_path, value):
    (tmp_path / "own.yaml").write_text(f"recipe: {value}\n")
    said = refused(f"--config={tmp_path / 'own.yaml'}", "--env-config=matrix")
    assert said.startswith("recipe: expects a name, got ")


def test_a_bad_key_inside_a_yaml_file_is_refused_with_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: qmix\nlearner: {gama: 0.9}\n")
    said = refused(f"--config={tmp_path}/mine.yaml", "--env-config=matrix")
    assert "learner.gama: unknown key; did you mean 'learner.gamma'?" in said
    assert said.endswith("mine.yaml]")


# the plan


def test_the_command_line_wins_over_algorithm_over_environment_over_default(tmp_path):
    (tmp_path / "env.yaml").write_text("env: matrix\nt_max: 1\ntest_episodes: 1\nnum_envs: 1\n")
    (tmp_path / "alg.yaml").write_text("recipe: qmix\nt_max: 2\nnum_envs: 2\n")
    words = [
        f"--config={tmp_path}/alg.yaml",
        f"--env-config={tmp_path}/env.yaml",
        "with",
        "t_max=3",
    ]
    plan = plan_of(*words)
    assert (plan.run.t_max, plan.run.num_envs, plan.run.test_episodes) == (3, 2, 1)
    assert plan.sources["t_max"] == "command line"
    assert plan.sources["num_envs"] == str(tmp_path / "alg.yaml")
    assert plan.sources["test_episodes"] == str(tmp_path / "env.yaml")
    assert plan.sources["log_interval"] == "configs/default.yaml"


def test_another_kind_on_the_command_line_starts_from_its_own_defaults():
    plan = plan_of(*GAME, "with", "agent.kind=mlp", "agent.hidden_dims=[64, 64]")
    assert plan.recipe.agent == ValueMlpConfig(hidden_dims=(64, 64))
    assert plan.sources["agent.kind"] == "command line"
    assert plan.sources["agent.agent_id"] == "default"
    assert plan_of(*GAME, "with", "agent.kind=rnn", "agent.hidden_dim=8").recipe.agent == (
        ValueRnnConfig(hidden_dim=8)
    )
    dqn = plan_of("--config=dqn", "--env-config=gymnasium", "with", "sampler.kind=episodes")
    assert dqn.recipe.sampler == EpisodeSamplerConfig()  # 32 episodes, not 128


@pytest.mark.parametrize("parent", ["mixer: {kind: qmix, embed_dim: 8}", "mixer: {embed_dim: 8}"])
def test_a_child_that_names_another_kind_drops_what_its_parent_set_for_the_first(
    tmp_path, monkeypatch, parent
):
    """Also where the parent leaves the kind to the recipe's default."""
    monkeypatch.setattr(configfiles, "CONFIGS", tmp_path)
    for folder in ("algs", "envs"):
        shutil.copytree(ROOT / "configs" / folder, tmp_path / folder)
    (tmp_path / "algs" / "mine.yaml").write_text(f"recipe: qmix\n{parent}\n")
    (tmp_path / "algs" / "child.yaml").write_text("extends: mine\nmixer: {kind: vdn}\n")
    child = plan_of("--config=child", "--env-config=matrix")
    assert child.recipe.mixer == VdnMixerConfig()
    assert child.sources["mixer.kind"].endswith("child.yaml")
    mine = ["--config=mine", "--env-config=matrix", "with"]
    assert plan_of(*mine, "mixer.kind=vdn").recipe.mixer == VdnMixerConfig()
    assert plan_of(*mine, "mixer.kind=qmix").recipe.mixer.embed_dim == 8
    said = refused("--config=child", "--env-config=matrix", "with", "mixer.embed_dim=3")
    assert "mixer.embed_dim: belongs to mixer.kind=qmix, and this is vdn" in said


PRESETS = [path.stem for path in sorted((ROOT / "configs" / "algs").glob("lagma_*.yaml"))]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_at_the_top_of_a_preset_sets_its_task(preset):
    text = (ROOT / "configs" / "algs" / f"{preset}.yaml").read_text()
    (words,) = re.findall(r"^# python run.py (.+)$", text, flags=re.MULTILINE)
    plan = plan_of(*words.split())
    assert plan.config_name == preset
    if preset == "lagma_official":
        assert plan.run.num_envs == 1
    elif preset == "lagma_tuned":
        assert plan.recipe.learner.td_lambda == 0.6
    else:
        sparse = preset.startswith("lagma_sparse_")
        assert plan.env.reward_deaths_only == sparse
        assert plan.env.map == preset.removeprefix("lagma_").removeprefix("sparse_")


def test_a_seed_is_drawn_where_none_is_given():
    first, second = plan_of(*GAME), plan_of(*GAME)
    assert first.run.seed != second.run.seed
    assert first.sources["seed"] == "drawn"
    assert plan_of(*GAME, "with", "seed=5").run.seed == 5


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path):
    made = {create_folder(str(tmp_path), "sc2-engine/3m", "lagma", 1, "try 2") for _ in range(5)}
    assert len(made) == 5
    assert {folder.parent for folder in made} == {tmp_path / "sc2-engine" / "3m" / "lagma"}


def test_a_results_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"results_dir: cannot make .*Not a directory"):
        create_folder(str(tmp_path / "file"), "sc2-engine/3m", "lagma", 1, "")


# how it ends


def test_an_error_is_one_line_and_code_2_and_leaves_nothing(tmp_path):
    done = run_apart(*GAME, "with", f"results_dir={tmp_path}", "learner.gama=0.9")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: learner.gama: unknown key; did you mean 'learner.gamma'? [command line]\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("one\n  line"), 2, "error: one line\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 2, "error: /x: No space left"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 2, "error: /x: Read-only"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_a_line_and_a_code(capsys, error, code, said):
    def execute(plan, options):
        raise error

    assert main(GAME, execute) == code
    assert capsys.readouterr().err.startswith(said)


LOADED = f"""
import runpy, sys
sys.argv[0] = {str(ROOT / "run.py")!r}
sys.path.insert(0, {str(ROOT)!r})
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    print(end.code, sorted({{"torch", "numba", "sacred"}} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["trian"], 2),
        (["--config=qmx", "--env-config=matrix"], 2),
        ([*GAME, "with", "t_max=soon"], 2),
        ([*GAME, "with", "t_maxx=2"], 2),
        ([*GAME, "with", "lerner.lr=2", "sampler.batch_siz=3"], 2),
        ([*GAME, "with", "t_max=1", "t_max=2"], 2),
        (["with", "resume=/nowhere"], 2),
    ],
)
def test_help_and_what_needs_no_recipe_to_be_refused_take_no_heavy_imports(words, code):
    """torch, numba and sacred take seconds."""
    command = [sys.executable, "-c", LOADED, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == f"{code} []", done.stderr


def test_each_unknown_key_has_its_own_line(capsys):
    assert run(*GAME, "with", "t_mx=5", "learner.gama=0.9", "seed=1") == 2
    assert capsys.readouterr().err == (
        "error: t_mx: unknown key; did you mean 't_max'? [command line]\n"
        "error: learner.gama: unknown key; did you mean 'learner.gamma'? [command line]\n"
    )


def test_a_tilde_in_quotes_is_the_home_folder(trained, monkeypatch):
    monkeypatch.setenv("HOME", str(trained.parent))
    assert plan_of(*GAME, "with", "results_dir=~/x").run.results_dir == str(trained.parent / "x")
    assert plan_of("with", f"resume=~/{trained.name}").run.seed == 3


def test_what_the_engine_refuses_names_the_key(capsys):
    battle = ["--config=random", "--env-config=sc2", "with", "seed=1"]
    assert run("evaluate", *battle, "map=3M") == 2
    said = capsys.readouterr().err
    assert "map '3M' is not in " in said
    assert "did you mean '3m'? There are: 10m_vs_11m, " in said
    assert run("evaluate", *battle, "map=3m", "env_threads=999") == 2
    assert "env_threads=999 is not within 1.." in capsys.readouterr().err


def test_an_error_tells_a_terminal_nothing_to_do(capsys):
    def execute(plan, options):
        raise EnvError("a name\x1b[2J\nof two\x07 lines, ü")

    assert main([*GAME, "with", "seed=1"], execute) == 2
    assert capsys.readouterr().err == "error: a name\\x1b[2J of two\\x07 lines, ü\n"


def test_a_bug_keeps_its_traceback():
    def execute(plan, options):
        raise FileNotFoundError(errno.ENOENT, "no", "/x")

    with pytest.raises(FileNotFoundError):
        main(GAME, execute)


def test_help_lists_commands_and_configs(capsys):
    assert main(["--help"], lambda plan, options: None) == 0
    out = capsys.readouterr().out
    assert "--env-config" in out
    assert "qmix" in out
    assert "matrix" in out


def test_a_finished_run_leaves_its_record(trained):
    values, sources = read_config(trained)
    assert (values["seed"], values["learner"]["gamma"]) == (3, 0.5)
    assert sources["learner.gamma"] == "command line"
    assert (values["recipe"], values["env"], values["config"]) == ("qmix", "matrix", "qmix")
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert any("test_return_mean" in line for line in lines)
    assert (trained / "models" / "64" / "manifest.json").is_file()
    record = json.loads((trained / "sacred" / "1" / "run.json").read_text())
    assert record["status"] == "COMPLETED"
    assert "hostname" not in record["host"]
    info = json.loads((trained / "sacred" / "1" / "info.json").read_text())
    assert info["test_return_mean_T"] == [0, 64]


def test_resuming_takes_the_recorded_configuration(trained):
    plan = plan_of("train", "with", f"resume={trained}", "t_max=96")
    assert (plan.run.seed, plan.recipe.learner.gamma, plan.run.t_max) == (3, 0.5, 96)
    assert plan.sources["learner.gamma"] == "command line"
    assert plan_of("with", f"resume={trained}/models/64").run.seed == 3
    assert run_folder(trained / "models" / "64", "resume") == trained


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["learner.gamma=0.9"], "learner.gamma: .* trained with 0.5, and a resumed run keeps it"),
        (["seed=4"], "seed: .* trained with 3"),
        (["num_envs=8"], "num_envs: .* trained with 4"),
        (["game=penalty"], "game: .* trained with 'climbing'"),
        (["--config=vdn"], "--config=vdn: .* trained with --config=qmix"),
        (["--env-config=two_step"], "--env-config=two_step: .* trained with --env-config=matrix"),
        (["learner.gama=0.9"], "learner.gama: unknown key"),
    ],
)
def test_a_resumed_run_refuses_other_settings(trained, words, said):
    with pytest.raises(ConfigError, match=said):
        plan_of("train", "with", f"resume={trained}", *words)


def test_a_resumed_run_may_repeat_its_settings(trained):
    words = ["learner.gamma=5e-1", "seed=3", "test_interval=10"]
    assert plan_of("with", f"resume={trained}", *words).run.test_interval == 10


def test_evaluation_takes_the_recorded_configuration_unless_given_another(trained):
    plan = plan_of("evaluate", "with", f"checkpoint={trained}", "episodes=5", "game=penalty")
    assert (plan.run.episodes, plan.env.game, plan.recipe.learner.gamma) == (5, "penalty", 0.5)
    assert open_folder(plan, "matrix/penalty") == trained
    elsewhere = plan_of("evaluate", "--env-config=two_step", "with", f"checkpoint={trained}")
    assert elsewhere.env_name == "two_step"
    same = plan_of("evaluate", *GAME, "with", f"checkpoint={trained}")
    assert same.recipe.learner.gamma == 0.5


def test_resume_and_evaluate_run(trained, capsys):
    assert run("with", f"resume={trained}", "t_max=96") == 0
    assert (trained / "models" / "96").is_dir()
    assert (trained / "sacred" / "2" / "run.json").is_file()
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["t_env"] for line in lines] == sorted(line["t_env"] for line in lines)
    assert run("evaluate", "with", f"checkpoint={trained}", "load_step=64", "episodes=4") == 0
    assert "models/64" in capsys.readouterr().out


def test_an_evaluation_records_what_was_played_otherwise(trained):
    words = ["evaluate", "with", f"checkpoint={trained}", "episodes=2", "num_envs=2"]
    assert run(*words) == 0
    assert run(*words, "game=penalty", "learner.gamma=5e-1") == 0
    lines = (trained / "evaluations.jsonl").read_text().splitlines()[-2:]
    assert [json.loads(line)["overrides"] for line in lines] == [{}, {"game": "penalty"}]


def test_a_run_with_other_settings_has_them_in_its_folders_name(trained):
    assert trained.parent.name == "qmix+learner.gamma=0.5"


def test_a_scripted_player_is_evaluated_without_a_checkpoint(capsys):
    words = ["--env-config=sc2", "with", "map=3m", "episodes=20", "num_envs=8", "seed=1"]
    assert run("evaluate", "--config=heuristic", *words) == 0
    out = capsys.readouterr().out
    assert "sc2-engine/3m" in out
    assert "win rate (95 %)" in out
    assert "t_env" not in out
    assert "player       heuristic" in out


def test_a_player_that_reads_units_refuses_an_environment_without(capsys):
    assert run("evaluate", "--config=kite", "--env-config=matrix") == 2
    assert "choose --env-config=sc2 or --config=random" in capsys.readouterr().err
    assert run("evaluate", "--config=random", "--env-config=matrix") == 0


def test_a_damaged_checkpoint_is_one_line_too(trained, tmp_path, capsys):
    copy = shutil.copytree(trained, tmp_path / "run")
    newest = max((copy / "models").iterdir(), key=lambda path: int(path.name))
    learner = newest / "learner.pt"
    learner.write_bytes(learner.read_bytes()[:-1])
    for words in (["evaluate", "with", f"checkpoint={copy}"], ["with", f"resume={copy}"]):
        assert run(*words) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: {learner} is damaged")
        assert err.count("\n") == 1


def test_print_config_says_where_each_value_came_from(capsys):
    assert run("print_config", *GAME, "with", "seed=1", "mixer.embed_dim=8") == 0
    out = capsys.readouterr().out
    assert "seed: 1  # command line\n" in out
    assert yaml.safe_load(out)["mixer"]["embed_dim"] == 8


def test_ctrl_c_saves_and_ends_with_130(tmp_path):
    words = [*GAME, "with", f"results_dir={tmp_path}", "tensorboard=False", "test_episodes=4"]
    command = [sys.executable, str(ROOT / "run.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("manifest.json")) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = (text.decode() for text in process.communicate(timeout=60))
    assert (process.returncode, err) == (130, "")
    assert f"go on        python {ROOT / 'run.py'} with resume=" in out
    (record,) = tmp_path.rglob("run.json")
    assert json.loads(record.read_text())["status"] == "INTERRUPTED"


def test_a_failure_to_write_a_checkpoint_ends_with_one_line(tmp_path):
    """A limit on the size of files stands in for a full disk."""
    script = (
        "import resource, signal, sys, runpy\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        f"sys.argv[0] = {str(ROOT / 'run.py')!r}\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    words = [*GAME, "with", *SMALL, f"results_dir={tmp_path}"]
    command = [sys.executable, "-c", script, *words]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: could not write the checkpoint")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.rglob("models/*")) == []

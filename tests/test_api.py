"""The framework from Python, as the README shows it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from marl import api
from marl.envs.matrix import TwoStepConfig
from marl.errors import ConfigError, EnvError
from marl.run import checkpoint

README = Path(__file__).parents[1] / "README.md"
QUICK = {
    "t_max": 64,
    "num_envs": 4,
    "test_interval": 64,
    "test_episodes": 2,
    "seed": 1,
    "tensorboard": False,
    "progress_bar": False,
}


def test_dotted_settings_are_sections():
    found = api.nested({"a.b": 1, "a": {"c": 2}, "d": 3})
    assert found == {"a": {"b": 1, "c": 2}, "d": 3}
    with pytest.raises(ConfigError, match="is no name of a setting"):
        api.nested({"a b": 1})


def test_settings_are_checked_as_on_the_command_line():
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        api.plan("qmix", "two_step", sed=1)
    assert api.plan("qmix", "sc2", map="3m", bonus={"kind": "lagma"}).recipe.bonus.kind == "lagma"


def test_a_policy_acts_in_a_loop_of_ones_own_as_in_an_evaluation(tmp_path):
    summary = api.train(
        api.plan("qmix", "sc2", results_dir=str(tmp_path), **{**QUICK, "map": "3m"})
    )
    policy = api.load_policy(summary.folder)
    env, session = policy.make_env(2), policy.session(2)
    returns = []
    for seeds in ([1, 2], [2, 1]):
        env.reset(np.array(seeds, dtype=np.uint64))
        session.restart()
        total, running = np.zeros(2), np.ones(2, dtype=bool)
        while running.any():
            step = env.step(session.act(env.observe()))
            total += step.reward
            running &= ~(step.terminated | step.truncated)
        returns.append(total)
    env.close()
    assert returns[0] == pytest.approx(returns[1][::-1])  # an episode follows from its seed


def test_one_environment_may_start_anew_alone(tmp_path):
    summary = api.train(api.plan("qmix", "two_step", results_dir=str(tmp_path), **QUICK))
    session = api.load_policy(summary.folder).session(2)
    env = api.load_policy(summary.folder).make_env(2)
    env.reset(np.array([1, 2], dtype=np.uint64))
    session.act(env.observe())
    session.restart(np.array([1]))
    assert session.carry["started"].tolist() == [False, True]
    assert session.carry["hidden"][0].abs().sum() > 0
    assert session.carry["hidden"][1].abs().sum() == 0


def test_a_policy_is_loaded_without_its_environment(tmp_path, monkeypatch):
    """With the game, an environment is a process of it."""
    summary = api.train(api.plan("qmix", "two_step", results_dir=str(tmp_path), **QUICK))
    monkeypatch.setattr(TwoStepConfig, "build", lambda *_: pytest.fail("an environment was made"))
    policy = api.load_policy(summary.folder)
    assert policy.spec.name == "two_step/qmix"
    assert policy.session(2).carry["hidden"].shape[0] == 2


def test_a_policy_with_goals_asks_its_environment_for_their_values(tmp_path):
    plan = api.plan("dqn", "bit_flip", results_dir=str(tmp_path), **QUICK)
    policy = api.load_policy(api.train(plan).folder)
    assert policy.spec.goal_dim > 0


def test_a_checkpoint_without_the_sizes_asks_the_environment(tmp_path):
    summary = api.train(api.plan("qmix", "two_step", results_dir=str(tmp_path), **QUICK))
    newest = checkpoint.find(summary.folder)
    parts = checkpoint.load(newest)
    del parts["train"]["spec"]
    checkpoint.save(newest, parts)
    assert api.load_policy(summary.folder).spec.name == "two_step/qmix"


def test_a_policy_makes_no_environment_that_it_cannot_act_in(tmp_path):
    summary = api.train(api.plan("iql", "matrix", results_dir=str(tmp_path), **QUICK))
    assert api.load_policy(summary.folder, game="penalty").make_env().spec.name == "matrix/penalty"
    policy = api.load_policy(summary.folder, game="monotonic")
    with pytest.raises(EnvError, match=r"matrix/monotonic: action_width is 2, .*climbing.* 3"):
        policy.make_env()


def test_an_environment_is_asked_for_the_contract_by_name_or_by_its_options():
    api.check_env("two_step")
    api.check_env("matrix", num_envs=2, game="penalty")
    api.check_env(TwoStepConfig())
    with pytest.raises(ConfigError, match="gme: unknown key; did you mean 'game'"):
        api.check_env("matrix", gme="penalty")
    with pytest.raises(ConfigError, match="game: settings go with a name"):
        api.check_env(TwoStepConfig(), game="penalty")


def test_the_readmes_examples_run(tmp_path, monkeypatch):
    """Every block of Python in the README, in order, as one program."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert any("api.train" in block for block in blocks)
    monkeypatch.chdir(tmp_path)
    program = "\n".join(blocks)
    exec(compile(program, str(README), "exec"), {"__name__": "readme"})

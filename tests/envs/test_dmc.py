"""marl.envs.dmc: tasks of the control suite."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from marl.envs.dmc import DmcConfig, find_task
from marl.errors import EnvError

SEEDS = np.array([5], dtype=np.uint64)


def test_a_missing_package_is_one_line_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "dm_control", None)
    with pytest.raises(EnvError, match=r"pip install marl-starcraft\[single-agent\]") as error:
        DmcConfig().build(1, 1)
    assert "\n" not in str(error.value)


class TestTasks:
    @pytest.fixture(autouse=True)
    def suite(self):
        return pytest.importorskip("dm_control.suite", reason="needs the extra [single-agent]")

    def test_an_episode_is_the_one_that_the_suite_plays(self, suite):
        ours = DmcConfig("cartpole-swingup").build(1, 1)
        theirs = suite.load("cartpole", "swingup")
        theirs.task.random.seed([5, 0])
        ours.reset(SEEDS)
        time_step = theirs.reset()
        for step in range(30):
            parts = time_step.observation
            assert list(parts) == ["position", "velocity"]
            flat = np.concatenate([parts["position"], parts["velocity"]]).astype(np.float32)
            np.testing.assert_array_equal(ours.observe().obs[0, 0], flat)
            np.testing.assert_array_equal(ours.observe().state[0], flat)
            action = np.float32(np.sin(step))
            result = ours.step(np.full((1, 1, 1), action, np.float32))
            time_step = theirs.step([action])
            assert result.reward[0] == np.float32(time_step.reward)

    def test_sizes_and_bounds_are_the_tasks(self):
        spec = DmcConfig("walker-walk").build(1, 1).spec
        assert (spec.name, spec.obs_dim, spec.episode_limit) == ("dmc/walker-walk", 24, 1000)
        assert spec.action.low == (-1.0,) * 6
        assert spec.action.high == (1.0,) * 6

    def test_an_episode_is_cut_off_and_not_terminated(self):
        env = DmcConfig("pendulum-swingup", time_limit=5, action_repeat=2).build(1, 1)
        env.reset(SEEDS)
        steps = [env.step(np.ones((1, 1, 1), np.float32)) for _ in range(env.spec.episode_limit)]
        assert len(steps) == 3
        assert steps[-1].truncated[0]
        assert not steps[-1].terminated[0]

    def test_a_discount_of_0_terminates(self):
        env = DmcConfig("cartpole-balance", time_limit=5).build(1, 1)
        env.reset(SEEDS)
        task = env._envs[0]._env.task
        task.get_termination = lambda physics: 0.0
        step = env.step(np.zeros((1, 1, 1), np.float32))
        assert step.terminated[0]
        assert not step.truncated[0]

    def test_names_are_found_however_they_are_written(self):
        assert find_task("cup-catch") == ("ball_in_cup", "catch")
        assert find_task("cartpole-swingup-sparse") == ("cartpole", "swingup_sparse")
        assert find_task("humanoid_cmu-run") == ("humanoid_CMU", "run")

    def test_a_wrong_name_is_refused_with_near_ones(self):
        with pytest.raises(EnvError, match=r"task: 'walker-wolk' .* did you mean walker-walk"):
            DmcConfig("walker-wolk").build(1, 1)
        with pytest.raises(EnvError, match=r"there are: acrobot-swingup, "):
            find_task("xxxxxxxx")

    def test_unbounded_actions_are_refused(self):
        with pytest.raises(EnvError, match="dmc/lqr-lqr_2_1: its actions have no bounds"):
            DmcConfig("lqr-lqr_2_1").build(1, 1)

    def test_no_renderer_is_needed_or_left_chosen(self):
        code = (
            "from marl.envs.dmc import DmcConfig; import os, sys; DmcConfig().build(1, 1); "
            "assert 'glfw' not in sys.modules and 'MUJOCO_GL' not in os.environ"
        )
        env = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "DISPLAY")}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "GLFW" not in done.stderr

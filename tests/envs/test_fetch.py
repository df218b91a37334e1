"""marl.envs.fetch: the robot's tasks and their goals."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from marl.envs.fetch import FetchConfig, FetchEnv
from marl.errors import EnvError
from marl.protocols.environments import GoalEnv

SEEDS = np.array([1, 2], dtype=np.uint64)


def test_a_wrong_task_is_refused_with_a_near_one():
    with pytest.raises(EnvError, match=r"task: 'PickPlace' is no Fetch task; did you mean 'Pick"):
        FetchConfig("PickPlace").build(1, 1)


def test_a_missing_package_is_one_line_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)
    with pytest.raises(EnvError, match=r"pip install marl-starcraft\[single-agent\]") as error:
        FetchConfig().build(1, 1)
    assert "\n" not in str(error.value)


class TestTasks:
    @pytest.fixture(autouse=True)
    def robotics(self):
        pytest.importorskip("gymnasium_robotics", reason="needs the extra [single-agent]")

    def test_sizes_are_those_of_the_tasks(self):
        for task, own in (("reach", 10), ("PickAndPlace", 25)):
            env = FetchConfig(task).build(1, 1)
            assert isinstance(env, GoalEnv)
            assert (env.spec.obs_dim, env.spec.goal_dim) == (own + 3, 3)
            assert (env.spec.action_width, env.spec.episode_limit) == (4, 50)

    def test_the_object_moves_as_far_as_it_is_pushed(self):
        """Without a touch it stays; moved by 0.3 and 0.4 metres it has moved by 0.5."""
        env = FetchConfig("Push", time_limit=3).build(2, 1)
        env.reset(SEEDS)
        task = env._envs[0].unwrapped
        qpos = task._utils.get_joint_qpos(task.model, task.data, "object0:joint")
        qpos[:2] += 0.3, -0.4
        task._utils.set_joint_qpos(task.model, task.data, "object0:joint", qpos)
        for _ in range(3):
            env.step(np.zeros((2, 1, 4), np.float32))
        moved = env.outcomes()["object_displacement"]
        assert moved[0] == pytest.approx(0.5, abs=0.01) or moved[0] > 0.5  # it may fall, too
        assert moved[1] == pytest.approx(0.0, abs=0.005)
        env.reset(SEEDS[:1], np.array([0]))
        assert env.outcomes()["object_displacement"][0] == 0.0

    def test_reach_has_no_object(self):
        env = FetchConfig("Reach").build(1, 1)
        env.reset(SEEDS[:1])
        assert set(env.outcomes()) == {"success"}

    def test_a_dense_step_pays_minus_the_distance(self):
        env = FetchConfig("Reach", reward="dense").build(1, 1)
        env.reset(SEEDS[:1])
        step = env.step(np.ones((1, 1, 4), np.float32))
        shown = env.observe()
        distance = np.linalg.norm(shown.achieved_goal - shown.goal)
        assert step.reward[0] == pytest.approx(-distance, rel=1e-6)

    def test_another_layout_of_the_object_is_refused(self):
        whole = FetchConfig("Reach").build(1, 1)
        with pytest.raises(EnvError, match="observes 10 numbers, not 25"):
            FetchEnv("fetch/x", whole._envs, 50, has_object=True)

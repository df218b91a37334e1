"""Collecting nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from runners.counting import CountingActor

from marl import seeding
from marl.batch import layout_of
from marl.envs.matrix import TwoStepConfig
from marl.protocols.acting import Behaviour
from marl.runners.evaluation import play, statistics
from marl.runners.offline import OfflineRolloutConfig, OfflineRunner
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds

CPU = torch.device("cpu")


def runner_and_actor() -> tuple[OfflineRunner, CountingActor]:
    env = TwoStepConfig().build(2, 1)
    actor = CountingActor(env.spec)
    layout = layout_of(env.spec, actor.columns)
    return OfflineRolloutConfig().build(env, layout, CPU, Stopwatch()), actor


def test_a_collection_brings_no_row_and_takes_no_seed():
    runner, actor = runner_and_actor()
    seeds = EpisodeSeeds(0, seeding.TRAIN_EPISODES)
    rollout = runner.collect(Behaviour(actor), seeds)
    assert (rollout.batch.size, rollout.steps, len(rollout.ended)) == (0, 0, 0)
    assert statistics([rollout]) == {}
    assert seeds.following == 0


def test_its_environment_is_for_tests():
    runner, actor = runner_and_actor()
    tester = runner.for_tests(lambda: pytest.fail("it has an environment"))
    rollouts = play(tester, actor, np.zeros(3, dtype=np.uint64))
    assert [rollout.returns.tolist() for rollout in rollouts] == [[7.0, 7.0], [7.0]]


def test_the_state_of_a_runner_that_collects_is_refused():
    runner, _ = runner_and_actor()
    runner.load_state_dict(runner.state_dict())
    with pytest.raises(ValueError, match="nothing is collected here"):
        runner.load_state_dict({"seeds": [1]})

"""The line-world: where moves lead, what is paid, and when an episode is over."""

from __future__ import annotations

import numpy as np
import pytest

from marl.envs.line_world import LEFT, RIGHT, LineWorldConfig

SEED = np.zeros(1, dtype=np.uint64)


def moved(config: LineWorldConfig, *actions: float) -> list[tuple[float, float, bool, bool]]:
    """The place shown, the reward, the end and the cut after each action from S on."""
    env, found = config.build(1, 1), []
    env.reset(SEED)
    kind = np.int64 if config.moves == "discrete" else np.float32
    for action in actions:
        shape = (1, 1) if config.moves == "discrete" else (1, 1, 1)
        step = env.step(np.full(shape, action, dtype=kind))
        shown = env.observe()
        assert shown.state[0, 0] == shown.obs[0, 0, 0]
        result = step.reward[0], step.terminated[0], step.truncated[0]
        found.append((float(shown.state[0, 0]), *(value.item() for value in result)))
    return found


def test_a_move_is_cut_to_a_unit_and_stops_at_the_wall():
    # places 1, 0.5, 0 of a line of 4, shown from -1 to 1
    places = [shown for shown, *_ in moved(LineWorldConfig(line_length=4), 7.0, -0.5, -1.0)]
    assert places == [-0.5, -0.75, -1.0]


def test_the_goal_pays_once_and_ends_the_episode():
    steps = moved(LineWorldConfig(line_length=2), 1.0, 1.0, 1.0)
    assert steps == [(0.0, 0.0, False, False), (1.0, 1.0, True, False), (1.0, 0.0, False, False)]


def test_the_time_limit_cuts_off_and_does_not_end():
    config = LineWorldConfig(line_length=2, time_limit=2, moves="discrete")
    assert moved(config, RIGHT, LEFT) == [(0.0, 0.0, False, False), (-1.0, 0.0, False, True)]


def test_the_goal_at_the_limit_ends():
    config = LineWorldConfig(line_length=2, time_limit=2, moves="discrete")
    assert moved(config, RIGHT, RIGHT)[-1] == (1.0, 1.0, True, False)


@pytest.mark.parametrize("moves", ["continuous", "discrete"])
def test_an_episode_may_begin_at_any_place_before_the_goal(moves):
    env = LineWorldConfig(line_length=3, moves=moves, begins="anywhere").build(200, 1)
    env.reset(np.arange(200, dtype=np.uint64))
    places = (env.observe().state[:, 0] + 1) * 1.5
    assert places.min() < 0.2
    assert 1.9 < places.max() < 3
    if moves == "discrete":
        assert np.allclose(places, places.round(), atol=1e-6)

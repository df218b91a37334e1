"""smac's pettingzoo names on our engine."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test

from marl.envs import smac_pettingzoo
from marl.envs.smac_api import StarCraft2Env, get_map_params, map_param_registry
from marl.errors import ConfigError, EnvError


def first_legal(seen: dict) -> dict[str, int]:
    return {name: int(one["action_mask"].argmax()) for name, one in seen.items()}


def test_the_parallel_env_passes_pettingzoos_test():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parallel_api_test(smac_pettingzoo.parallel_env(map_name="2s3z"), num_cycles=150)


@pytest.mark.parametrize("make", [smac_pettingzoo.raw_env, smac_pettingzoo.env])
def test_agents_can_act_one_after_the_other(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api_test(make(map_name="3m"), num_cycles=30)


def test_a_battle_is_that_of_the_drop_in_class():
    view = smac_pettingzoo.parallel_env(map_name="3m", seed=5)
    seen, _ = view.reset(seed=11)
    again, _ = view.reset(seed=11)
    assert list(seen) == ["marine_0", "marine_1", "marine_2"]
    for name, one in seen.items():
        assert np.array_equal(one["observation"], again[name]["observation"])
        assert one["action_mask"].shape == (view.action_space(name).n,) == (8,)
        assert one["action_mask"][0] == 1  # stop
    official = StarCraft2Env(map_name="3m", seed=5)
    official.reset()
    assert official.n_actions == 9
    assert official.get_obs_size() == len(seen["marine_0"]["observation"])
    assert list(official.get_avail_agent_actions(0)[1:]) == list(seen["marine_0"]["action_mask"])


def test_the_constructors_seed_begins_the_first_episode():
    def after_a_fight(seed: int) -> np.ndarray:
        view = smac_pettingzoo.parallel_env(map_name="2s3z", seed=seed)
        seen, _ = view.reset()
        for _ in range(20):
            seen, *_ = view.step(first_legal(seen))
        return view.state()

    assert np.array_equal(after_a_fight(3), after_a_fight(3))
    assert not np.array_equal(after_a_fight(3), after_a_fight(4))


def test_max_cycles_truncates():
    view = smac_pettingzoo.parallel_env(max_cycles=2, map_name="3m")
    seen, _ = view.reset(seed=1)
    seen, _, terminated, truncated, _ = view.step(first_legal(seen))
    assert not any(terminated.values()) and not any(truncated.values())  # noqa: PT018
    _, _, _, truncated, _ = view.step(first_legal(seen))
    assert all(truncated.values())
    assert view.agents == []


def test_what_cannot_be_obeyed_is_refused():
    with pytest.raises(EnvError, match="heuristic_ai=True"):
        smac_pettingzoo.parallel_env(map_name="3m", heuristic_ai=True)
    with pytest.raises(EnvError, match="difficulty"):
        smac_pettingzoo.parallel_env(map_name="3m", difficulty="1")
    with pytest.raises((EnvError, ConfigError), match="map"):
        smac_pettingzoo.parallel_env(map_name="3x")
    with pytest.raises(TypeError, match="speed"):
        smac_pettingzoo.parallel_env(map_name="3m", speed=1)
    view = smac_pettingzoo.parallel_env(map_name="3m")
    view.reset(seed=0)
    with pytest.raises(ValueError, match=r"action 8 is not within 0\.\.7"):
        view.step(dict.fromkeys(view.agents, 8))


def test_map_params_are_smacs():
    assert get_map_params("3s5z_vs_3s6z") == {
        "n_agents": 8,
        "n_enemies": 9,
        "limit": 170,
        "a_race": "P",
        "b_race": "P",
        "unit_type_bits": 2,
        "map_type": "stalkers_and_zealots",
    }
    assert map_param_registry["corridor"]["unit_type_bits"] == 0
    assert map_param_registry["MMM2"]["unit_type_bits"] == 3
    assert len(map_param_registry) == len(list(map_param_registry)) == 27
    assert "3x" not in map_param_registry
    with pytest.raises(EnvError, match="3x"):
        get_map_params("3x")

"""The classes for code that was written for smac and smacv2; tests/official has them beside these.

Sizes and numbers of the observations are the business of tests/engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl.envs import smac_api, smacv2_api
from marl.errors import ConfigError, EnvError

CAPABILITIES: dict[str, Any] = {
    "n_units": 3,
    "n_enemies": 4,
    "team_gen": {
        "dist_type": "weighted_teams",
        "unit_types": ["zergling", "baneling", "hydralisk"],
        "weights": [0.45, 0.1, 0.45],
        "exception_unit_types": ["baneling"],
        "observe": True,
    },
    "start_positions": {"dist_type": "surrounded_and_reflect", "p": 0.5, "map_x": 32, "map_y": 32},
}
TEAMS = {
    "ally_team": ["hydralisk", "zergling", "zergling"],
    "enemy_team": ["baneling", "hydralisk", "zergling", "zergling"],
}


def play(env: Any, generator: np.random.Generator) -> tuple[list[float], dict[str, Any]]:
    """An episode of random legal actions, as the clients' examples play it: rewards, last info."""
    env.reset()
    rewards, terminated, info = [], False, {}
    while not terminated:
        actions = []
        for agent_id in range(env.get_env_info()["n_agents"]):
            available = np.nonzero(env.get_avail_agent_actions(agent_id))[0]
            actions.append(generator.choice(available))
        reward, terminated, info = env.step(actions)
        rewards.append(reward)
    return rewards, info


def wrapped(**values: Any) -> smacv2_api.StarCraftCapabilityEnvWrapper:
    options = {"map_name": "10gen_zerg", "capability_config": CAPABILITIES, "seed": 1, **values}
    return smacv2_api.StarCraftCapabilityEnvWrapper(**options)


def test_results_have_the_sizes_and_types_that_the_client_promises():
    env = smac_api.StarCraft2Env("2s3z", seed=1)
    obs, state = env.reset()
    info = env.get_env_info()
    assert (info["n_agents"], info["n_actions"], info["episode_limit"]) == (5, 11, 120)
    assert [row.shape for row in obs] == [(info["obs_shape"],)] * 5 == [(80,)] * 5
    assert state.shape == (info["state_shape"],) == (120,)
    assert obs[0].dtype == state.dtype == np.float32
    assert env.get_avail_actions()[0] == env.get_avail_agent_actions(0)
    assert [type(flag) for flag in env.get_avail_agent_actions(0)] == [int] * 11
    reward, terminated, outcome = env.step([1] * 5)
    assert (type(reward), type(terminated)) == (float, bool)
    assert outcome == {"battle_won": False, "dead_allies": 0, "dead_enemies": 0}
    parts = env.get_state_dict()
    whole = np.concatenate([parts[name].ravel() for name in ("allies", "enemies", "last_action")])
    np.testing.assert_array_equal(whole, env.get_state())
    np.testing.assert_array_equal(parts["last_action"], np.eye(11)[[1] * 5])


def test_what_was_given_out_is_not_overwritten_by_the_next_step():
    env = smac_api.StarCraft2Env("3m", seed=1)
    obs, state = env.reset()
    before = obs[0].copy(), state.copy()
    env.step([4, 4, 4])
    np.testing.assert_array_equal(obs[0], before[0])
    np.testing.assert_array_equal(state, before[1])
    assert not np.array_equal(env.get_state(), before[1])


def test_a_seed_decides_all_episodes_and_each_is_another():
    first, again = (smac_api.StarCraft2Env("3m", seed=7) for _ in range(2))
    episodes = [play(first, np.random.default_rng(0)) for _ in range(2)]
    assert episodes == [play(again, np.random.default_rng(0)) for _ in range(2)]
    assert episodes[0] != episodes[1]
    assert first.seed() == 7


def test_a_drawn_seed_can_be_read_and_used_again():
    first = wrapped(seed=None)
    again = wrapped(seed=first.seed())
    np.testing.assert_array_equal(first.reset()[1], again.reset()[1])


def test_timeouts_end_an_episode_and_are_counted_as_draws():
    for continuing in (False, True):
        env = smac_api.StarCraft2Env("2s_vs_1sc", continuing_episode=continuing)
        assert env.get_stats()["win_rate"] == 0.0  # no battle yet
        env.reset()
        steps, terminated, info = 0, False, {}
        while not terminated:
            _, terminated, info = env.step([1, 1])  # far from the enemy, which cannot move
            steps += 1
        assert steps == env.episode_limit
        assert info.get("episode_limit", False) is continuing
        assert env.get_stats() == {
            "battles_won": 0,
            "battles_game": 1,
            "battles_draw": 1,
            "win_rate": 0.0,
            "timeouts": 1,
            "restarts": 0,
        }


def test_the_script_gives_the_orders_instead_and_tells_them():
    env = smac_api.StarCraft2Env("3m", heuristic_ai=True, seed=1)
    env.reset()
    assert not np.array(env.get_avail_actions())[:, 6:].any()
    actions = [1, 1, 1]
    env.step(actions)
    assert actions == [8, 8, 8]  # the enemy in front, though out of reach
    rest = smac_api.StarCraft2Env("3m", heuristic_ai=True, heuristic_rest=True, seed=1)
    rest.reset()
    rest.step(actions)
    assert actions == [4, 4, 4]  # east, towards it


def test_the_script_wins_what_it_should_and_wins_are_counted():
    env = smac_api.StarCraft2Env("3m", heuristic_ai=True, seed=1)
    won = []
    for _ in range(5):
        env.reset()
        terminated, info = False, {}
        while not terminated:
            _, terminated, info = env.step([0, 0, 0])
        won.append(info["battle_won"])
        assert (info["dead_enemies"] == 3) is info["battle_won"]
    stats = env.get_stats()
    assert stats["battles_game"] == 5
    assert stats["battles_won"] == sum(won) > 0
    assert stats["win_rate"] == sum(won) / 5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"difficulty": "A"}, "difficulty='A': the enemies follow their map's orders"),
        ({"game_version": "4.10"}, "game_version='4.10': battles are fought by this package's"),
        ({"window_size_x": 640}, "leave it at 1920"),
        ({"replay_dir": "here"}, "replay_dir='here': nothing is recorded here"),
        ({"debug": True}, "debug=True: nothing is logged; read get_obs"),
        ({"heuristic_rest": True}, "set heuristic_ai=True"),
        ({"seed": -1}, "seed=-1: must be a whole number from 0 on"),
        ({"seed": "a"}, "seed='a': must be a whole number from 0 on"),
        ({"map_name": "8mm"}, "did you mean '8m'"),
    ],
)
def test_keywords_that_would_do_nothing_are_refused(values: dict[str, Any], said: str):
    with pytest.raises(EnvError) as caught:
        smac_api.StarCraft2Env(**values)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="step_mul: 0 is too small"):
        smac_api.StarCraft2Env(step_mul=0)
    with pytest.raises(ConfigError, match="obs_last_action: expects True or False"):
        smac_api.StarCraft2Env(obs_last_action="maybe")  # type: ignore[arg-type]


def test_calls_out_of_turn_are_refused():
    env = smac_api.StarCraft2Env("3m", seed=1)
    for call in (env.get_obs, env.get_state, env.get_avail_actions, lambda: env.step([1] * 3)):
        with pytest.raises(EnvError, match=r"call reset\(\) first"):
            call()
    env.reset()
    with pytest.raises(EnvError, match="got 2 actions for 3 agents"):
        env.step([1, 1])
    with pytest.raises(EnvError, match="agent 0: action 0 is not available"):
        env.step([0, 1, 1])
    for odd in (1.5, 1 + 1j, "1", None, float("nan"), 2**70):
        with pytest.raises(EnvError, match=r"step: agent 1: action .* is no whole number"):
            env.step([1, odd, 1])
    env.step([1.0, np.int32(1), np.float32(1)])  # as the originals take them
    for call in (env.render, env.save_replay):
        with pytest.raises(EnvError, match="nothing is recorded here"):
            call()
    play(env, np.random.default_rng(0))
    with pytest.raises(EnvError, match="the battle is over"):
        env.step([1] * 3)


def test_the_visibility_matrix_is_that_of_the_distances():
    env = smac_api.StarCraft2Env("3m", seed=1)
    env.reset()
    assert (env.unit_sight_range(0), env.unit_shoot_range(0)) == (9, 6)
    allies = env.get_state_dict()["allies"][:, 2:4]
    enemies = env.get_state_dict()["enemies"][:, 1:3]
    at = np.concatenate([allies, enemies]) * [env.map_x, env.map_y]
    gaps = np.linalg.norm(at[:3, None] - at[None], axis=2)
    expected = (gaps < 9) & ~np.eye(3, 6, dtype=bool)
    np.testing.assert_array_equal(env.get_visibility_matrix(), expected)
    assert expected.any()
    assert not expected.all()


def test_names_are_as_many_as_columns_under_all_options():
    options = dict.fromkeys(
        (
            "obs_last_action",
            "obs_pathing_grid",
            "obs_terrain_height",
            "obs_timestep_number",
            "state_timestep_number",
        ),
        True,
    )
    env = smac_api.StarCraft2Env("1c3s5z", **options)
    obs, state = env.reset()
    # The client's sizes leave out one column of those that it gives with obs_timestep_number.
    assert len(env.get_obs_feature_names()) == obs[0].size == env.get_obs_size() + 1
    assert len(env.get_state_feature_names()) == state.size == env.get_state_size()
    assert env.get_obs_feature_names()[-2:] == ["unused", "timestep"]


def test_smacv2_s_example_runs_as_it_is():
    env = wrapped(conic_fov=False, use_unit_ranges=True, min_attack_range=2, obs_own_pos=True)
    for _ in range(3):
        _, info = play(env, np.random.default_rng(0))
        assert info["dead_allies"] + info["dead_enemies"] > 0
    assert env.get_stats()["battles_game"] == 3
    assert len(env.get_state()) == len(env.get_state_feature_names())
    assert len(env.get_obs()[0]) == len(env.get_obs_feature_names())
    assert env.get_capabilities().shape == (3 * env.get_env_info()["cap_shape"],)
    env.close()


def test_an_episode_config_says_what_the_battle_has():
    capabilities = {**CAPABILITIES, "attack": {"lower_bound": [0.2], "upper_bound": [0.4]}}
    env = smacv2_api.StarCraft2Env("10gen_zerg", capability_config=capabilities, seed=1)
    places = np.array([[4.0, 6.0], [10.0, 20.0], [12.0, 9.0]])
    env.reset(
        {
            "team_gen": {**TEAMS, "id": 0},
            "ally_start_positions": {"item": places, "id": 0},
            "attack": {"item": np.array([[0.25], [0.5], [1.0]]), "id": 0},
        }
    )
    # Agents are sorted by type (hydralisk, then zergling) and then by x; columns of the types:
    # zergling, hydralisk, baneling.
    rows = env.get_state_dict()["allies"]
    np.testing.assert_array_equal(rows[:, -3:], [[0, 1, 0], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(rows[:, 2:4] * 32 + 16, places, atol=0.3)
    np.testing.assert_array_equal(env.get_capabilities_agent(1), [0.5, 1, 0, 0])
    types = env.get_state_dict()["enemies"][:, -3:]
    np.testing.assert_array_equal(types.argmax(1), [2, 1, 0, 0])
    env.reset()
    assert 0.2 <= env.get_capabilities()[0] <= 0.4  # drawn again


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"teams": {}}, "episode_config.teams: unknown"),
        ({"team_gen": {"ally_team": ["marine"] * 3}}, "must be 3 of ['baneling', 'hydralisk'"),
        ({"ally_start_positions": {"item": [[1.0, 2.0]]}}, "has shape (1, 2), needs (3, 2)"),
        ({"health": {"item": [0.1] * 3}}, "episode_config.health: name it in capability_config"),
    ],
)
def test_an_episode_config_that_does_not_fit_is_refused(config: dict[str, Any], said: str):
    env = smacv2_api.StarCraft2Env("10gen_zerg", capability_config=CAPABILITIES)
    with pytest.raises(EnvError) as caught:
        env.reset(config)
    assert said in str(caught.value)


def test_numbers_without_a_distribution_must_come_with_each_reset():
    capabilities = {**CAPABILITIES, "health": {"observe": True}}
    env = smacv2_api.StarCraft2Env("10gen_zerg", capability_config=capabilities)
    with pytest.raises(EnvError, match=r"episode_config\.health: is missing"):
        env.reset()
    env.reset({"health": {"item": [0.1, 0.2, 0.3]}})
    levels = env.get_capabilities().reshape(3, 4)[:, 0]
    np.testing.assert_allclose(levels, [0.1, 0.2, 0.3], rtol=1e-6)


def test_a_masked_enemy_keeps_its_health_and_type_to_itself():
    capabilities = {**CAPABILITIES, "enemy_mask": {"dist_type": "mask", "mask_probability": 0.5}}
    env = smacv2_api.StarCraft2Env("10gen_zerg", capability_config=capabilities, seed=1)
    mask = np.zeros((3, 4))
    mask[0, 1] = mask[2, 3] = 1
    obs, _ = env.reset(
        {
            "ally_start_positions": {"item": [(14, 14), (14, 16), (14, 18)]},
            "enemy_start_positions": {"item": [(17, 13), (17, 15), (17, 17), (17, 19)]},
            "enemy_mask": {"item": mask},
        }
    )
    rows = np.array(obs)[:, 4 : 4 + 4 * 8].reshape(3, 4, 8)  # [A,M,columns of an enemy]
    assert (rows[:, :, 1] > 0).all()  # all seen
    np.testing.assert_array_equal(rows[:, :, 4] == 0, mask == 1)  # health
    np.testing.assert_array_equal(rows[:, :, 5:].sum(2) == 0, mask == 1)  # type


def test_sizes_that_contradict_each_other_are_refused():
    twice = {**CAPABILITIES, "start_positions": {"dist_type": "surrounded", "n_enemies": 5}}
    with pytest.raises(ConfigError, match=r"start_positions\.n_enemies: 5, and elsewhere 4"):
        wrapped(capability_config=twice)


def test_smac_v1_s_maps_are_played_by_smacv2_s_class_with_their_fixed_teams():
    env = smacv2_api.StarCraft2Env("2s3z", seed=1)
    assert env.get_env_info()["n_agents"] == 5
    _, info = play(env, np.random.default_rng(0))
    assert set(info) == {"battle_won", "dead_allies", "dead_enemies"}
    with pytest.raises(EnvError, match="map_name=2s3z has fixed teams"):
        smacv2_api.StarCraft2Env("2s3z", capability_config=CAPABILITIES)


def test_a_capability_config_that_is_none_is_refused_in_one_line():
    with pytest.raises(EnvError, match="capability_config=None: must be a mapping"):
        smacv2_api.StarCraft2Env(map_name="10gen_terran", capability_config=None)

"""Our drop-in classes beside the official ones: signatures, sizes, names, and whole battles.

A battle is fought by our engine; the official client is shown its units after each step, is given
the same actions, and must say the same.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import pytest

from marl.engine.facts.units import load_unit_types
from marl.engine.smacv2.generation import load_facts
from marl.envs import smac_api, smacv2_api
from marl.envs.drop_in.multiagentenv import MultiAgentEnv
from tests.official.clients import PACKAGES, Client, load, needs
from tests.official.compare import (
    TOLERANCE,
    client_config,
    official_values,
    random_capabilities,
    random_options,
)

OURS: dict[str, Any] = {"v1": smac_api.StarCraft2Env, "v2": smacv2_api.StarCraft2Env}
RACES = ("terran", "zerg", "protoss")
OPTIONS_PER_MAP = 8


def v1_maps(client: str) -> list[str]:
    """The maps of SMAC v1 that the client knows."""
    load(client)
    registry = sys.modules[f"{PACKAGES[client]}.env.starcraft2.maps.smac_maps"]
    names = registry.get_smac_map_registry()
    return [name for name in names if not name.startswith("10gen_")]


@pytest.mark.parametrize("client", ["v1", "v2"])
def test_constructors_have_the_same_keywords_and_defaults_in_the_same_order(client: str):
    theirs, ours = (
        [(p.name, p.default, p.kind) for p in inspect.signature(cls).parameters.values()]
        for cls in (load(client).StarCraft2Env, OURS[client])
    )
    assert ours == theirs
    assert len(ours) == {"v1": 31, "v2": 42}[client]


@pytest.mark.parametrize("client", ["v1", "v2"])
def test_env_info_is_the_same_on_every_map_of_v1(client: str):
    official, rng = load(client).StarCraft2Env, np.random.default_rng(1)
    maps = v1_maps(client)
    assert len(maps) >= 23
    for name in maps:
        for values in ({}, random_options(client, rng), random_options(client, rng)):
            theirs, ours = official(map_name=name, **values), OURS[client](map_name=name, **values)
            assert ours.get_env_info() == theirs.get_env_info(), (name, values)
            compare_attributes(ours, theirs)


@pytest.mark.parametrize("race", RACES)
def test_env_info_and_feature_names_are_the_same_in_v2(race: str):
    needs("v2")
    official, rng = load("v2").StarCraft2Env, np.random.default_rng(2)
    for sizes in load_facts().team_sizes:
        for _ in range(OPTIONS_PER_MAP):
            config = random_capabilities(rng)
            values = official_values(random_options("v2", rng), config)
            sections = client_config(config, *sizes)
            given = {"map_name": f"10gen_{race}", "capability_config": sections, **values}
            theirs, ours = official(**given), OURS["v2"](**given)
            assert ours.get_env_info() == theirs.get_env_info(), given
            assert ours.get_obs_feature_names() == theirs.get_obs_feature_names()
            assert ours.get_state_feature_names() == theirs.get_state_feature_names()
            compare_attributes(ours, theirs)


def compare_attributes(ours: Any, theirs: Any) -> None:
    """What users read off an environment before its first reset."""
    names = "n_agents n_enemies n_actions n_actions_no_attack n_actions_move episode_limit map_name"
    names += " map_type unit_type_bits shield_bits_ally shield_bits_enemy obs_own_health seed"
    names += " battles_won battles_game timeouts force_restarts reward_win state_last_action"
    for part in ("move", "enemy", "ally", "own"):
        method = f"get_obs_{part}_feats_size"
        assert getattr(ours, method)() == getattr(theirs, method)(), method
    for name in names.split():
        if name == "seed":
            assert theirs.seed() is None  # ours is drawn at once and can be read
        else:
            assert getattr(ours, name) == getattr(theirs, name), name


def compare_results(ours: Any, theirs: Any, where: object) -> None:
    """The same types all the way down, and the same numbers within TOLERANCE."""
    if isinstance(theirs, list | tuple | dict):
        assert type(ours) is type(theirs), where
        assert len(ours) == len(theirs), where
        keys = theirs if isinstance(theirs, dict) else range(len(theirs))
        for key in keys:
            compare_results(ours[key], theirs[key], (where, key))
    elif isinstance(theirs, np.ndarray):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), where
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, err_msg=str(where))
    elif isinstance(theirs, str):
        assert ours == theirs, where
    else:
        assert isinstance(ours, bool) == isinstance(theirs, bool), where
        assert ours == pytest.approx(theirs, rel=TOLERANCE, abs=TOLERANCE), where


def follow(ours: MultiAgentEnv, client: Client, start: Any, methods: list[str], seed: int) -> None:
    """A battle of random legal actions, until it is over."""
    types = load_unit_types(client.scenario.unit_names)
    official, rng = client.env, np.random.default_rng(seed)
    results = ours.reset()
    client.show(ours._client_units(), types)
    shown = start()
    compare_results(results[1], shown[1], "state")
    terminated, steps = False, 0
    while not terminated:
        for method in methods:
            there, here = getattr(official, method)(), getattr(ours, method)()
            compare_results(here, there, (method, steps))
        actions = [int(rng.choice(np.flatnonzero(row))) for row in official.get_avail_actions()]
        results = ours.step(list(actions))
        client.show(ours._client_units(), types)
        compare_results(results, official.step(actions), ("step", steps))
        terminated, steps = results[1], steps + 1
    assert steps > 5
    compare_results(ours.get_stats(), official.get_stats(), "stats")


@pytest.mark.parametrize("name", ["3m", "2s3z", "MMM"])
def test_the_official_v1_client_observes_our_battles_as_our_class_does(name: str):
    needs("v1")
    options = {"obs_last_action": True, "reward_only_positive": False}
    ours = smac_api.StarCraft2Env(name, seed=3, **options)
    client = Client("v1", name, ours._battles.scenario, options)
    methods = ["get_obs", "get_state", "get_state_dict", "get_avail_actions"]
    methods += ["get_visibility_matrix", "get_env_info", "get_total_actions"]
    follow(ours, client, client.env.reset, methods, seed=4)


@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("name", ["2s3z", "MMM"])
def test_the_official_script_orders_what_our_script_orders(name: str, rest: bool):
    """For the living: the official one goes on ordering the dead, in vain."""
    needs("v1")
    options: dict[str, Any] = {"heuristic_ai": True, "heuristic_rest": rest}
    ours = smac_api.StarCraft2Env(name, seed=3, **options)
    client = Client("v1", name, ours._battles.scenario, options)
    types = load_unit_types(client.scenario.unit_names)
    ours.reset()
    client.show(ours._client_units(), types)
    client.env.reset()
    terminated, compared = False, 0
    while not terminated:
        alive = [row[0] == 0 for row in ours.get_avail_actions()]
        orders, official = [0] * ours.n_agents, [0] * ours.n_agents
        results = ours.step(orders)
        client.show(ours._client_units(), types)
        compare_results(results, client.env.step(official), "step")
        assert [order for order, lives in zip(orders, alive, strict=True) if lives] == [
            order for order, lives in zip(official, alive, strict=True) if lives
        ]
        terminated, compared = results[1], compared + sum(alive)
    assert compared > 50


@pytest.mark.parametrize("race", RACES)
def test_the_official_v2_client_observes_our_battles_as_our_class_does(race: str):
    """Without observations: the order in which agents look is drawn from other numbers."""
    needs("v2")
    config = {
        "n_units": 5,
        "n_enemies": 6,
        "team_gen": {"n_units": 5, "n_enemies": 6, "observe": True},
        "attack": {"dist_type": "fixed", "items": [[0.5] * 5], "observe": True},
    }
    options = {"capability_config": config, "use_unit_ranges": True, "obs_own_pos": True}
    ours = smacv2_api.StarCraft2Env(f"10gen_{race}", seed=5, **options)  # type: ignore[arg-type]
    client = Client("v2", f"10gen_{race}", ours._battles.scenario, options)
    names = {"terran": "marauder", "zerg": "hydralisk", "protoss": "stalker"}
    teams = {"ally_team": [names[race]] * 5, "enemy_team": [names[race]] * 6}  # only to begin

    def start() -> Any:
        drawn = {"team_gen": teams, "attack": {"item": np.full(5, 0.5)}}
        return client.env.reset(drawn)

    methods = ["get_state", "get_avail_actions", "get_visibility_matrix", "get_capabilities"]
    methods += ["get_cap_size", "get_env_info", "get_state_dict"]
    follow(ours, client, start, methods, seed=6)
    for a in range(5):
        assert ours.unit_sight_range(a) == client.env.unit_sight_range(a)
        assert ours.unit_shoot_range(a) == client.env.unit_shoot_range(a)

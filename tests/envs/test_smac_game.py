"""The official clients' keywords, and the episode_config of SMACv2."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from marl.engine.smacv2.start_positions import SurroundedAndReflect
from marl.engine.smacv2.traits import Mask, PerAgentUniform
from marl.envs.game.client import drawn
from marl.envs.game.options import GameConfig
from marl.envs.smac import Sc2Config
from marl.envs.smac_game import capability_config, episode_config, plan_v1, plan_v2
from marl.envs.smacv2 import Smacv2Config
from marl.errors import EnvError

DRAWN = CapabilityConfig(
    start_positions=SurroundedAndReflect(),
    attack=PerAgentUniform(observe=False),
    health=PerAgentUniform(upper_bound=(0.5,)),
    enemy_mask=Mask(),
)


def test_v1_gets_its_own_keywords_and_none_of_ours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SMAC_SOURCE", "/checkout")
    config = Sc2Config(map="2s3z", backend="game", game=GameConfig(difficulty="A", version="4.10"))
    plan = plan_v1(config)
    options = plan.make["options"]
    assert plan.name == "sc2-game/2s3z"
    assert plan.python == sys.executable
    assert plan.make["source"] == "/checkout"
    assert plan.make["map"] == options["map_name"] == "2s3z"
    assert (options["difficulty"], options["game_version"]) == ("A", "4.10")
    assert options["move_amount"] == 2
    assert isinstance(options["move_amount"], int)  # the client adds it to indices of an array
    assert not {"backend", "quirks", "choices", "game", "map", "reward_deaths_only"} & set(options)


@pytest.mark.parametrize("env", [Sc2Config(map="3m"), Smacv2Config(map="zerg_5_vs_5")])
def test_more_games_than_cores_could_run_are_refused(env, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(EnvError, match=r"num_envs=33: each is a process .* run 32 at most"):
        replace(env, backend="game").build(33, 1)


def test_v2_gets_the_race_s_map_and_the_sizes():
    config = Smacv2Config(map="zerg_5_vs_6", backend="game", capability_config=DRAWN)
    plan = plan_v2(config, make_generation(config.map, config.capability_config))
    options = plan.make["options"]
    assert plan.name == "sc2v2-game/zerg_5_vs_6"
    assert options["map_name"] == "10gen_zerg"
    sizes = {"n_units": 5, "n_enemies": 6}
    assert options["capability_config"]["team_gen"] == {**sizes, "observe": True}
    assert options["capability_config"]["attack"] == {**sizes, "observe": False}
    assert options["capability_config"]["health"] == {**sizes, "observe": True}
    assert options["capability_config"]["enemy_mask"] == sizes


def test_the_client_s_config_lacks_what_is_not_drawn():
    generation = make_generation("terran_3_vs_3", CapabilityConfig())
    assert set(capability_config(generation)) == {"team_gen"}
    assert set(episode_config(generation, 1)) == {"team_gen"}


def test_an_episode_has_the_teams_and_places_that_the_engine_would_draw():
    generation = make_generation("zerg_5_vs_6", DRAWN)
    deployment = generation.deploy(77)
    episode = drawn(episode_config(generation, 77))
    assert episode_config(generation, 78) != episode_config(generation, 77)
    names = [generation.unit_names[kind].lower() for kind in deployment.kinds]
    assert episode["team_gen"] == {"ally_team": names[:5], "enemy_team": names[5:], "id": 0}
    at = np.concatenate([episode[f"{side}_start_positions"]["item"] for side in ("ally", "enemy")])
    assert at.tolist() == [list(place) for place in zip(deployment.x, deployment.y, strict=True)]
    assert episode["attack"]["item"].tolist() == deployment.attack_probability.tolist()
    assert episode["health"]["item"].tolist() == deployment.health_level.tolist()
    assert episode["enemy_mask"]["item"].shape == (5, 6)

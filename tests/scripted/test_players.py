"""Whole battles of scripted players."""

from __future__ import annotations

import numpy as np
import pytest

from marl.engine.battle import Battles
from marl.engine.facts.scenario import load_scenario
from marl.engine.smac.options import Smacv2Options
from marl.engine.world import ORDER_ATTACK
from marl.envs.matrix import MatrixConfig
from marl.envs.smac import Sc2Config
from marl.errors import ConfigError
from marl.registry import PLAYERS
from marl.runners.evaluation import evaluation_seeds, play_script, statistics
from marl.scripted.players import HeuristicConfig, KiteConfig


def battles(config, map_name: str, num_envs: int, count: int):
    env = Sc2Config(map=map_name).build(num_envs, 1)
    return play_script(env, config.build(env), evaluation_seeds(3, 0, count))


@pytest.mark.parametrize("name", [name for name in PLAYERS if name != "value_iteration"])
def test_a_battle_follows_from_its_seed_whatever_plays_beside_it(name):
    results = []
    for num_envs in (1, 4, 7):
        parts = battles(PLAYERS[name](), "2s3z", num_envs, 7)
        results.append([np.concatenate([part.returns for part in parts]).tolist()])
    assert results[0] == results[1] == results[2]
    assert len(set(results[0][0])) > 1  # and battles differ


def test_orders_beyond_the_mask_are_followed():
    """No mask lets a marine attack from 14 away, where 3m begins; the heuristic's walk there."""
    env = Sc2Config(map="3m").build(1, 1)
    player = HeuristicConfig().build(env)
    player.reset(np.array([1], dtype=np.uint64))
    before = env.battles.world.x[0, :3].copy()
    assert not env.observe().avail[0, :, 6:].any()
    player.step()
    walked = env.battles.world.x[0, :3] - before
    assert np.allclose(walked, 9.0 / 8.0, atol=0.15)  # 8 loops at 2.25 a second of 16


@pytest.mark.parametrize("ignores_mask", [False, True])
def test_smacv2_withholds_attacks_from_afar_but_not_those_of_its_own_scripts(ignores_mask):
    options = Smacv2Options(action_mask=False)
    battles = Battles(load_scenario("3m"), options, 1)
    battles.reset(np.array([1], dtype=np.uint64))
    assert battles.record.avail[0, :, 6:].all()  # but the enemies are 14 away
    battles.step(np.full((1, 3), 6), ignores_mask=ignores_mask)
    assert (battles.world.order[0, :3] == ORDER_ATTACK).all() == ignores_mask


def test_numbers_that_are_no_action_are_refused_even_then():
    env = Sc2Config(map="3m").build(1, 1)
    env.reset(np.array([1], dtype=np.uint64))
    with pytest.raises(Exception, match="action 9 is not available"):
        env.command(np.array([[1, 1, 9]]))


def test_stepping_back_wins_what_standing_loses():
    """3s_vs_5z is won by kiting and by nothing else."""
    won = {}
    for config in (HeuristicConfig(), KiteConfig()):
        parts = battles(config, "3s_vs_5z", 20, 20)
        won[type(config)] = statistics(parts)["battle_won_mean"]
    assert won[HeuristicConfig] < 0.2
    assert won[KiteConfig] > 0.6


def test_episodes_say_which_were_cut_off_by_the_limit():
    """Random marines don't finish 3m within its 60 steps in about one battle of ten."""
    env = Sc2Config(map="3m", continuing_episode=True).build(40, 1)
    (part,) = play_script(env, PLAYERS["random"]().build(env), evaluation_seeds(3, 0, 40))
    assert 0 < part.truncated.sum() < 20
    assert (part.lengths[part.truncated] == 60).all()
    assert (part.lengths[~part.truncated] <= 60).all()


def test_only_random_plays_what_has_no_units():
    env = MatrixConfig().build(2, 1)
    with pytest.raises(ConfigError, match="--config=heuristic: plays StarCraft battles"):
        HeuristicConfig().build(env)
    (part,) = play_script(env, PLAYERS["random"]().build(env), evaluation_seeds(3, 0, 2))
    assert part.lengths.tolist() == [1, 1]

"""SMAC's config and environment; what every environment promises is in tests/contracts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from marl.config.schema import parse
from marl.engine.facts.choices import Choices
from marl.engine.smac.options import Options, Quirks, values_by_name
from marl.envs.game.options import GameConfig
from marl.envs.smac import Sc2Config
from marl.errors import ConfigError, EnvError
from marl.spec import Discrete, EnvSpec

CONFIG = Path(__file__).parents[2] / "configs" / "envs" / "sc2.yaml"


def test_spec_of_three_stalkers():
    env = Sc2Config(map="3s_vs_5z").build(2, 1)
    expected = EnvSpec("sc2-engine/3s_vs_5z", 3, Discrete(11), 48, 68, 250, reports_win=True)
    assert env.spec == expected


def test_the_yaml_file_holds_the_defaults():
    values = yaml.safe_load(CONFIG.read_text())
    assert values.pop("env") == "sc2"
    assert parse(Sc2Config, values) == Sc2Config()


def test_the_config_is_the_engine_s_options():
    changed = {"reward_sparse": True, "quirks": {"regeneration_pays": False}}
    values = values_by_name(parse(Sc2Config, changed))
    ours = Options(reward_sparse=True, quirks=Quirks(regeneration_pays=False))
    expected = values_by_name(ours)
    assert {name: values[name] for name in expected} == expected


def test_values_out_of_bounds_are_refused():
    with pytest.raises(ConfigError, match="step_mul"):
        parse(Sc2Config, {"step_mul": 0})
    with pytest.raises(ConfigError, match="reward_scale_rate"):
        parse(Sc2Config, {"reward_scale_rate": 0})
    for margin in (-0.5, 1e9):
        with pytest.raises(ConfigError, match=r"choices\.acquire_margin: must be within 0\.\.100"):
            parse(Sc2Config, {"choices": {"acquire_margin": margin}})


def test_another_client_s_bug_cannot_be_fixed():
    config = Sc2Config(map="3m", quirks=Quirks(reset_looks_twice=False))
    with pytest.raises(EnvError, match="a bug of SMAC v2's client alone"):
        config.build(1, 1)


def test_the_game_is_not_swapped_for_the_engine():
    nowhere = GameConfig(python=sys.executable, source="/no/checkout")
    with pytest.raises(EnvError, match=r"smac.env.starcraft2.starcraft2 can't be imported by .*"):
        Sc2Config(backend="game", game=nowhere).build(1, 1)
    with pytest.raises(EnvError, match=r"game\.python=/no/python: is no program"):
        Sc2Config(backend="game", game=GameConfig(python="/no/python")).build(1, 1)


def test_the_game_is_not_asked_for_what_only_the_engine_has():
    for config in (
        Sc2Config(backend="game", quirks=Quirks(regeneration_pays=False)),
        Sc2Config(backend="game", choices=Choices(target_kept=False)),
        Sc2Config(backend="game", reward_deaths_only=True, reward_only_positive=False),
    ):
        with pytest.raises(EnvError, match=r"^(quirks|choices|reward_deaths_only): "):
            config.build(1, 1)


def test_an_unknown_map_is_refused():
    with pytest.raises(EnvError, match="did you mean '8m'"):
        Sc2Config(map="8mm").build(1, 1)
    for name in ("terran_5_vs_5", "10gen_zerg"):
        with pytest.raises(EnvError, match=f"map={name}: .* choose --env-config=sc2v2"):
            Sc2Config(map=name).build(1, 1)


def test_step_mul_and_move_amount_reach_the_battle():
    for step_mul, move_amount in ((8, 2.0), (4, 0.5)):
        env = Sc2Config(map="3m", step_mul=step_mul, move_amount=move_amount).build(1, 1)
        env.reset(np.zeros(1, dtype=np.uint64))
        x = env.battles.world.x[0, 0]
        env.step(np.full((1, 3), 4))  # east
        assert env.battles.world.clock[0, 0] == step_mul
        moved = env.battles.world.x[0, 0] - x
        # A marine walks 2.25 a game-second of 16 loops, and not past its order's end.
        assert moved == pytest.approx(min(2.25 * step_mul / 16, move_amount), abs=0.08)


def test_observations_and_outcomes_are_views_of_the_battles():
    env = Sc2Config(map="3m").build(2, 1)
    env.reset(np.arange(2, dtype=np.uint64))
    observation = env.observe()
    assert observation.obs is env.battles.record.obs
    assert set(env.outcomes()) == {"battle_won", "dead_allies", "dead_enemies"}

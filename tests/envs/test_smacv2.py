"""SMACv2's config and environment; what every environment promises is in tests/contracts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.config.schema import parse, to_mapping
from marl.engine.facts.units import load_unit_types
from marl.engine.smac.layout import make_layout
from marl.engine.smac.options import values_by_name
from marl.engine.smacv2.generation import CapabilityConfig, load_facts, make_generation
from marl.engine.smacv2.start_positions import Surrounded, SurroundedAndReflect
from marl.engine.smacv2.teams import WeightedTeams
from marl.engine.smacv2.traits import Mask, PerAgentUniform
from marl.envs.smacv2 import Smacv2Config
from marl.errors import ConfigError, EnvError
from marl.spec import Discrete, EnvSpec

CONFIGS = Path(__file__).parents[2] / "configs" / "envs"
PUBLISHED = Smacv2Config(
    obs_own_pos=True,
    use_unit_ranges=True,
    capability_config=CapabilityConfig(start_positions=SurroundedAndReflect()),
)
# (obs, state, actions) by team sizes with the published settings, then with conic_fov; terran and
# zerg, then protoss. Sizes that oxwhirl/smacv2 @577ab5a returns.
SIZES = {
    (5, 5): [(82, 120, 11), (84, 190, 23), (92, 130, 11), (94, 200, 23)],
    (10, 10): [(162, 290, 16), (164, 430, 28), (182, 310, 16), (184, 450, 28)],
    (20, 20): [(322, 780, 26), (324, 1060, 38), (362, 820, 26), (364, 1100, 38)],
    (10, 11): [(170, 306, 17), (172, 446, 29), (191, 327, 17), (193, 467, 29)],
    (20, 23): [(346, 858, 29), (348, 1138, 41), (389, 901, 29), (391, 1181, 41)],
}


def plan_env(*words: str, env_config: str = "sc2v2") -> Smacv2Config:
    """The environment's config as the command line gives it."""
    line = ["train", "--config=iql", f"--env-config={env_config}"]
    env = make_plan(split([*line, "with", *words] if words else line)).env
    assert isinstance(env, Smacv2Config)
    return env


@pytest.mark.parametrize("race", ["terran", "protoss", "zerg"])
@pytest.mark.parametrize("team", SIZES)
def test_sizes_are_those_of_the_client(race: str, team: tuple[int, int]):
    assert team in load_facts().team_sizes
    name = f"{race}_{team[0]}_vs_{team[1]}"
    for conic in (False, True):
        config = plan_env(f"map={name}", env_config="sc2v2_conic" if conic else "sc2v2")
        scenario = make_generation(config.map, config.capability_config).scenario()
        layout = make_layout(scenario, load_unit_types(scenario.unit_names), config)
        sizes = (layout.obs_dim, layout.state_dim, layout.n_actions)
        assert sizes == SIZES[team][conic + 2 * (race == "protoss")]


def test_more_agents_than_enemies_need_more_actions_where_medivacs_heal():
    for race, n_actions in (("terran", 6 + 5), ("zerg", 6 + 3)):
        assert Smacv2Config(map=f"{race}_5_vs_3").build(1, 1).spec.n_actions == n_actions


def test_spec_of_five_protoss():
    env = plan_env("map=protoss_5_vs_5").build(2, 1)
    expected = EnvSpec(
        "sc2v2-engine/protoss_5_vs_5", 5, Discrete(11), 92, 130, 200, reports_win=True
    )
    assert env.spec == expected
    env.close()


def test_the_yaml_file_holds_the_published_settings():
    values = yaml.safe_load((CONFIGS / "sc2v2.yaml").read_text())
    assert values.pop("env") == "sc2v2"
    assert parse(Smacv2Config, values) == PUBLISHED


def test_the_presets_are_the_published_variants():
    epo = plan_env(env_config="sc2v2_epo")
    assert (epo.prob_obs_enemy, epo.action_mask, epo.conic_fov) == (0.0, False, False)
    conic = plan_env(env_config="sc2v2_conic")
    assert (conic.prob_obs_enemy, conic.action_mask, conic.conic_fov) == (1.0, True, True)


def test_capabilities_are_set_on_the_command_line_and_read_back():
    config = plan_env(
        "map=10gen_zerg",
        "capability_config.n_units=3",
        "capability_config.n_enemies=4",
        "capability_config.team_gen.observe=False",
        "capability_config.start_positions.dist_type=surrounded",
        "capability_config.attack.dist_type=per_agent_uniform",
        "capability_config.attack.lower_bound=[0.5]",
        "capability_config.attack.observe=False",
        "capability_config.health.upper_bound=[0.3]",
        "capability_config.enemy_mask.mask_probability=0.75",
    )
    assert config.capability_config == CapabilityConfig(
        n_units=3,
        n_enemies=4,
        team_gen=WeightedTeams(observe=False),
        start_positions=Surrounded(),
        attack=PerAgentUniform((0.5,), observe=False),
        health=PerAgentUniform(upper_bound=(0.3,)),
        enemy_mask=Mask(0.75),
    )
    values = values_by_name(config)
    assert (values["stochastic_attack"], values["observe_attack_probs"]) == (True, False)
    assert (values["stochastic_health"], values["observe_teammate_health"]) == (True, True)
    assert (values["observe_teammate_types"], values["mask_enemies"]) == (False, True)
    assert parse(Smacv2Config, to_mapping(config)) == config


def test_published_files_of_the_client_are_understood_as_they_are():
    """A capability_config of its examples, the number of enemies repeated as there."""
    section = yaml.safe_load("""
        n_units: 5
        n_enemies: 5
        team_gen:
          dist_type: weighted_teams
          unit_types: [zergling, baneling, hydralisk]
          weights: [0.45, 0.1, 0.45]
          exception_unit_types: [baneling]
          observe: true
        start_positions:
          {dist_type: surrounded_and_reflect, p: 0.5, n_enemies: 5, map_x: 32, map_y: 32}
        enemy_mask: {dist_type: mask, mask_probability: 0.5, n_enemies: 5}
    """)
    config = parse(Smacv2Config, {"map": "10gen_zerg", "capability_config": section})
    drawn = make_generation(config.map, config.capability_config).deploy(0)
    assert (drawn.kinds.size, drawn.enemy_mask.shape) == (10, (5, 5))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["capability_config.start_positions.p=2"], "start_positions.p: 2 is not within 0..1"),
        (
            ["capability_config.team_gen.weights=[0.5,0.5]"],
            "team_gen.weights: need unit_types beside them, in the same order [command line]",
        ),
        (
            ["capability_config.attack.dist_type=uniform"],
            "attack.dist_type: 'uniform' is not one of ['per_agent_uniform', 'fixed']",
        ),
        (["capability_config.atack.p=1"], "did you mean 'capability_config.attack'?"),
        (["capability_config.n_units=0"], "capability_config.n_units: 0 is too small"),
        (["prob_obs_enemy=1.5"], "prob_obs_enemy: 1.5 is too large"),
        (["kill_unit_step_mul=9"], "kill_unit_step_mul: 9 is more than step_mul=8"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_path(words: list[str], said: str):
    with pytest.raises(ConfigError) as caught:
        plan_env(*words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_built_is_refused():
    with pytest.raises(EnvError, match="did you mean 'protoss_5_vs_5'"):
        Smacv2Config(map="protoss_5vs5").build(1, 1)
    with pytest.raises(EnvError, match=r"map=3m: .* choose --env-config=sc2"):
        Smacv2Config(map="3m").build(1, 1)
    with pytest.raises(ConfigError, match=r"capability_config\.n_units: map=10gen_zerg"):
        Smacv2Config(map="10gen_zerg").build(1, 1)


def test_each_episode_has_its_seed_s_units_in_every_row():
    env = plan_env("map=zerg_5_vs_8").build(3, 1)
    env.reset(np.array([11, 12, 11], dtype=np.uint64))
    units = env.battles.world.units
    np.testing.assert_array_equal(units[0], units[2])
    drawn = make_generation("zerg_5_vs_8", PUBLISHED.capability_config).deploy(12)
    assert sorted(units["kind"][1, :5]) == sorted(drawn.kinds[:5])
    assert sorted(units["kind"][1, 5:]) == sorted(drawn.kinds[5:])
    env.close()

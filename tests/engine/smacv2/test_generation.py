"""What SMACv2 draws: the distributions by their statistics, the names, the refusals.

Supports and names: oxwhirl/smacv2 @577ab5a, distributions.py. Every test has its own fixed seed, so
a tolerance of four standard errors fails never or always.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from marl.engine.battle import Battles
from marl.engine.facts.scenario import Deployment, scenario_names
from marl.engine.facts.units import load_unit_types
from marl.engine.smac.options import Options
from marl.engine.smacv2.generation import CapabilityConfig, load_facts, make_generation, map_names
from marl.engine.smacv2.start_positions import ReflectPosition, Surrounded, SurroundedAndReflect
from marl.engine.smacv2.teams import AllTeams, FixedTeams, WeightedTeams
from marl.engine.smacv2.traits import FixedMask, FixedNumbers, Mask, PerAgentUniform
from marl.engine.world import BODIES
from marl.errors import ConfigError, EnvError

DRAWS = 3000
TERRAN = load_facts().races["terran"]
ZERG = load_facts().races["zerg"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def near(share: float, expected: float, count: int) -> bool:
    """Whether `share` of `count` draws is within four standard errors of the expectation."""
    return abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / count)


# Teams


def test_types_are_drawn_with_their_weights():
    teams, generator = WeightedTeams().of(ZERG), rng()
    counts = Counter(name for _ in range(DRAWS) for name in teams.draw(generator, 8, 8).ally)
    for name, weight in (("zergling", 0.45), ("hydralisk", 0.45), ("baneling", 0.1)):
        assert near(counts[name] / (8 * DRAWS), weight, 8 * DRAWS)


def test_a_team_is_never_made_of_exceptions_alone_and_neither_is_an_extra_enemy():
    teams, generator = WeightedTeams().of(TERRAN), rng()
    drawn = [teams.draw(generator, 1, 2) for _ in range(DRAWS)]
    assert {team.ally[0] for team in drawn} == {"marine", "marauder"}
    assert {team.enemy[1] for team in drawn} == {"marine", "marauder"}
    pairs = [teams.draw(generator, 2, 2).ally for _ in range(DRAWS)]
    assert any("medivac" in pair for pair in pairs)
    assert ["medivac", "medivac"] not in pairs
    # one of two is a medivac in 2 * 0.9 * 0.1 of the pairs, and 0.01 of them were drawn again
    share = np.mean(["medivac" in pair for pair in pairs])
    assert near(float(share), 0.18 / 0.99, DRAWS)


def test_a_race_without_exceptions_may_have_a_team_of_the_rarest_type():
    teams, generator = WeightedTeams().of(load_facts().races["protoss"]), rng()
    alone = [teams.draw(generator, 1, 1).ally[0] for _ in range(DRAWS)]
    assert near(alone.count("colossus") / DRAWS, 0.1, DRAWS)


@pytest.mark.parametrize(("n_units", "n_enemies"), [(5, 5), (5, 8), (5, 2)])
def test_enemies_are_the_agents_types_with_more_added_or_the_last_left_out(n_units, n_enemies):
    teams, generator = WeightedTeams().of(TERRAN), rng()
    for _ in range(100):
        ally, enemy = teams.draw(generator, n_units, n_enemies)
        assert (len(ally), len(enemy)) == (n_units, n_enemies)
        assert enemy[:n_units] == ally[:n_enemies]


def test_all_teams_draws_multisets_evenly_and_in_any_order():
    teams, generator = AllTeams(("marine", "medivac"), ("medivac",)), rng()
    drawn = [teams.draw(generator, 3, 3) for _ in range(DRAWS)]
    assert all(ally == enemy for ally, enemy in drawn)
    medivacs = Counter(team.ally.count("medivac") for team in drawn)
    assert sorted(medivacs) == [0, 1, 2]  # 3 would be exceptions alone
    assert all(near(medivacs[count] / DRAWS, 1 / 3, DRAWS) for count in medivacs)
    places = Counter(team.ally.index("medivac") for team in drawn if medivacs_of(team) == 1)
    assert all(near(places[place] / medivacs[1], 1 / 3, medivacs[1]) for place in range(3))


def medivacs_of(team) -> int:
    return team.ally.count("medivac")


def test_a_fixed_team_is_one_of_the_items_in_any_order_on_both_sides():
    teams = FixedTeams((("marine", "marauder"), ("medivac", "marine")))
    generator = rng()
    drawn = [teams.draw(generator, 2, 2) for _ in range(200)]
    assert {tuple(team.ally) for team in drawn} == {
        ("marine", "marauder"),
        ("marauder", "marine"),
        ("medivac", "marine"),
        ("marine", "medivac"),
    }
    assert all(ally == enemy for ally, enemy in drawn)


# Places


def test_reflected_enemies_mirror_the_agents_and_all_stay_within_their_half():
    place, generator = ReflectPosition(), rng()
    places = [place.draw(generator, 4, 6) for _ in range(500)]
    ally = np.array([p.ally for p in places])
    enemy = np.array([p.enemy for p in places])
    np.testing.assert_array_equal(enemy[:, :4, 0], 32 - ally[..., 0])
    np.testing.assert_array_equal(enemy[:, :4, 1], ally[..., 1])
    for values, low, high in (
        (ally[..., 0], 0, 15),  # one unit short of the middle
        (ally[..., 1], 0, 32),
        (enemy[:, 4:, 0], 16, 32),  # those without a counterpart come up to it
        (enemy[:, 4:, 1], 0, 32),
    ):
        assert values.min() >= low
        assert values.max() < high
        span = high - low
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * span)
        assert values.std() == pytest.approx(span / np.sqrt(12), abs=0.03 * span)
    fewer = place.draw(generator, 4, 2)
    np.testing.assert_array_equal(fewer.enemy[:, 1], fewer.ally[:2, 1])


def test_surrounding_groups_stand_on_different_diagonals_around_the_centre():
    place, generator = Surrounded(), rng()
    corners = Counter()
    groups = Counter()
    for _ in range(DRAWS):
        ally, enemy = place.draw(generator, 3, 40)
        assert (ally == 16).all()
        offset = enemy - 16
        np.testing.assert_allclose(abs(offset[:, 0]), abs(offset[:, 1]))  # on a diagonal
        assert abs(offset).min() >= 2 - 1e-9
        assert abs(offset).max() <= 16
        points = {tuple(point) for point in enemy}
        directions = {tuple(np.sign(point)) for point in offset}
        assert len(points) == len(directions)  # a diagonal holds one group
        groups[len(points)] += 1
        corners.update(directions)
    # forty enemies leave no group empty, or one of four with 4 * 0.75^40
    assert all(near(groups[n] / DRAWS, 0.25, DRAWS) for n in (1, 2, 3, 4))
    assert all(count == pytest.approx(2.5 * DRAWS / 4, rel=0.06) for count in corners.values())


def test_a_surrounding_group_is_uniform_along_its_diagonal_and_sizes_are_even():
    place, generator = Surrounded(), rng()
    distance, sizes = [], []
    for _ in range(DRAWS):
        _, enemy = place.draw(generator, 1, 12)
        offset = abs(enemy[:, 0] - 16)
        distance.append(offset[0])
        if len(np.unique(enemy, axis=0)) == 2:
            sizes.append((enemy == enemy[0]).all(1).sum())
    assert np.mean(distance) == pytest.approx(9.0, abs=0.3)  # between 2 and 16
    assert np.std(distance) == pytest.approx(14 / np.sqrt(12), abs=0.2)
    assert np.mean(sizes) == pytest.approx(6.0, abs=0.5)


def test_p_is_the_share_of_reflected_episodes():
    for p in (0.0, 0.25, 1.0):
        place, generator = SurroundedAndReflect(p=p), rng()
        reflect = [(place.draw(generator, 2, 2).ally != 16).any() for _ in range(DRAWS)]
        share = float(np.mean(reflect))
        assert share == p if p in (0.0, 1.0) else near(share, p, DRAWS)


def test_another_map_size_moves_the_places():
    generator = rng()
    ally, enemy = Surrounded(map_x=20, map_y=10).draw(generator, 1, 30)
    assert ally.tolist() == [[10.0, 5.0]]
    assert (abs(enemy - [10, 5]).max(0) <= [10, 5]).all()
    ally, enemy = ReflectPosition(map_x=20, map_y=10).draw(generator, 30, 30)
    assert ally[:, 0].max() < 9
    np.testing.assert_allclose(ally[:, 0] + enemy[:, 0], 20)


# Numbers and masks


def test_numbers_are_uniform_between_their_bounds():
    generator = rng()
    part = PerAgentUniform((0.2,), (0.6,))
    numbers = np.array([part.draw(generator, 3, 1) for _ in range(DRAWS)])
    assert numbers.shape == (DRAWS, 3)
    assert 0.2 <= numbers.min() < numbers.max() < 0.6
    np.testing.assert_allclose(numbers.mean(0), 0.4, atol=0.01)
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 0.06  # each agent has its own


def test_mask_probability_is_that_of_showing():
    generator = rng()
    mask = np.array([Mask(0.75).draw(generator, 2, 3) for _ in range(DRAWS)])
    assert mask.shape == (DRAWS, 2, 3)
    assert set(mask.flat) == {0, 1}
    assert near(float(mask.mean()), 0.25, mask.size)
    assert not Mask(1.0).draw(generator, 5, 5).any()
    assert Mask(0.0).draw(generator, 5, 5).all()


def test_fixed_numbers_and_masks_are_items_in_any_order_of_agents():
    generator = rng()
    numbers = {
        tuple(FixedNumbers(((0.1, 0.9), (0.5, 0.5))).draw(generator, 2, 1)) for _ in range(99)
    }
    assert numbers == {(0.1, 0.9), (0.9, 0.1), (0.5, 0.5)}
    masks = {FixedMask((((0, 1), (1, 1)),)).draw(generator, 2, 2).tobytes() for _ in range(99)}
    assert masks == {bytes([0, 1, 1, 1]), bytes([1, 1, 0, 1])}


# Names, sizes, seeds

EVERYTHING = CapabilityConfig(
    start_positions=SurroundedAndReflect(),
    attack=PerAgentUniform(),
    health=PerAgentUniform((0.0,), (0.5,)),
    enemy_mask=Mask(),
)


def test_the_published_names_and_any_other_size_are_known():
    names = map_names(load_facts())
    assert len(names) == 15 + 3
    for name in names[:15]:
        assert make_generation(name, EVERYTHING).name == name
    odd = make_generation("zerg_1_vs_7", EVERYTHING)
    assert (odd.n_units, odd.n_enemies, odd.race.letter) == (1, 7, "Z")
    sizes = CapabilityConfig(n_units=3, n_enemies=4)
    own = make_generation("10gen_terran", sizes)
    assert (own.n_units, own.n_enemies, own.race.map_type) == (3, 4, "terran_gen")
    assert "smacv2" not in scenario_names()


def test_type_columns_are_in_the_client_s_order_and_kinds_are_alphabetical():
    zerg = make_generation("zerg_5_vs_5", EVERYTHING)
    assert zerg.type_columns == ("Zergling", "Hydralisk", "Baneling")
    assert zerg.unit_names == ("Baneling", "Hydralisk", "Zergling")
    fixed = CapabilityConfig(team_gen=FixedTeams((("baneling", "zergling"),)))
    assert sorted(make_generation("zerg_2_vs_2", fixed).deploy(1).kinds) == [0, 0, 2, 2]


def arrays(deployment: Deployment) -> list[np.ndarray]:
    return [getattr(deployment, item.name) for item in fields(deployment)]


def test_a_deployment_has_everything_for_every_unit():
    deployment = make_generation("protoss_3_vs_5", EVERYTHING).deploy(7)
    assert [array.shape for array in arrays(deployment)] == [(8,), (8,), (8,), (3,), (3,), (3, 5)]
    assert [array.dtype.name for array in arrays(deployment)] == [
        "int64",
        *["float64"] * 4,
        "uint8",
    ]
    assert 0 < deployment.attack_probability.min() < 1
    assert 0 < deployment.health_level.max() < 0.5


def test_what_is_not_configured_is_neutral():
    deployment = make_generation("protoss_3_vs_5", CapabilityConfig()).deploy(7)
    assert deployment.x.tolist() == [8] * 3 + [24] * 5
    assert deployment.y.tolist() == [16] * 8
    assert (deployment.attack_probability == 1).all()
    assert (deployment.health_level == 0).all()
    assert (deployment.enemy_mask == 0).all()


def test_a_deployment_follows_from_its_seed_alone():
    one, other = (make_generation("terran_20_vs_23", EVERYTHING) for _ in range(2))
    for seed in (5, 2**64 - 1):
        other.deploy(seed + 1 if seed == 5 else 0)  # whatever was drawn before
        for a, b in zip(arrays(one.deploy(seed)), arrays(other.deploy(seed)), strict=True):
            np.testing.assert_array_equal(a, b)
    teams = {one.deploy(seed).kinds.tobytes() for seed in range(50)}
    assert len(teams) == 50


def test_no_other_option_changes_the_teams_of_a_seed():
    bare = make_generation("terran_5_vs_5", CapabilityConfig())
    for seed in range(5):
        full = make_generation("terran_5_vs_5", EVERYTHING)
        assert bare.deploy(seed).kinds.tolist() == full.deploy(seed).kinds.tolist()


def test_the_engine_places_all_that_is_drawn_apart_and_agents_in_the_client_s_order():
    for name in ("terran_20_vs_23", "protoss_10_vs_10", "zerg_3_vs_40"):
        scenario = make_generation(name, EVERYTHING).scenario()
        assert (scenario.races["enemy"], scenario.episode_limit) == (name[0].upper(), 200)
        battles = Battles(scenario, Options(), 3)
        battles.reset(np.arange(3, dtype=np.uint64))
        types = load_unit_types(scenario.unit_names)
        for e in range(3):
            units, drawn = battles.world.units[e], scenario.deploy(e)
            n_agents = scenario.count("ally")
            kinds = [sorted(drawn.kinds[:n_agents]), sorted(drawn.kinds[n_agents:])]
            assert [list(units["kind"][:n_agents]), sorted(units["kind"][n_agents:])] == kinds
            walks = types.body[units["kind"]] == 1 << BODIES.index("Ground")
            apart = np.add.outer(*[types.separation[units["kind"]]] * 2)
            gaps = np.hypot(*[np.subtract.outer(units[axis], units[axis]) for axis in "xy"])
            assert (gaps + 9 * np.eye(len(units)) >= apart - 1e-9)[np.ix_(walks, walks)].all()
            assert units["x"].min() >= 0
            assert units["x"].max() <= 32
        battles.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("protos_5_vs_5", "did you mean 'protoss_5_vs_5'?"),
        ("terran_0_vs_5", "at least one unit a side"),
        ("terran_5_vs_05", "did you mean 'terran_5_vs_5'?"),
        ("10gen_human", "did you mean '10gen_terran'?"),
        ("8m", "a name is <race>_<agents>_vs_<enemies>"),
        ("", "races: terran, protoss, zerg"),
    ],
)
def test_a_wrong_name_gets_the_nearest_and_the_pattern(name, said):
    with pytest.raises(EnvError) as caught:
        make_generation(name, CapabilityConfig())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: WeightedTeams(("a", "b"), (0.5, 0.4)), "weights: sum to 0.9, must sum to 1"),
        (lambda: WeightedTeams(("a", "b"), (1.5, -0.5)), "weights: -0.5 is negative"),
        (lambda: WeightedTeams(("a", "b"), (1.0,)), "weights: need one for each"),
        (lambda: WeightedTeams(("a",)), "weights: need one for each"),
        (lambda: WeightedTeams(weights=(1.0,)), "weights: need unit_types beside them"),
        (lambda: WeightedTeams((), ()), "unit_types: is empty"),
        (lambda: WeightedTeams(("a", "a"), (0.5, 0.5)), "names one twice"),
        (lambda: WeightedTeams(("a", "b"), (1.0, 0.0), ("a",)), "leave no other type to draw"),
        (lambda: AllTeams(("a",), ("a",)), "leave no other type to draw"),
        (lambda: FixedTeams(), "items: is empty"),
        (lambda: FixedTeams((("a",),), test_mode=True), "test_mode: goes through the items"),
        (lambda: SurroundedAndReflect(p=1.5), "p: 1.5 is not within 0..1"),
        (lambda: Surrounded(map_x=64), "map_x: 64 is not within 4..32"),
        (lambda: ReflectPosition(map_y=0), "map_y: 0 is not within 4..32"),
        (lambda: PerAgentUniform((0.6,), (0.5,)), "lower_bound: 0.6 is above upper_bound 0.5"),
        (lambda: PerAgentUniform((-0.1,), (0.5,)), "lower_bound: -0.1 is not within 0..1"),
        (lambda: PerAgentUniform((0.0,), (1.1,)), "upper_bound: 1.1 is not within 0..1"),
        (lambda: FixedNumbers(((0.5, 2.0),)), "items: 2 is not within 0..1"),
        (lambda: Mask(-1.0), "mask_probability: -1 is not within 0..1"),
        (lambda: FixedMask((((0, 2),),)), "items: a mask is of 0 and 1"),
        (lambda: CapabilityConfig(n_units=0), "n_units: 0 is too small"),
        (lambda: CapabilityConfig(health=PerAgentUniform()), "health: a level of 1 is death"),
    ],
)
def test_values_that_make_no_sense_are_refused_with_their_field(make, said):
    with pytest.raises(ValueError, match=said.split(": ")[0]) as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        (
            "10gen_zerg",
            CapabilityConfig(n_units=5),
            "capability_config.n_enemies: map=10gen_zerg leaves it open",
        ),
        (
            "zerg_5_vs_5",
            CapabilityConfig(n_units=6),
            "capability_config.n_units: 6, but map=zerg_5_vs_5 says 5",
        ),
        (
            "zerg_5_vs_5",
            CapabilityConfig(team_gen=WeightedTeams(("marine",), (1.0,))),
            "capability_config.team_gen: unit_types: zerg has no 'marine'",
        ),
        (
            "zerg_5_vs_5",
            CapabilityConfig(team_gen=WeightedTeams(exception_unit_types=("zerglin",))),
            "exception_unit_types: zerg has no 'zerglin'; did you mean 'zergling'?",
        ),
        (
            "zerg_5_vs_6",
            CapabilityConfig(team_gen=AllTeams()),
            "all_teams gives both sides one team, but n_units is 5 and n_enemies 6",
        ),
        (
            "zerg_2_vs_2",
            CapabilityConfig(team_gen=FixedTeams((("zergling",),))),
            "items: ['zergling'] has 1 entries, n_units is 2",
        ),
        (
            "zerg_2_vs_2",
            CapabilityConfig(attack=FixedNumbers(((0.5,),))),
            "capability_config.attack: items: [0.5] has 1 entries, n_units is 2",
        ),
        (
            "zerg_2_vs_2",
            CapabilityConfig(enemy_mask=FixedMask((((0,), (1,)),))),
            "capability_config.enemy_mask: items: [0] has 1 entries, n_enemies is 2",
        ),
        (
            "zerg_2_vs_2",
            CapabilityConfig(start_positions=Surrounded(n_enemies=5)),
            "capability_config.start_positions: n_enemies: 5, but there are 2",
        ),
    ],
)
def test_options_that_do_not_fit_the_map_are_refused_with_their_path(name, config, said):
    with pytest.raises(ConfigError) as caught:
        make_generation(name, config)
    assert said in str(caught.value)


def test_every_option_of_the_section_is_checked():
    """`make_generation` names the parts; a new one must not be forgotten there."""
    parts = {item.name for item in fields(CapabilityConfig)} - {"n_units", "n_enemies"}
    assert parts == {"team_gen", "start_positions", "attack", "health", "enemy_mask"}

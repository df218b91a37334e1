"""Our functions beside the official clients, on random units.

Every number of observations, states, masks, rewards, outcomes and v2's memory of enemies found, on
every map and under random options. `-m slow` compares ten times as many positions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl.engine.facts.scenario import load_scenario
from marl.engine.smac.options import Options, Quirks, Smacv2Options
from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from tests.official.clients import Client, needs
from tests.official.compare import (
    Battle,
    Tally,
    client_config,
    official_values,
    random_capabilities,
    random_options,
)

V1_MAPS = """
3m 8m 25m 5m_vs_6m 8m_vs_9m 10m_vs_11m 27m_vs_30m MMM MMM2 2s3z 3s5z 3s5z_vs_3s6z 3s_vs_3z 3s_vs_4z
3s_vs_5z 1c3s5z 2m_vs_1z corridor 6h_vs_8z 2s_vs_1sc so_many_baneling bane_vs_bane 2c_vs_64zg
"""
V2_RACES = ("terran", "zerg", "protoss")
V2_SIZES = ((5, 5), (10, 10), (20, 20), (10, 11), (20, 23))
STEPS = 8
OPTIONS_PER_MAP = 3


def battle_v1(name: str, seed: int, tally: Tally) -> Battle:
    """A battle of map `name` under options drawn from `seed`; the first has the defaults."""
    rng = np.random.default_rng([seed, *name.encode()])
    return start_v1(name, random_options("v1", rng) if seed else {}, Quirks(), rng, tally)


def start_v1(
    name: str, values: dict[str, Any], quirks: Quirks, rng: np.random.Generator, tally: Tally
) -> Battle:
    """A battle of map `name`; the client takes `values`, our functions `quirks` too."""
    scenario = load_scenario(name)
    kinds: dict[str, list[int]] = {"ally": [], "enemy": []}
    for group in scenario.groups:
        kinds[group.side] += [scenario.unit_names.index(group.unit)] * group.count
    client = Client("v1", name, scenario, values)
    both = np.array([*sorted(kinds["ally"]), *kinds["enemy"]])
    return Battle(client, scenario, Options(quirks=quirks, **values), both, rng, tally)


def battle_v2(race: str, sizes: tuple[int, int], seed: int, tally: Tally) -> Battle:
    """A battle of random teams under options drawn from `seed`; the first has the defaults."""
    rng = np.random.default_rng([seed, *race.encode(), *sizes])
    config = random_capabilities(rng) if seed else CapabilityConfig()
    values = official_values(random_options("v2", rng) if seed else {}, config)
    return start_v2(race, sizes, values, config, Quirks(), rng, tally)


def start_v2(
    race: str,
    sizes: tuple[int, int],
    values: dict[str, Any],
    config: CapabilityConfig,
    quirks: Quirks,
    rng: np.random.Generator,
    tally: Tally,
) -> Battle:
    """A battle of random teams; the client takes `values` and `config`, we `quirks` too."""
    options = Smacv2Options(capability_config=config, quirks=quirks, **values)
    scenario = make_generation(f"{race}_{sizes[0]}_vs_{sizes[1]}", CapabilityConfig()).scenario()
    sections = client_config(config, *sizes)
    client = Client("v2", f"10gen_{race}", scenario, {**values, "capability_config": sections})
    allies = np.sort(rng.integers(3, size=sizes[0]))
    both = np.concatenate([allies, rng.integers(3, size=sizes[1])])
    return Battle(client, scenario, options, both, rng, tally)


def battle_of(name: str, seed: int, values: dict[str, Any], quirks: Quirks) -> Battle:
    """A battle of a v1 map, or of five against five of a race of v2's."""
    rng = np.random.default_rng(seed)
    if name in V2_RACES:
        return start_v2(name, (5, 5), values, CapabilityConfig(), quirks, rng, Tally())
    return start_v1(name, values, quirks, rng, Tally())


def play(battle: Battle) -> None:
    """Some steps, in which more and more units die."""
    battle.begin()
    for t in range(STEPS):
        if not battle.step(deadliness=(0.0, 0.1, 0.05, 0.3, 0.5, 0.6, 0.7, 0.8)[t]):
            break


@pytest.mark.parametrize("name", V1_MAPS.split())
def test_v1_sees_and_scores_as_the_official_client_does(name: str):
    needs("v1")
    tally = Tally()
    for seed in range(OPTIONS_PER_MAP):
        play(battle_v1(name, seed, tally))
    assert tally.positions > OPTIONS_PER_MAP


@pytest.mark.parametrize("sizes", V2_SIZES, ids=str)
@pytest.mark.parametrize("race", V2_RACES)
def test_v2_sees_and_scores_as_the_official_client_does(race: str, sizes: tuple[int, int]):
    needs("v2")
    tally = Tally()
    for seed in range(OPTIONS_PER_MAP):
        play(battle_v2(race, sizes, seed, tally))
    assert tally.positions > OPTIONS_PER_MAP


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_positions_agree():
    for client in ("v1", "v2"):
        needs(client)
    tallies = {"v1": Tally(), "v2": Tally()}
    for seed in range(10 * OPTIONS_PER_MAP):
        for name in V1_MAPS.split():
            play(battle_v1(name, seed, tallies["v1"]))
        for race in V2_RACES:
            for sizes in V2_SIZES:
                play(battle_v2(race, sizes, seed, tallies["v2"]))
    for client, tally in tallies.items():
        print(f"{client}: {tally.positions} positions")
        for what, count in tally.numbers.items():
            print(f"  {what}: {count} numbers, largest difference {tally.largest[what]:.2g}")
    assert tallies["v1"].positions > 3000
    assert tallies["v2"].positions > 2000


@pytest.mark.parametrize(
    ("quirk", "of", "values"),
    [
        ("regeneration_pays", "3s_vs_3z", {}),
        ("enemy_types_swapped", "2s3z", {}),
        ("timestep_leaves_a_gap", "3m", {"obs_timestep_number": True}),
        ("wrong_cooldown_limits", "3s_vs_3z", {}),
        ("sparse_reward_scaled", "3m", {"reward_sparse": True}),
        ("height_grid_flipped", "2c_vs_64zg", {"obs_terrain_height": True}),
        ("moves_tested_half_way", "3m", {}),
        ("unhurt_can_be_healed", "MMM", {}),
        ("heals_shown_as_attacks", "MMM", {}),
        ("unseen_hides_lower_ones", "zerg", {}),
        ("dead_must_be_noticed", "zerg", {}),
        ("cone_folds_directions", "zerg", {"conic_fov": True}),
    ],
)
def test_fixing_a_bug_departs_from_the_official_client(
    quirk: str, of: str, values: dict[str, object]
):
    """So each bug is there, and the comparison would have noticed its absence."""
    needs("v2" if of in V2_RACES else "v1")
    fixed = Quirks(**{quirk: False})

    def play_some() -> None:
        for seed in range(20):
            play(battle_of(of, seed, values, fixed))

    with pytest.raises(AssertionError):
        play_some()

"""Sizes of observations, states and masks: those that the official clients return."""

from __future__ import annotations

import numpy as np
import pytest

from marl.engine.facts.scenario import Scenario, load_scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.smac.layout import ClientLayout, make_layout, view_directions
from marl.engine.smac.options import Options, Smacv2Options
from marl.engine.smac.reward import max_reward
from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from marl.engine.smacv2.traits import PerAgentUniform

# map obs state actions, obs with obs_last_action, state without state_last_action, max_reward;
# oxwhirl/smac @d6aab33, default options
V1_ROWS = """
3m 30 48 9 48 21 365
8m 80 168 14 178 56 640
25m 250 950 31 994 175 1575
5m_vs_6m 55 98 12 103 38 530
8m_vs_9m 85 179 15 190 59 695
10m_vs_11m 105 243 17 258 73 805
27m_vs_30m 285 1170 36 1221 198 1850
MMM 160 290 16 304 130 1015
MMM2 176 322 18 338 142 1205
2s3z 80 120 11 124 65 1020
3s5z 128 216 14 226 104 1510
3s5z_vs_3s6z 136 230 15 241 110 1670
3s_vs_3z 36 54 9 54 27 680
3s_vs_4z 42 61 10 62 31 840
3s_vs_5z 48 68 11 70 35 1000
1c3s5z 162 270 15 282 135 1870
2m_vs_1z 16 26 7 23 12 360
corridor 156 282 30 306 102 1280
6h_vs_8z 78 140 14 148 56 1480
2s_vs_1sc 17 27 7 24 13 510
so_many_baneling 202 397 38 430 131 1480
bane_vs_bane 336 984 30 1026 264 1260
2c_vs_64zg 332 342 70 402 202 3080
"""
# sizes, then obs state actions for terran and zerg, for protoss, and both with conic_fov;
# oxwhirl/smacv2 @577ab5a, obs_own_pos and use_unit_ranges as published
V2_ROWS = """
5 5 82 120 11 92 130 11 84 190 23 94 200 23
10 10 162 290 16 182 310 16 164 430 28 184 450 28
20 20 322 780 26 362 820 26 324 1060 38 364 1100 38
10 11 170 306 17 191 327 17 172 446 29 193 467 29
20 23 346 858 29 389 901 29 348 1138 41 391 1181 41
"""


def layout_of(scenario: Scenario, options: Options) -> ClientLayout:
    return make_layout(scenario, load_unit_types(scenario.unit_names), options)


@pytest.mark.parametrize("row", V1_ROWS.split("\n")[1:-1])
def test_v1_sizes(row: str):
    name, *numbers = row.split()
    scenario = load_scenario(name)
    layout = layout_of(scenario, Options())
    others = layout_of(scenario, Options(obs_last_action=True, state_last_action=False))
    sizes = [layout.obs_dim, layout.state_dim, layout.n_actions, others.obs_dim, others.state_dim]
    most = max_reward(scenario, load_unit_types(scenario.unit_names), Options())
    assert [*sizes, most] == [int(number) for number in numbers]


@pytest.mark.parametrize("row", V2_ROWS.split("\n")[1:-1])
@pytest.mark.parametrize("race", ["terran", "zerg", "protoss"])
def test_v2_sizes(row: str, race: str):
    n_units, n_enemies, *numbers = (int(number) for number in row.split())
    scenario = make_generation(f"{race}_{n_units}_vs_{n_enemies}", CapabilityConfig()).scenario()
    sizes = []
    for conic_fov in (False, True):
        layout = layout_of(scenario, Smacv2Options(obs_own_pos=True, conic_fov=conic_fov))
        sizes += [layout.obs_dim, layout.state_dim, layout.n_actions]
    at = 3 if race == "protoss" else 0
    assert sizes == numbers[at : at + 3] + numbers[at + 6 : at + 9]


def test_terran_agents_that_outnumber_the_enemies_have_a_heal_for_each():
    scenario = make_generation("terran_6_vs_4", CapabilityConfig()).scenario()
    assert layout_of(scenario, Smacv2Options()).n_actions == 6 + 6
    scenario = make_generation("zerg_6_vs_4", CapabilityConfig()).scenario()
    assert layout_of(scenario, Smacv2Options()).n_actions == 6 + 4


def test_capabilities_have_their_columns_whether_seen_or_not():
    scenario = make_generation("zerg_5_vs_5", CapabilityConfig()).scenario()
    plain = layout_of(scenario, Smacv2Options())
    numbers = PerAgentUniform(upper_bound=(0.5,), observe=False)
    config = CapabilityConfig(attack=numbers, health=numbers)
    wider = layout_of(scenario, Smacv2Options(capability_config=config))
    assert wider.obs_dim - plain.obs_dim == 4 * 2 + 2  # four allies, and oneself
    assert wider.state_dim - plain.state_dim == 5 * 2
    assert wider.capability_dim == 5


def test_view_directions_go_round_once_from_the_east():
    assert np.allclose(view_directions(4), [[1, 0], [0, 1], [-1, 0], [0, -1]])

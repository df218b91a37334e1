"""Observations, states and masks, number by number, on units placed by hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from marl.engine.facts.scenario import load_scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.smac import observation
from marl.engine.smac.layout import ClientLayout, ClientUnits, empty_traits, make_layout
from marl.engine.smac.options import Options, Quirks
from marl.engine.smac.visibility import Memory, empty_memory

DEAD = (0.0, 0.0, 0.0, 0.0, 0.0)  # x, y, health, shield, cooldown
NO_RANDOM = np.zeros(1, dtype=np.uint64)  # v1 draws nothing


class Seen(NamedTuple):
    """All that one battle shows."""

    obs: NDArray[np.float32]  # [A,O]
    state: NDArray[np.float32]  # [S]
    avail: NDArray[np.bool_]  # [A,U]


def see(
    name: str,
    units: list[tuple],
    options: Options | None = None,
    last_actions: list[int] | None = None,
    steps: int = 0,
) -> Seen:
    """units: (type, x, y, health, shield, cooldown), the agents first."""
    scenario = load_scenario(name)
    types = load_unit_types(scenario.unit_names)
    layout = make_layout(scenario, types, options or Options())
    kind = np.array([scenario.unit_names.index(unit[0]) for unit in units])
    columns = (np.array(column, dtype=float) for column in list(zip(*units, strict=True))[1:])
    client_units = ClientUnits(
        kind, *columns, np.full(len(units), 50.0), *(t[0] for t in empty_traits(layout, 1))
    )
    return see_units(layout, client_units, last_actions, steps)


def see_units(
    layout: ClientLayout, client_units: ClientUnits, last_actions: list[int] | None, steps: int
) -> Seen:
    last = np.array(last_actions or [-1] * layout.n_agents)
    avail = np.ones((layout.n_agents, layout.n_actions), dtype=np.bool_)
    obs = np.full((layout.n_agents, layout.obs_dim), np.nan, dtype=np.float32)
    state = np.full(layout.state_dim, np.nan, dtype=np.float32)
    memory = Memory(*(array[0] for array in empty_memory(layout, 1)))
    observation.observe(layout, client_units, memory, NO_RANDOM, last, steps, avail, obs, state)
    return Seen(obs, state, avail)


# Agents at (10, 16), (13, 20), dead; enemies at (16, 16), (19, 16), dead.
MARINES = [
    ("Marine", 10, 16, 45, 0, 7.5),
    ("Marine", 13, 20, 18, 0, 0),
    ("Marine", *DEAD),
    ("Marine", 16, 16, 9, 0, 3),
    ("Marine", 19, 16, 45, 0, 0),
    ("Marine", *DEAD),
]


def test_observation_of_marines():
    obs = see("3m", MARINES).obs
    first = [1, 1, 1, 1]  # north, south, east, west
    first += [1, 6 / 9, 6 / 9, 0, 9 / 45]  # at 6: in range, the bound counts
    first += [0] * 5  # at 9: not nearer than the sight range
    first += [0] * 5  # dead
    first += [1, 5 / 9, 3 / 9, 4 / 9, 18 / 45]
    first += [0] * 5
    first += [1]  # own health
    assert_allclose(obs[0], first, rtol=1e-6)
    second = [1, 1, 1, 1, 1, 5 / 9, 3 / 9, -4 / 9, 0.2]
    second += [0, 52**0.5 / 9, 6 / 9, -4 / 9, 1]  # 7.2 away: visible, out of range
    second += [0] * 5 + [1, 5 / 9, -3 / 9, -4 / 9, 1] + [0] * 5 + [18 / 45]
    assert_allclose(obs[1], second, rtol=1e-6)
    assert (obs[2] == 0).all()  # dead


def test_state_of_marines():
    state = see("3m", MARINES, last_actions=[4, 1, 0]).state
    units = [1, 7.5 / 15, -6 / 32, 0, 18 / 45, 0, -3 / 32, 4 / 32, 0, 0, 0, 0]
    units += [9 / 45, 0, 0, 1, 3 / 32, 0, 0, 0, 0]
    actions = np.eye(9)[[4, 1, 0]].ravel()
    assert_allclose(state, [*units, *actions], rtol=1e-6)


def test_mask_of_marines():
    avail = see("3m", MARINES).avail
    assert avail[0].tolist() == [False, *[True] * 5, True, False, False]
    assert avail[1].tolist() == [False, *[True] * 5, True, False, False]
    assert np.flatnonzero(avail[2]).tolist() == [0]  # dead: only the no-op


# Stalkers are agents 0, 1; the enemy's one-hot has the columns the other way round.
MIXED = [
    ("Stalker", 10, 16, 80, 20, 17.5),
    ("Stalker", *DEAD),
    ("Zealot", 12, 16, 50, 0, 11),
    ("Zealot", *DEAD),
    ("Zealot", *DEAD),
    ("Stalker", 10, 19, 40, 80, 0),
    ("Stalker", *DEAD),
    ("Zealot", 14, 16, 100, 25, 0),
    ("Zealot", *DEAD),
    ("Zealot", *DEAD),
]


def test_observation_of_stalkers_and_zealots():
    obs = see("2s3z", MIXED).obs
    first = [1, 1, 1, 1]
    first += [1, 3 / 9, 0, 3 / 9, 0.5, 1, 0, 1]  # enemy stalker: second column
    first += [0] * 8
    first += [1, 4 / 9, 4 / 9, 0, 1, 0.5, 1, 0]  # enemy zealot: first column
    first += [0] * 16
    first += [0] * 8  # the other stalker
    first += [1, 2 / 9, 2 / 9, 0, 0.5, 0, 0, 1]  # own zealot: second column
    first += [0] * 16
    first += [1, 0.25, 1, 0]  # own health, shield 20 of 80, stalker
    assert_allclose(obs[0], first, rtol=1e-6)
    assert_allclose(obs[2, -4:], [0.5, 0, 0, 1], rtol=1e-6)


def test_state_of_stalkers_and_zealots():
    state = see("2s3z", MIXED).state
    stalker = [1, 17.5 / 35, -6 / 32, 0, 0.25, 1, 0]
    zealot = [0.5, 11 / 22, -4 / 32, 0, 0, 0, 1]
    allies = [*stalker, *[0] * 7, *zealot, *[0] * 14]
    enemies = [0.5, -6 / 32, 3 / 32, 1, 0, 1, *[0] * 6, 1, -2 / 32, 0, 0.5, 1, 0, *[0] * 12]
    assert_allclose(state, [*allies, *enemies, *[0] * 55], rtol=1e-6)


def test_observation_of_stalkers_against_zealots():
    far = ("Zealot", 31, 31, 100, 50, 0)
    units = [("Stalker", 5, 5, 80, 80, 0), ("Stalker", 5, 8, 8, 0, 0), ("Stalker", *DEAD)]
    units += [("Zealot", 9, 8, 10, 0, 0), ("Zealot", 5, 11.5, 100, 5, 0), far, far, far]
    obs = see("3s_vs_5z", units).obs
    first = [1, 1, 1, 1, 1, 5 / 9, 4 / 9, 3 / 9, 0.1, 0]
    first += [0, 6.5 / 9, 0, 6.5 / 9, 1, 0.1, *[0] * 18]
    first += [1, 3 / 9, 0, 3 / 9, 0.1, 0, *[0] * 6, 1, 1]
    assert_allclose(obs[0], first, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "open_ways"),
    [
        (16.0, 16.0, "NSEW"),
        (16.0, 23.2, "SEW"),  # the wall begins at y 24; one unit ahead is tested
        (16.0, 22.9, "NSEW"),
        (16.0, 8.9, "NEW"),
        (0.5, 16.0, "NSEW"),  # x - 1 = -0.5 is cut to cell 0
        (0.0, 16.0, "NSE"),
        (31.2, 16.0, "NSW"),  # the edge of the map
    ],
)
def test_moves_end_at_walls_and_at_the_edge(x: float, y: float, open_ways: str):
    units = [("Marine", x, y, 45, 0, 0), *[("Marine", *DEAD)] * 5]
    avail = see("3m", units).avail[0]
    assert "".join(way for way, legal in zip("NSEW", avail[2:6], strict=True) if legal) == open_ways


def test_pathing_points_around_an_agent():
    units = [("Marine", 1.7, 20.5, 45, 0, 0), *[("Marine", *DEAD)] * 5]
    obs = see("3m", units, Options(obs_pathing_grid=True)).obs[0]
    # Cells (1,24) wall, (1,16), (5,20), (-3,20) outside, (3,22), (-1,18) outside, (3,18), (-1,22)
    assert obs[4:12].tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    assert obs.size == 38


def test_without_the_health_of_others_their_rows_are_shorter():
    obs = see("2s3z", MIXED, Options(obs_all_health=False)).obs[0]
    assert obs.size == 4 + 5 * 6 + 4 * 6 + 4
    assert_allclose(obs[4:10], [1, 3 / 9, 0, 3 / 9, 0, 1], rtol=1e-6)
    assert_allclose(obs[-4:], [1, 0.25, 1, 0])
    neither = Options(obs_all_health=False, obs_own_health=False)
    assert see("2s3z", MIXED, neither).obs[0, -2:].tolist() == [1, 0]
    assert see("2s3z", MIXED, neither).obs.shape[1] == 60
    only_others = Options(obs_own_health=False)  # the others' health brings one's own along
    assert_allclose(see("2s3z", MIXED, only_others).obs, see("2s3z", MIXED).obs)


def test_last_actions_of_seen_allies_are_in_the_observation():
    options = Options(obs_last_action=True)
    obs = see("3m", MARINES, options, last_actions=[4, 1, 0]).obs
    assert obs.shape[1] == 48
    assert obs[0, 24:33].tolist() == np.eye(9)[1].tolist()  # agent 1, after its five client_units
    assert obs[0, 33:47].tolist() == [0] * 14  # agent 2 is dead
    assert obs[1, 24:33].tolist() == np.eye(9)[4].tolist()
    assert (see("3m", MARINES, options).obs[0, 24:33] == 0).all()  # none yet


def test_the_time_step_is_appended_after_a_column_that_stays_empty():
    plain, timed = (
        see("3m", MARINES),
        see("3m", MARINES, Options(obs_timestep_number=True), None, 15),
    )
    assert timed.obs.shape[1] == 32
    assert_allclose(timed.obs[:, :30], plain.obs)
    assert timed.obs[:, 30].tolist() == [0, 0, 0]
    assert timed.obs[:, 31].tolist() == [0.25] * 3  # 15 of 60, the dead too


def test_the_time_step_needs_one_column_where_the_gap_is_fixed():
    fixed = Options(obs_timestep_number=True, quirks=Quirks(timestep_leaves_a_gap=False))
    timed = see("3m", MARINES, fixed, None, 15)
    assert timed.obs.shape[1] == 31
    assert timed.obs[:, 30].tolist() == [0.25] * 3


def test_terrain_heights_are_read_upside_down_unless_fixed():
    """The ravine: floor at 8, plateau at 10 from y 13 to 20, nothing below y 8 and above 23."""
    units = [("Colossus", 16.5, 12.5, 200, 150, 0), ("Colossus", *DEAD)]
    units += [("Zergling", *DEAD)] * 64
    floor, plateau, none = 191 / 255, 207 / 255, 127 / 255
    fixed = Options(obs_terrain_height=True, quirks=Quirks(height_grid_flipped=False))
    # 4 north, 4 south, 4 east, 4 west, then 2 aside of (16,12): NE, SW, SE, NW, and (16,12) itself
    rows = [16, 8, 12, 12, 14, 10, 10, 14, 12]
    level = load_scenario("2c_vs_64zg").height
    columns = [16, 16, 20, 12, 18, 14, 18, 14, 16]
    byte = {0: none, 8: floor, 10: plateau}
    right = [byte[level[y, x]] for y, x in zip(rows, columns, strict=True)]
    flipped = [byte[level[31 - y, x]] for y, x in zip(rows, columns, strict=True)]
    assert right != flipped
    obs = see("2c_vs_64zg", units, fixed).obs[0]
    assert_allclose(obs[4:13], right, rtol=1e-6)
    obs = see("2c_vs_64zg", units, Options(obs_terrain_height=True)).obs[0]
    assert_allclose(obs[4:13], flipped, rtol=1e-6)


def test_heights_outside_the_map_are_one():
    units = [("Marine", 1.0, 16.0, 45, 0, 0), *[("Marine", *DEAD)] * 5]
    obs = see("3m", units, Options(obs_terrain_height=True, obs_pathing_grid=True)).obs[0]
    assert obs.size == 47
    assert obs[12 + 3] == 1.0  # 4 to the west is outside


def test_enemy_types_stand_in_the_allies_columns_where_fixed():
    obs = see("2s3z", MIXED, Options(quirks=Quirks(enemy_types_swapped=False))).obs[0]
    assert obs[4:12].tolist()[-2:] == [1, 0]  # an enemy stalker, like an own one


def test_cooldowns_stay_below_one_where_the_limits_are_fixed():
    """A stalker's weapon: 1.44 s and up to 0.125 s more, 25.04 loops."""
    state = see("2s3z", MIXED, Options(quirks=Quirks(wrong_cooldown_limits=False))).state
    assert_allclose(state[1], 17.5 / 25.04, rtol=1e-6)


# MMM's agents: marauders 0 and 1, marines 2 to 8, medivac 9; the enemies likewise.
MEDIVACS = [
    ("Marauder", 10, 16, 125, 0, 5),
    ("Marauder", 30, 16, 60, 0, 0),
    *[("Marine", *DEAD)] * 6,
    ("Marine", 12, 16, 45, 0, 0),
    ("Medivac", 14, 16, 75, 0, 0),
    ("Marauder", 15, 16, 125, 0, 0),
    *[("Marauder", *DEAD)],
    *[("Marine", *DEAD)] * 7,
    ("Medivac", 16, 16, 150, 0, 0),
]


def test_a_medivac_may_heal_living_agents_in_reach_that_are_no_medivacs():
    avail = see("MMM", MEDIVACS).avail
    assert avail.shape == (10, 16)
    assert np.flatnonzero(avail[9, 6:]).tolist() == [0, 8]  # though neither is hurt
    assert np.flatnonzero(avail[0, 6:]).tolist() == [0, 9]  # a marauder's targets
    hurt = [(*MEDIVACS[0][:3], 100, 0, 5), *MEDIVACS[1:]]
    fixed = Options(quirks=Quirks(unhurt_can_be_healed=False))
    assert np.flatnonzero(see("MMM", hurt, fixed).avail[9, 6:]).tolist() == [0]


def test_a_medivac_sees_who_can_be_healed_in_place_of_who_can_be_attacked():
    obs = see("MMM", MEDIVACS).obs[9]
    # Enemy 0 is in reach, and so is agent 0; enemy 9 is in reach, agent 9 is the medivac itself.
    assert [obs[4], obs[4 + 9 * 8]] == [1, 0]
    fixed = see("MMM", MEDIVACS, Options(quirks=Quirks(heals_shown_as_attacks=False))).obs[9]
    assert fixed[4] == 0
    assert_allclose(fixed[5:], obs[5:])


def test_the_state_shows_a_medivac_s_energy():
    state = see("MMM", MEDIVACS).state
    assert_allclose(state[:7], [1, 5 / 25, -6 / 32, 0, 1, 0, 0], rtol=1e-6)
    assert_allclose(state[63:70], [0.5, 50 / 200, -2 / 32, 0, 0, 0, 1], rtol=1e-6)


def test_moves_are_tested_all_the_way_where_fixed():
    units = [("Marine", 16.0, 22.9, 45, 0, 0), *[("Marine", *DEAD)] * 5]
    fixed = Options(quirks=Quirks(moves_tested_half_way=False))
    assert not see("3m", units, fixed).avail[0, 2]  # the wall begins at y 24
    assert see("3m", units).avail[0, 2]


def test_state_options():
    timed = see("3m", MARINES, Options(state_timestep_number=True), None, 15).state
    assert timed.size == 49
    assert timed[-1] == 0.25
    short = see("3m", MARINES, Options(state_last_action=False)).state
    assert_allclose(short, see("3m", MARINES).state[:21])
    joined = see("3m", MARINES, Options(obs_instead_of_state=True))
    assert_allclose(joined.state, joined.obs.ravel())

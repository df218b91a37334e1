"""SMACv2's visibility by hand: ranges, cones and the memory of enemies found."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose

from marl.engine.facts.units import load_unit_types
from marl.engine.smac import observation, visibility
from marl.engine.smac.layout import ClientLayout, ClientUnits, empty_traits, make_layout
from marl.engine.smac.options import Quirks, Smacv2Options
from marl.engine.smac.visibility import Memory, empty_memory
from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from marl.engine.smacv2.teams import WeightedTeams
from marl.engine.smacv2.traits import PerAgentUniform
from marl.engine.world import NO_UNIT

NO_RANDOM = np.zeros(1, dtype=np.uint64)
ROW_ONLY = Quirks(unseen_hides_lower_ones=False)
Place = tuple[float, float]
FAR = (30.0, 30.0)


class Scene(NamedTuple):
    """Marines of a 2 v 3 battle, with their layout and memory."""

    layout: ClientLayout
    units: ClientUnits
    memory: Memory

    def look(self, order: tuple[int, ...] = (0, 1)) -> np.ndarray:
        """The enemies that each agent sees, [A,M], when the agents look in this order."""
        visibility.measure(self.layout, self.units, self.memory)
        self.memory.order[:] = order
        visibility.look(self.layout, self.units, self.memory, NO_RANDOM)
        return self.memory.visible.astype(int)

    def mask(self, agent: int) -> list[int]:
        """The enemies that an agent may attack."""
        out = np.zeros((self.layout.n_agents, self.layout.n_actions), dtype=np.bool_)
        visibility.measure(self.layout, self.units, self.memory)
        observation.write_mask(self.layout, self.units, self.memory.distance, out)
        return np.flatnonzero(out[agent, self.layout.first_target :]).tolist()


def scene(allies: list[Place], enemies: list[Place], kind: str = "Marine", **values) -> Scene:
    size = f"{len(allies)}_vs_{len(enemies)}"
    race = "protoss" if kind in ("Stalker", "Zealot", "Colossus") else "terran"
    scenario = make_generation(f"{race}_{size}", CapabilityConfig()).scenario()
    types = load_unit_types(scenario.unit_names)
    layout = make_layout(scenario, types, Smacv2Options(**values))
    n_units = len(allies) + len(enemies)
    index = scenario.unit_names.index(kind)
    x, y = (np.array(column, dtype=float) for column in zip(*allies, *enemies, strict=True))
    rest = np.zeros(n_units)
    units = ClientUnits(
        np.full(n_units, index),
        x,
        y,
        np.full(n_units, types.health[index]),
        rest,
        rest,
        rest,
        *(array[0] for array in empty_traits(layout, 1)),
    )
    memory = Memory(*(array[0] for array in empty_memory(layout, 1)))
    return Scene(layout, units, memory)


def test_an_enemy_nobody_has_found_hides_all_of_lower_index():
    """smacv2#50: enemies 0 and 1 are near, 2 is out of everybody's sight."""
    got = scene([(10, 16), (11, 16)], [(14, 16), (15, 16), FAR])
    assert got.look().tolist() == [[0, 0, 0], [0, 0, 0]]
    got.units.x[4], got.units.y[4] = 16.0, 16.0
    # Agent 0 finds enemy 2 in the row's last look, and with it sees all.
    assert got.look().tolist() == [[1, 1, 1], [1, 1, 1]]
    got.units.x[4], got.units.y[4] = FAR
    assert got.look().tolist() == [[1, 1, 0], [1, 1, 0]]  # once found, it hides nobody


def test_an_unseen_enemy_hides_itself_alone_where_fixed():
    got = scene([(10, 16), (11, 16)], [(14, 16), (15, 16), FAR], quirks=ROW_ONLY)
    assert got.look().tolist() == [[1, 1, 0], [1, 1, 0]]


def test_who_looks_before_an_enemy_is_found_does_not_see_what_hides_behind_it():
    """Only agent 1 is near enemy 2."""
    places = [(5, 16), (12, 16)], [(9, 16), (10, 16), (20, 16)]
    assert scene(*places).look((0, 1)).tolist() == [[0, 0, 0], [1, 1, 1]]
    assert scene(*places).look((1, 0)).tolist() == [[1, 1, 0], [1, 1, 1]]


def test_others_see_a_found_enemy_by_chance():
    """prob_obs_enemy 0.6: of the two draws, 0.7 fails and 0.5 does not."""
    got = scene([(10, 16)] * 3, [(12, 16)], prob_obs_enemy=0.6, quirks=ROW_ONLY)
    draws = np.array([0.7, 0.5])
    got = got._replace(memory=got.memory._replace(draws=draws))
    assert got.look((1, 0, 2)).ravel().tolist() == [0, 1, 1]  # drawn for agents 0 and 2
    alone = scene([(10, 16)] * 3, [(12, 16)], prob_obs_enemy=0.0, quirks=ROW_ONLY)
    assert alone.look((1, 0, 2)).ravel().tolist() == [0, 1, 0]


def test_what_a_dead_agent_found_must_be_found_anew():
    got = scene([(10, 16), (11, 16)], [(14, 16), (15, 16), FAR], quirks=ROW_ONLY)
    got.look((0, 1))
    assert got.memory.tag.tolist() == [0, 0, NO_UNIT]
    got.units.health[0] = 0.0
    visibility.forget_dead(got.layout, got.units, got.memory)
    assert got.memory.tag.tolist() == [NO_UNIT] * 3
    assert not got.memory.seen.any()
    assert got.look((0, 1)).tolist() == [[0, 0, 0], [1, 1, 0]]
    assert got.memory.tag.tolist() == [1, 1, NO_UNIT]


def test_a_dead_enemy_is_noticed_where_it_was_last_seen_alive():
    """Else it hides the others. It fell far from where the last observation had it."""
    got = scene([(10, 16), (11, 16)], [(14, 16), (15, 16), (16, 16)])
    got.look()
    got.units.health[4] = 0.0
    got.units.x[4], got.units.y[4] = FAR
    visibility.forget_dead(got.layout, got.units, got.memory)
    assert got.look().tolist() == [[1, 1, 0], [1, 1, 0]]  # (16, 16) is near
    got.units.x[:2] = 1.0, 2.0
    visibility.forget_dead(got.layout, got.units, got.memory)
    got.units.x[2] = 5.0  # near, but enemy 2's place is not
    assert got.look().tolist() == [[0, 0, 0], [0, 0, 0]]
    fixed = Quirks(dead_must_be_noticed=False)
    fine = scene([(1, 16), (2, 16)], [(5, 16), (15, 16), (16, 16)], quirks=fixed)
    fine.units.health[3:] = 0.0
    assert fine.look().tolist() == [[1, 0, 0], [1, 0, 0]]


def test_fully_observable_shows_even_the_far_but_not_past_an_unseen_one():
    places = [(10, 16), (11, 16)], [(14, 16), FAR, (16, 16)]
    assert scene(*places, fully_observable=True).look().tolist() == [[0, 0, 1]] * 2
    fixed = scene(*places, fully_observable=True, quirks=ROW_ONLY)
    assert fixed.look().tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize(
    ("kind", "values", "last", "sees_it"),
    [
        ("Marine", {}, 6.0, 9.0),
        ("Stalker", {"use_unit_ranges": True}, 6.0, 10.0),
        ("Zealot", {"use_unit_ranges": True}, 2.0, 9.0),  # 0.1, but at least 2
        ("Zealot", {"use_unit_ranges": True, "min_attack_range": 3.0}, 3.0, 9.0),
        ("Colossus", {"use_unit_ranges": True}, 7.0, 10.0),  # the client's, not the weapon's 6
    ],
)
def test_reach_and_sight(kind: str, values: dict, last: float, sees_it: float):
    near, beyond = (5 + last, 5.0), (5 + last + 0.01, 5.0)
    edge, inside = (5 + sees_it, 5.0), (5 + sees_it - 0.01, 5.0)
    got = scene([(5, 5)], [near, beyond, edge, inside], kind, quirks=ROW_ONLY, **values)
    assert got.mask(0) == [0]
    assert got.look((0,)).tolist() == [[1, 1, 0, 1]]


def test_without_an_action_mask_all_living_enemies_may_be_chosen():
    got = scene([(5, 5)], [(6, 5), FAR, (7, 5)], action_mask=False)
    got.units.health[3] = 0.0
    assert got.mask(0) == [0, 1]
    obs = np.zeros((1, got.layout.obs_dim), dtype=np.float32)
    avail = np.ones((1, got.layout.n_actions), dtype=np.bool_)
    got.memory.visible[:] = True
    observation.write_observations(got.layout, got.units, got.memory, avail, np.array([-1]), 0, obs)
    assert [obs[0, 4], obs[0, 4 + 8]] == [1, 0]  # the rows still tell which enemy is in range


def test_a_cone_of_thirty_degrees_to_the_east():
    def at(degrees: float, distance: float = 5.0) -> Place:
        angle = math.radians(degrees)
        return 16 + distance * math.cos(angle), 16 + distance * math.sin(angle)

    enemies = [at(0), at(14), at(-14), at(16), at(90), at(0, 9.01), at(0, 6.01)]
    for quirks in (ROW_ONLY, Quirks(unseen_hides_lower_ones=False, cone_folds_directions=False)):
        got = scene([(16, 16)], enemies, conic_fov=True, quirks=quirks)
        assert got.look((0,)).tolist() == [[1, 1, 1, 0, 0, 0, 1]]
        assert got.mask(0) == [0, 1, 2]


def test_the_client_s_cone_folds_over():
    """An agent that looks east also sees the west, one that looks to 60 degrees sees 100."""
    places = [(16 + 5 * math.cos(a), 16 + 5 * math.sin(a)) for a in np.radians([50, 100, 180])]
    true = Quirks(unseen_hides_lower_ones=False, cone_folds_directions=False)
    for quirks, at_0, at_60 in ((ROW_ONLY, [0, 0, 1], [1, 1, 0]), (true, [0, 0, 0], [1, 0, 0])):
        got = scene([(16, 16)], places, conic_fov=True, quirks=quirks)
        assert got.look((0,)).tolist() == [at_0]
        assert observation.turn_view(got.layout, got.units, 0, 6 + 2)  # the third of 12 directions
        assert got.look((0,)).tolist() == [at_60]


def test_turning_the_view_is_no_order():
    got = scene([(16, 16)], [FAR], conic_fov=True)
    assert [got.units.fov_x[0], got.units.fov_y[0]] == [1, 0]
    assert not observation.turn_view(got.layout, got.units, 0, 5)
    assert not observation.turn_view(got.layout, got.units, 0, 18)  # the attack
    assert observation.turn_view(got.layout, got.units, 0, 17)
    assert_allclose([got.units.fov_x[0], got.units.fov_y[0]], [math.sqrt(0.75), -0.5])


def test_capabilities_of_others_are_zero_where_they_are_not_observed():
    """The own block always has them; with a health level, health is the part above it."""
    places = [(10, 16), (12, 16)], [FAR]
    for seen in (True, False):
        numbers = PerAgentUniform(upper_bound=(0.5,), observe=seen)
        team_gen = WeightedTeams(observe=seen)
        config = CapabilityConfig(team_gen=team_gen, attack=numbers, health=numbers)
        got = scene(*places, capability_config=config)
        got.units.attack_probability[:] = 0.25, 0.75
        got.units.health_level[:] = 0.5, 0.2
        got.units.health[:2] = 36.0, 18.0  # of 45: 0.8 and 0.4
        obs = np.zeros((2, got.layout.obs_dim), dtype=np.float32)
        avail = np.zeros((2, got.layout.n_actions), dtype=np.bool_)
        got.look()
        observation.write_observations(
            got.layout, got.units, got.memory, avail, np.array([-1, -1]), 0, obs
        )
        ally = [1, 2 / 9, 2 / 9, 0, 0.25, 0.75, 0.2, 1, 0, 0]  # (0.4 - 0.2) / (1 - 0.2)
        if not seen:
            ally[4:] = [0] * 6
        assert_allclose(obs[0, 12:22], ally, rtol=1e-6)
        assert_allclose(obs[0, 22:], [0.6, 0.25, 0.5, 1, 0, 0], rtol=1e-6)


def test_a_reset_looks_once_before_what_is_shown_unless_fixed():
    """The first look finds the enemies, whatever the order; the second one shows them to all."""
    places = [(5, 16), (12, 16)], [(9, 16), (10, 16), (20, 16)]
    for twice, found in ((True, [True] * 3), (False, [False] * 3)):
        got = scene(*places, quirks=Quirks(reset_looks_twice=twice))
        got.units.fov_y[:] = 1.0
        observation.begin(got.layout, got.units, got.memory, np.ones(1, dtype=np.uint64))
        assert (got.memory.tag != NO_UNIT).tolist() == found
        assert got.units.fov_y.tolist() == [0, 0]
        assert got.look((0, 1)).tolist()[0] == ([1, 1, 0] if twice else [0, 0, 0])

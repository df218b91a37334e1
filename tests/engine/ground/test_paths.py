from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from arena import NAMES, TYPES, Arena

from marl.engine import rng
from marl.engine.combat import loop
from marl.engine.combat.enemy_script import make_enemy_script, start_enemy_script
from marl.engine.combat.spawn import fixed_units
from marl.engine.facts.choices import Choices
from marl.engine.facts.scenario import Scenario, load_scenario, load_terrain, scenario_names
from marl.engine.facts.units import load_unit_types
from marl.engine.field import make_field
from marl.engine.ground.geometry import (
    CROSSES_CLIFFS,
    CROSSES_NOTHING,
    CROSSES_WALLS,
    is_free_of_walls,
)
from marl.engine.ground.paths import DIRECT, NO_PATHS, Paths, make_paths, next_stop
from marl.engine.world import ORDER_MOVE, ORDER_NONE, empty_world

WINDING = ("corridor", "so_many_baneling", "2c_vs_64zg")  # scenarios with walls to walk round
NEXT = tuple(itertools.product((-1, 0, 1), repeat=2))
Point = tuple[float, float]


def starts(scenario: Scenario) -> tuple[Point, ...]:
    return tuple(group.at for group in scenario.groups)


def ground(name: str) -> tuple[np.ndarray, Paths, tuple[Point, ...]]:
    """A scenario's cells, paths and spawn points."""
    scenario = load_scenario(name)
    return scenario.walkable, make_paths(scenario.walkable, starts(scenario)), starts(scenario)


def way(paths: Paths, start: Point, goal: Point, crosses: int = CROSSES_NOTHING) -> list[Point]:
    """The waypoints from start to goal, both ends included."""
    layer = min(crosses, paths.cell.shape[0] - 1)
    at = paths.cell[layer, int(start[1]), int(start[0])]
    to = paths.cell[layer, int(goal[1]), int(goal[0])]
    stops = [start]
    while (waypoint := paths.first[layer, at, to]) != DIRECT:
        stops.append(
            (float(paths.waypoints[layer, waypoint, 0]), float(paths.waypoints[layer, waypoint, 1]))
        )
        at = paths.first.shape[2] + waypoint
    return [*stops, goal]


def length(stops: list[Point]) -> float:
    return sum(math.dist(one, other) for one, other in itertools.pairwise(stops))


def places(walkable: np.ndarray, unit: str, start: Point, draw: np.random.Generator) -> list[Point]:
    """Random places where the unit may stand that can be reached from `start`."""
    kind = NAMES.index(unit)
    reached = reachable(walkable, start)
    found: list[Point] = []
    while len(found) < 40:
        x, y = draw.uniform(0, 32, size=2)
        is_near = (round(2 * x), round(2 * y)) in reached
        if is_near and stands_free(walkable, x, y, kind):
            found.append((x, y))
    return found


def stands_free(walkable: np.ndarray, x: float, y: float, kind: int) -> bool:
    """Whether a unit of that type touches no wall at (x, y)."""
    return bool(is_free_of_walls(walkable, x, y, TYPES.inner_radius[kind], TYPES.crosses[kind]))


def reachable(walkable: np.ndarray, start: Point) -> set[tuple[int, int]]:
    """Half-cell grid points that a body of radius 0.5625 can get to: flood fill, by fourths."""

    def is_free(x: float, y: float) -> bool:
        return bool(is_free_of_walls(walkable, x / 4, y / 4, 0.5625, CROSSES_NOTHING))

    todo = [(round(4 * start[0]), round(4 * start[1]))]
    seen = set(todo)
    while todo:
        x, y = todo.pop()
        for at in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if at not in seen and is_free(*at):
                seen.add(at)
                todo.append(at)
    return {(x // 2, y // 2) for x, y in seen}


@pytest.mark.parametrize("unit", ["Zealot", "Stalker"])
@pytest.mark.parametrize("name", WINDING)
def test_a_unit_walks_from_anywhere_to_anywhere_by_a_short_way(name: str, unit: str):
    walkable, paths, (start, *_) = ground(name)
    draw = np.random.default_rng(5)
    ends = places(walkable, unit, start, draw)
    kind = NAMES.index(unit)
    for place, goal in itertools.pairwise(ends):
        arena = Arena([(unit, *place)], walkable=walkable, paths=paths)
        arena.order[0], arena.order_x[0], arena.order_y[0] = ORDER_MOVE, *goal
        for _ in range(math.ceil(1.3 * length(way(paths, place, goal)) / TYPES.speed[kind]) + 8):
            arena.run()
            at = arena.x[0], arena.y[0]
            assert stands_free(walkable, *at, kind)
        assert arena.order[0] == ORDER_NONE, (place, goal, at)
        assert at == pytest.approx(goal)


def march(name: str, loops: int) -> tuple[np.ndarray, np.ndarray]:
    """The enemies and the agents, that do not fight nor die, after so many loops."""
    scenario = load_scenario(name)
    types = load_unit_types(scenario.unit_names)
    paths = make_paths(scenario.walkable, starts(scenario))
    field = make_field(types.table, scenario.walkable, Choices().record(), paths)
    world = empty_world(1, scenario.count("ally") + scenario.count("enemy"))
    world.units[0] = fixed_units(scenario, types, field)
    units, n_agents = world.units[0], scenario.count("ally")
    # An attack-move would stop at the agents; one goes after the group in the ravine.
    is_hunt = scenario.enemy_order == "attack_group"
    units["health"][:n_agents] = 1e9 if is_hunt else 0.0
    enemy_script = make_enemy_script(scenario.enemy_order, scenario.attack_between)
    rng.seed_battle(units, world.rng[0], np.uint64(3))
    start_enemy_script(field, enemy_script, units, n_agents, world.rng[0])
    nobody = np.zeros(0, dtype=np.int64)
    loop.run_loops(field, enemy_script, units, world.rng[0], world.clock[0], loops, nobody, -1)
    return units[n_agents:], units[:n_agents]


# Ways of 40, 37 and up to 32 cells at 2.95 (banelings 2.5) cells a game-second, and some crowding.
@pytest.mark.parametrize(("name", "loops"), [("corridor", 300), ("so_many_baneling", 400)])
def test_a_wave_arrives_through_the_neck(name: str, loops: int):
    enemies, _ = march(name, loops)
    goal = load_scenario(name).attack_between[0]
    assert np.hypot(enemies["x"] - goal[0], enemies["y"] - goal[1]).max() < 9
    assert (enemies["order"] == ORDER_NONE).all()


def test_zerglings_run_round_the_cliff_and_crowd_around_the_colossi():
    enemies, agents = march("2c_vs_64zg", 320)
    assert (enemies["y"] > 14).all()  # on the plateau, or its ramps
    reach = 0.1 + 0.375 + 1.0
    gaps = np.hypot(enemies["x"][:, None] - agents["x"], enemies["y"][:, None] - agents["y"]).min(
        axis=1
    )
    assert (gaps <= reach).sum() >= 12  # a ring around each
    assert gaps.max() < 8


@pytest.mark.parametrize("name", scenario_names())
def test_where_units_begin_and_go_can_be_reached(name: str):
    scenario = load_scenario(name)
    reached = reachable(scenario.walkable, scenario.groups[0].at)
    points = {group.at for group in scenario.groups}
    if scenario.enemy_order == "attack_move":
        points |= set(scenario.attack_between)
    for x, y in points:
        assert any((round(2 * x) + dx, round(2 * y) + dy) in reached for dx, dy in NEXT)


@pytest.mark.parametrize("name", ["strip", "open", "octagon22", "octagon16", "pentagon"])
def test_where_nothing_is_in_the_way_there_are_no_tables(name: str):
    inside = ((14.0, 12.0),)  # of the ring; outside of it one would have to walk round
    assert make_paths(load_terrain(name).walkable, inside) is NO_PATHS


def test_a_way_goes_round_the_end_of_a_wall():
    walkable = np.ones((32, 32), dtype=np.uint8)
    walkable[16, :20] = 0
    paths = make_paths(walkable)
    stops = way(paths, (10.5, 14.5), (10.5, 18.5))
    # Round (20, 16) and (20, 17), 0.63 off: hardly longer than between those corners.
    ideal = math.dist((10.5, 14.5), (20, 16)) + 1 + math.dist((20, 17), (10.5, 18.5))
    assert ideal < length(stops) < ideal + 2
    assert max(x for x, _ in stops) > 20.5
    for one, other in itertools.pairwise(stops):
        for share in np.linspace(0, 1, 50):
            x, y = (np.array(one) * (1 - share) + np.array(other) * share).tolist()
            assert is_free_of_walls(walkable, x, y, 0.5, CROSSES_NOTHING)


def test_paths_of_a_terrain_are_made_once():
    walkable = load_terrain("corridor").walkable
    assert make_paths(walkable, ((19.0, 19.0),)) is make_paths(walkable.copy(), ((19.0, 19.0),))


def test_cliff_walkers_and_flyers_take_the_straight_way():
    _, paths, _ = ground("2c_vs_64zg")
    unit = empty_world(1, 1).units[0].view(np.recarray)[0]
    unit.x, unit.y = 16.0, 9.0
    for crosses, is_straight in (
        (CROSSES_NOTHING, False),
        (CROSSES_CLIFFS, True),
        (CROSSES_WALLS, True),
    ):
        assert next_stop(paths, unit, crosses, 16.0, 16.0)[2] is is_straight

"""The sizes, normalisers and switches of a scenario's observation, state and action mask.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_obs_size,
get_state_size, unit_shoot_range, unit_sight_range, unit_max_cooldown and what they call).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.combat.orders import FIRST_ATTACK
from marl.engine.compiled.reference import reference
from marl.engine.facts.scenario import Scenario
from marl.engine.ground.geometry import OPEN
from marl.engine.smac import options as opts
from marl.engine.smac.options import Options, Quirks
from marl.engine.world import Floats, Ints, UnitTypes

# Points at which obs_pathing_grid and obs_terrain_height read the ground, in move_amounts: (x, y).
# The last one, where the agent stands, is for heights only.
GROUND_POINTS = ((0, 2), (0, -2), (2, 0), (-2, 0), (1, 1), (-1, -1), (1, -1), (-1, 1), (0, 0))
N_PATHING = 8
N_HEIGHTS = 9

SIGHT = 9.0  # grid units, centre to centre, where unit types have no ranges of their own
SHOOT = 6.0
# With use_unit_ranges: (sight, reach), the reach before min_attack_range.
UNIT_RANGES = {
    "Baneling": (8.0, 0.25),
    "Colossus": (10.0, 7.0),
    "Hydralisk": (9.0, 5.0),
    "Marauder": (10.0, 6.0),
    "Marine": (9.0, 5.0),
    "Medivac": (11.0, 4.0),
    "Stalker": (10.0, 6.0),
    "Zealot": (9.0, 0.1),
    "Zergling": (8.0, 0.1),
}
HEALER = "Medivac"
ENERGY_MAX = 200.0

# The game's interface gives heights as bytes: -16 is 0, +16 is 255 (the python-sc2 convention).
HEIGHT_LOW, HEIGHT_SPAN = -16.0, 32.0

KIND = np.dtype(
    [
        ("ally_column", np.int64),  # of the type one-hot
        ("enemy_column", np.int64),
        ("health_max", np.float64),
        ("shield_max", np.float64),
        ("charge_max", np.float64),  # of the cooldown, loops; of a healer's energy
        ("sight", np.float64),  # an agent of this type sees strictly nearer than this
        ("reach", np.float64),  # and may attack or heal up to this
        ("heals", np.int64),  # 0 or 1
    ]
)


class Facts(NamedTuple):
    """The units of one battle as a client sees them; a dead unit has health 0.

    N = A + M units: the A agents first, then the M enemies. The second half is SMAC v2's.
    """

    kind: Ints  # [N] type index
    x: Floats  # [N]
    y: Floats
    health: Floats
    shield: Floats
    cooldown: Floats  # loops
    energy: Floats
    fov_x: Floats  # [A] the direction that the agent looks in
    fov_y: Floats
    attack_probability: Floats  # [A]
    health_level: Floats  # [A] share of its health at which an agent dies
    enemy_mask: NDArray[np.uint8]  # [A,M] 1 = the agent does not learn the enemy's health and type


class Traits(NamedTuple):
    """What SMAC v2's agents of E battles have besides the facts of the World; see `Facts`."""

    fov_x: Floats  # [E,A]
    fov_y: Floats
    attack_probability: Floats  # [E,A]
    health_level: Floats
    enemy_mask: NDArray[np.uint8]  # [E,A,M]


class Senses(NamedTuple):
    """Sizes, normalisers and options of one scenario's observation; see `make_senses`."""

    n_agents: int
    n_enemies: int
    n_actions: int
    n_fov: int  # actions that turn the view, before the targets
    first_target: int  # the action on target 0
    kinds: NDArray[np.record]  # [K] of KIND
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x]
    height: NDArray[np.float32]  # [H,W], 0..1, as the client looks it up
    episode_limit: int
    move_amount: float
    ahead: float  # how far ahead the mask tests a move
    type_bits: int
    ally_shields: int  # columns: 1 for race P, else 0
    enemy_shields: int
    others_health: bool
    own_health: bool
    others_actions: bool
    pathing: bool
    heights: bool
    timestep: bool
    own_place: bool
    starcraft: bool
    remembers: bool  # v2: an enemy must have been found, see marl.engine.smac.visibility
    sees_all: bool
    cone: float  # half the angle of the view cone; 0 = agents see all around
    fov: Floats  # [n_fov,2] the directions of the view
    find_chance: float  # prob_obs_enemy
    masks_reach: bool  # the mask holds what is in reach only
    attack: bool  # the attack capability has a column in the state and the own block
    attack_others: bool  # and others see its value
    health_level: bool
    health_level_others: bool
    types_others: bool  # others see the type
    masks_enemies: bool  # Facts.enemy_mask counts
    hides_lower: bool  # the quirks that are at work
    dead_noticed: bool
    looks_twice: bool
    cone_folds: bool
    unhurt_healed: bool
    heals_shown: bool
    state_actions: bool
    state_timestep: bool
    state_is_obs: bool
    obs_dim: int
    state_dim: int
    capability_dim: int


def make_senses(scenario: Scenario, types: UnitTypes, options: Options) -> Senses:
    """The sizes and normalisers of `scenario` under `options`."""
    opts.check(options)
    races, quirks, shown = scenario.races, options.quirks, options.shown
    n_agents, n_enemies = scenario.count("ally"), scenario.count("enemy")
    heals = HEALER in scenario.unit_names
    n_fov = options.num_fov_actions if options.conic_fov else 0
    n_targets = max(n_agents, n_enemies) if heals else n_enemies
    senses = Senses(
        n_agents=n_agents,
        n_enemies=n_enemies,
        n_actions=FIRST_ATTACK + n_fov + n_targets,
        n_fov=n_fov,
        first_target=FIRST_ATTACK + n_fov,
        kinds=_kinds(scenario, types, options),
        walkable=(scenario.walkable == OPEN).astype(np.uint8),
        height=_heights(scenario, quirks),
        episode_limit=scenario.episode_limit,
        move_amount=options.move_amount,
        ahead=options.move_amount * (0.5 if quirks.moves_tested_half_way else 1.0),
        type_bits=len(scenario.type_columns["ally"]),
        ally_shields=int(races["ally"] == "P"),
        enemy_shields=int(races["enemy"] == "P"),
        others_health=options.obs_all_health,
        own_health=options.obs_own_health or options.obs_all_health,
        others_actions=options.obs_last_action,
        pathing=options.obs_pathing_grid,
        heights=options.obs_terrain_height,
        timestep=options.obs_timestep_number,
        own_place=options.obs_own_pos,
        starcraft=options.obs_starcraft,
        remembers=options.client == "v2",
        sees_all=options.fully_observable,
        cone=math.pi / n_fov if n_fov else 0.0,
        fov=view_directions(n_fov),
        find_chance=options.prob_obs_enemy,
        masks_reach=options.action_mask,
        attack=shown.attack,
        attack_others=shown.attack and shown.attack_observed,
        health_level=shown.health,
        health_level_others=shown.health and shown.health_observed,
        types_others=shown.types_observed,
        masks_enemies=shown.enemy_mask,
        hides_lower=quirks.unseen_hides_lower_ones,
        dead_noticed=quirks.dead_must_be_noticed,
        looks_twice=quirks.reset_looks_twice,
        cone_folds=quirks.cone_folds_directions,
        unhurt_healed=quirks.unhurt_can_be_healed,
        heals_shown=quirks.heals_shown_as_attacks,
        state_actions=options.state_last_action,
        state_timestep=options.state_timestep_number,
        state_is_obs=options.obs_instead_of_state,
        obs_dim=0,
        state_dim=0,
        capability_dim=0,
    )
    gap = options.client == "v1" and quirks.timestep_leaves_a_gap
    senses = senses._replace(
        obs_dim=_obs_dim(senses, gap), capability_dim=capability_columns(senses)
    )
    return reference(senses._replace(state_dim=_state_dim(senses)))


def empty_traits(senses: Senses, num_envs: int) -> Traits:
    """Traits of num_envs battles in which every attack goes through and nothing is hidden."""
    agents = (num_envs, senses.n_agents)
    return Traits(
        fov_x=np.ones(agents),
        fov_y=np.zeros(agents),
        attack_probability=np.ones(agents),
        health_level=np.zeros(agents),
        enemy_mask=np.zeros((*agents, senses.n_enemies), dtype=np.uint8),
    )


def view_directions(count: int) -> Floats:
    """[count,2] the directions that actions turn the view to: a full turn from east over north."""
    angles = 2 * np.pi * (np.arange(count) / max(count, 1))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _kinds(scenario: Scenario, types: UnitTypes, options: Options) -> Any:
    """[K] of KIND, by the scenario's type index."""
    quirks, names = options.quirks, scenario.unit_names
    columns = scenario.type_columns
    enemy = columns["enemy" if quirks.enemy_types_swapped else "ally"]
    kinds: Any = np.zeros(len(names), dtype=KIND)
    for kind, name in zip(kinds, names, strict=True):
        at = names.index(name)
        kind["ally_column"] = _column(columns["ally"], name)
        kind["enemy_column"] = _column(enemy, name)
        kind["health_max"] = types.health[at]
        kind["shield_max"] = max(types.shield[at], 1.0)  # without a shield: 0 of 1
        kind["heals"] = name == HEALER
        if name == HEALER:
            kind["charge_max"] = ENERGY_MAX
        elif quirks.wrong_cooldown_limits:
            kind["charge_max"] = types.max_cooldown[at]
        else:
            kind["charge_max"] = max(types.period[at] + types.delay_max[at], 1.0)
        sight, reach = SIGHT, SHOOT
        if options.use_unit_ranges:
            sight, reach = UNIT_RANGES.get(name, (SIGHT, SHOOT))
            reach = max(reach, options.min_attack_range)
        kind["sight"], kind["reach"] = sight, reach
    return kinds


def _column(columns: tuple[str, ...], name: str) -> int:
    return columns.index(name) if name in columns else -1


def _heights(scenario: Scenario, quirks: Quirks) -> NDArray[np.float32]:
    """[H,W] the ground's height as obs_terrain_height shows it."""
    byte = np.clip(np.floor((scenario.height - HEIGHT_LOW) / HEIGHT_SPAN * 255), 0, 255)
    grid = byte[::-1] if quirks.height_grid_flipped else byte
    return np.ascontiguousarray(grid / 255, dtype=np.float32)


def capability_columns(senses: Senses) -> int:
    """Columns of an agent's own capabilities: attack, health level, type."""
    return senses.attack + senses.health_level + senses.type_bits


def _obs_dim(senses: Senses, gap: bool) -> int:
    if not senses.starcraft:
        return 1
    bits, allies = senses.type_bits, senses.n_agents - 1
    capabilities = capability_columns(senses)
    move = 4 + N_PATHING * senses.pathing + N_HEIGHTS * senses.heights
    enemy = 4 + bits + (1 + senses.enemy_shields) * senses.others_health
    ally = 4 + capabilities + (1 + senses.ally_shields) * senses.others_health
    ally += senses.n_actions * senses.others_actions
    own = capabilities + (1 + senses.ally_shields) * senses.own_health
    own += 2 * senses.own_place + 2 * (senses.n_fov > 0)
    time = (1 + gap) * senses.timestep
    return move + senses.n_enemies * enemy + allies * ally + own + time


def _state_dim(senses: Senses) -> int:
    if senses.state_is_obs:
        return senses.n_agents * senses.obs_dim
    ally = 4 + senses.ally_shields + capability_columns(senses) + 2 * (senses.n_fov > 0)
    enemy = 3 + senses.enemy_shields + senses.type_bits
    size = senses.n_agents * ally + senses.n_enemies * enemy
    size += senses.n_agents * senses.n_actions * senses.state_actions
    return size + int(senses.state_timestep)

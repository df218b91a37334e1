"""The layout of a scenario's observations, state and action mask: sizes, normalisers, switches.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py (get_obs_size,
get_state_size, unit_shoot_range, unit_sight_range, unit_max_cooldown and their callees).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.compiled.reference import reference
from marl.engine.combat.orders import FIRST_ATTACK
from marl.engine.facts.scenario import Scenario
from marl.engine.ground.geometry import OPEN
from marl.engine.smac.options import Options, Quirks, check_options, values_by_name
from marl.engine.world import Floats, Ints, UnitTypes

# Points at which obs_pathing_grid and obs_terrain_height read the ground, in move_amounts: (x, y).
# The last one, where the agent stands, is for heights only.
GROUND_POINTS = ((0, 2), (0, -2), (2, 0), (-2, 0), (1, 1), (-1, -1), (1, -1), (-1, 1), (0, 0))
N_PATHING = 8
N_HEIGHTS = 9

SIGHT_RANGE = 9.0  # grid units, centre to centre, of all unit types without use_unit_ranges
SHOOT_RANGE = 6.0

# The game's interface gives heights as bytes: -16 is 0, +16 is 255 (the python-sc2 convention).
HEIGHT_LOW, HEIGHT_SPAN = -16.0, 32.0

KIND = np.dtype(
    [
        ("ally_column", np.int64),  # of the type one-hot
        ("enemy_column", np.int64),
        ("health_max", np.float64),
        ("shield_max", np.float64),
        ("cooldown_max", np.float64),  # loops; of a healer its energy, shown in the same column
        ("sight_range", np.float64),  # an agent of this type sees strictly nearer than this
        ("shoot_range", np.float64),  # and may attack or heal up to this
        ("heals", np.int64),  # 0 or 1
    ]
)


class ClientUnits(NamedTuple):
    """The units of one battle as a SMAC client reads them; a dead unit has health 0.

    N = A + M units: the A agents first, then the M enemies. The second half is SMACv2's.
    """

    kind: Ints  # [N] type index
    x: Floats  # [N]
    y: Floats
    health: Floats
    shield: Floats
    cooldown: Floats  # loops
    energy: Floats
    fov_x: Floats  # [A] view direction, a unit vector
    fov_y: Floats
    attack_probability: Floats  # [A]
    health_level: Floats  # [A] fraction of its health at which an agent dies
    enemy_mask: NDArray[np.uint8]  # [A,M] 1: the agent does not observe the enemy's health and type


class Traits(NamedTuple):
    """The arrays of SMACv2's agents beside those of the World, of E battles; see `ClientUnits`."""

    fov_x: Floats  # [E,A]
    fov_y: Floats
    attack_probability: Floats  # [E,A]
    health_level: Floats
    enemy_mask: NDArray[np.uint8]  # [E,A,M]


class ClientLayout(NamedTuple):
    """Sizes and normalisers of one scenario, and the options that the compiled functions read.

    A field with the name of an option, a quirk or a capability holds its value:
    marl.engine.smac.options has the meanings.
    """

    n_agents: int
    n_enemies: int
    n_actions: int
    n_fov_actions: int  # actions that turn the view, before the targets; 0 = agents see all around
    first_target: int  # the action on target 0
    kinds: NDArray[np.record]  # [K] of KIND
    walkable: NDArray[np.uint8]  # [H,W], indexed [y,x]
    height: NDArray[np.float32]  # [H,W], 0..1, as the client looks it up
    episode_limit: int
    move_amount: float
    move_check_distance: float  # how far ahead the mask tests a move
    type_bits: int
    ally_shields: int  # columns: 1 for race P, else 0
    enemy_shields: int
    is_v2: bool  # SMACv2's client, whose agents must find an enemy: marl.engine.smac.visibility
    cone_half_angle: float  # of the view cone
    fov_directions: Floats  # [n_fov_actions,2]
    obs_all_health: bool
    obs_own_health: bool
    obs_last_action: bool
    obs_pathing_grid: bool
    obs_terrain_height: bool
    obs_timestep_number: bool
    obs_own_pos: bool
    obs_starcraft: bool
    obs_instead_of_state: bool
    state_last_action: bool
    state_timestep_number: bool
    fully_observable: bool
    prob_obs_enemy: float
    action_mask: bool
    stochastic_attack: bool
    observe_attack_probs: bool
    stochastic_health: bool
    observe_teammate_health: bool
    observe_teammate_types: bool
    mask_enemies: bool
    unseen_hides_lower_ones: bool
    dead_must_be_noticed: bool
    reset_looks_twice: bool
    cone_folds_directions: bool
    unhurt_can_be_healed: bool
    heals_shown_as_attacks: bool
    obs_dim: int
    state_dim: int
    capability_dim: int


def make_layout(scenario: Scenario, types: UnitTypes, options: Options) -> ClientLayout:
    """The layout of `scenario` under `options`."""
    check_options(options)
    values, quirks = values_by_name(options), options.quirks
    n_agents, n_enemies = scenario.count("ally"), scenario.count("enemy")
    n_fov_actions = values["num_fov_actions"] if values["conic_fov"] else 0
    n_targets = max(n_agents, n_enemies) if (types.heal_rate > 0).any() else n_enemies
    values |= {
        "obs_own_health": options.obs_own_health or options.obs_all_health,
        "n_agents": n_agents,
        "n_enemies": n_enemies,
        "n_actions": FIRST_ATTACK + n_fov_actions + n_targets,
        "n_fov_actions": n_fov_actions,
        "first_target": FIRST_ATTACK + n_fov_actions,
        "kinds": _kinds(scenario, types, values),
        "walkable": (scenario.walkable == OPEN).astype(np.uint8),
        "height": _heights(scenario, quirks),
        "episode_limit": scenario.episode_limit,
        "move_check_distance": options.move_amount * (0.5 if quirks.moves_tested_half_way else 1.0),
        "type_bits": len(scenario.type_columns["ally"]),
        "ally_shields": int(scenario.races["ally"] == "P"),
        "enemy_shields": int(scenario.races["enemy"] == "P"),
        "is_v2": options.client == "v2",
        "cone_half_angle": math.pi / n_fov_actions if n_fov_actions else 0.0,
        "fov_directions": view_directions(n_fov_actions),
        "obs_dim": 0,
        "state_dim": 0,
        "capability_dim": 0,
    }
    layout = ClientLayout(**{name: values[name] for name in ClientLayout._fields})
    gap = options.client == "v1" and quirks.timestep_leaves_a_gap
    layout = layout._replace(
        obs_dim=_obs_dim(layout, gap), capability_dim=capability_columns(layout)
    )
    return reference(layout._replace(state_dim=_state_dim(layout)))


def empty_traits(layout: ClientLayout, num_envs: int) -> Traits:
    """Traits of num_envs battles in which no attack fails and no enemy is masked."""
    agents = (num_envs, layout.n_agents)
    return Traits(
        fov_x=np.ones(agents),
        fov_y=np.zeros(agents),
        attack_probability=np.ones(agents),
        health_level=np.zeros(agents),
        enemy_mask=np.zeros((*agents, layout.n_enemies), dtype=np.uint8),
    )


def view_directions(count: int) -> Floats:
    """[count,2] the view directions: a full turn from east over north."""
    angles = 2 * np.pi * (np.arange(count) / max(count, 1))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _kinds(scenario: Scenario, types: UnitTypes, values: dict[str, Any]) -> Any:
    """[K] of KIND, by the scenario's type index. values: see `values_by_name`."""
    names = scenario.unit_names
    columns = scenario.type_columns
    enemy = columns["enemy" if values["enemy_types_swapped"] else "ally"]
    kinds: Any = np.zeros(len(names), dtype=KIND)
    heals = types.heal_rate > 0
    for at, (kind, name) in enumerate(zip(kinds, names, strict=True)):
        kind["ally_column"] = _column(columns["ally"], name)
        kind["enemy_column"] = _column(enemy, name)
        kind["health_max"] = types.health[at]
        kind["shield_max"] = max(types.shield[at], 1.0)  # without a shield: 0 of 1
        kind["heals"] = heals[at]
        if heals[at]:
            kind["cooldown_max"] = types.energy_max[at]
        elif values["wrong_cooldown_limits"]:
            kind["cooldown_max"] = types.client_max_cooldown[at]
        else:
            kind["cooldown_max"] = max(types.period[at] + types.delay_max[at], 1.0)
        sight_range, shoot_range = SIGHT_RANGE, SHOOT_RANGE
        if values["use_unit_ranges"]:
            sight_range = types.client_sight_range[at]
            shoot_range = max(types.client_shoot_range[at], values["min_attack_range"])
        kind["sight_range"], kind["shoot_range"] = sight_range, shoot_range
    return kinds


def _column(columns: tuple[str, ...], name: str) -> int:
    return columns.index(name) if name in columns else -1


def _heights(scenario: Scenario, quirks: Quirks) -> NDArray[np.float32]:
    """[H,W] the ground's height for obs_terrain_height, 0..1."""
    byte = np.clip(np.floor((scenario.height - HEIGHT_LOW) / HEIGHT_SPAN * 255), 0, 255)
    grid = byte[::-1] if quirks.height_grid_flipped else byte
    return np.ascontiguousarray(grid / 255, dtype=np.float32)


def capability_columns(layout: ClientLayout) -> int:
    """Columns of an agent's own capabilities: attack, health level, type."""
    return layout.stochastic_attack + layout.stochastic_health + layout.type_bits


def _obs_dim(layout: ClientLayout, gap: bool) -> int:
    if not layout.obs_starcraft:
        return 1
    bits, allies = layout.type_bits, layout.n_agents - 1
    capabilities = capability_columns(layout)
    move = 4 + N_PATHING * layout.obs_pathing_grid + N_HEIGHTS * layout.obs_terrain_height
    enemy = 4 + bits + (1 + layout.enemy_shields) * layout.obs_all_health
    ally = 4 + capabilities + (1 + layout.ally_shields) * layout.obs_all_health
    ally += layout.n_actions * layout.obs_last_action
    own = capabilities + (1 + layout.ally_shields) * layout.obs_own_health
    own += 2 * layout.obs_own_pos + 2 * (layout.n_fov_actions > 0)
    time = (1 + gap) * layout.obs_timestep_number
    return move + layout.n_enemies * enemy + allies * ally + own + time


def _state_dim(layout: ClientLayout) -> int:
    if layout.obs_instead_of_state:
        return layout.n_agents * layout.obs_dim
    ally = 4 + layout.ally_shields + capability_columns(layout) + 2 * (layout.n_fov_actions > 0)
    enemy = 3 + layout.enemy_shields + layout.type_bits
    size = layout.n_agents * ally + layout.n_enemies * enemy
    size += layout.n_agents * layout.n_actions * layout.state_last_action
    return size + int(layout.state_timestep_number)

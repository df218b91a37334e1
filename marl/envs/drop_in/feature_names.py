"""Names of the columns of observations and states, as the official clients call them.

Sources: oxwhirl/smac @d6aab33 (ally_state_attr_names, enemy_state_attr_names) and oxwhirl/smacv2
@577ab5a (build_obs_feature_names, build_state_feature_names), starcraft2.py. v1 has no names for
observations and states; its columns are named as v2's.
"""

from __future__ import annotations

from marl.engine.smac.layout import N_HEIGHTS, N_PATHING, ClientLayout

MOVES = ("north", "south", "east", "west")
GAP = "unused"  # the column that stays 0: Quirks.timestep_leaves_a_gap


def agent_features(layout: ClientLayout) -> list[str]:
    """get_env_info's agent_features, one for each column of an agent in the state.

    As in the client, the view direction comes before the capabilities here, in the state after
    attack probability and health level.
    """
    names = ["health", "energy/cooldown", "rel_x", "rel_y"]
    names += ["shield"] * layout.ally_shields
    if layout.n_fov_actions:
        names += ["fov_x", "fov_y"]
    names += ["attack_probability"] * layout.stochastic_attack
    names += ["total_health"] * layout.stochastic_health
    return [*names, *_bits("type", layout)]


def enemy_features(layout: ClientLayout) -> list[str]:
    """get_env_info's enemy_features, one for each column of an enemy in the state."""
    names = ["health", "rel_x", "rel_y"] + ["shield"] * layout.enemy_shields
    return [*names, *_bits("type", layout)]


def state_feature_names(layout: ClientLayout) -> list[str]:
    """A name for each column of the state, without obs_instead_of_state."""
    names: list[str] = []
    for a in range(layout.n_agents):
        columns = ["health", "cooldown", "relative_x", "relative_y"]
        columns += ["shield"] * layout.ally_shields + _capabilities(layout)
        columns += ["fov_x", "fov_y"] if layout.n_fov_actions else []
        names += [f"ally_{column}_{a}" for column in columns]
        names += _bits(f"ally_unit_type_{a}_bit", layout)
    for j in range(layout.n_enemies):
        columns = ["health", "relative_x", "relative_y"] + ["shield"] * layout.enemy_shields
        names += [f"enemy_{column}_{j}" for column in columns]
        names += _bits(f"enemy_unit_type_{j}_bit", layout)
    if layout.state_last_action:
        for a in range(layout.n_agents):
            names += _actions(a, layout)
    return names + ["timestep"] * layout.state_timestep_number


def obs_feature_names(layout: ClientLayout, gap: bool) -> list[str]:
    """A name for each column of agent 0's observation; others have agent 0 in another's place.

    gap: whether a column that stays 0 comes before the time step's.
    """
    names: list[str] = []
    if layout.obs_starcraft:
        names += move_row(layout)
        for j in range(layout.n_enemies):
            names += enemy_row(j, layout)
        for a in range(1, layout.n_agents):
            names += ally_row(a, layout)
        names += own_row(layout)
    return names + [GAP] * gap + ["timestep"] * layout.obs_timestep_number


def move_row(layout: ClientLayout) -> list[str]:
    """The columns of the possible moves and the ground around."""
    names = [f"move_action_{direction}" for direction in MOVES]
    names += [f"pathing_grid_{n}" for n in range(N_PATHING * layout.obs_pathing_grid)]
    return names + [f"terrain_height_{n}" for n in range(N_HEIGHTS * layout.obs_terrain_height)]


def enemy_row(j: int, layout: ClientLayout) -> list[str]:
    """The columns of enemy j."""
    columns = ["shootable", "distance", "relative_x", "relative_y"]
    columns += (["health"] + ["shield"] * layout.enemy_shields) * layout.obs_all_health
    names = [f"enemy_{column}_{j}" for column in columns]
    return names + _bits(f"enemy_unit_type_{j}_bit", layout)


def ally_row(a: int, layout: ClientLayout) -> list[str]:
    """The columns of another agent, a."""
    columns = ["visible", "distance", "relative_x", "relative_y"]
    columns += (["health"] + ["shield"] * layout.ally_shields) * layout.obs_all_health
    columns += _capabilities(layout)
    names = [f"ally_{column}_{a}" for column in columns]
    names += _bits(f"ally_unit_type_{a}_bit", layout)
    return names + (_actions(a, layout) if layout.obs_last_action else [])


def own_row(layout: ClientLayout) -> list[str]:
    """The columns of the agent itself."""
    columns = (["health"] + ["shield"] * layout.ally_shields) * layout.obs_own_health
    columns += _capabilities(layout)
    columns += ["pos_x", "pos_y"] * layout.obs_own_pos
    columns += ["fov_x", "fov_y"] if layout.n_fov_actions else []
    return [f"own_{column}" for column in columns] + _bits("own_unit_type_bit", layout)


def _capabilities(layout: ClientLayout) -> list[str]:
    return ["attack_prob"] * layout.stochastic_attack + ["health_level"] * layout.stochastic_health


def _bits(name: str, layout: ClientLayout) -> list[str]:
    return [f"{name}_{bit}" for bit in range(layout.type_bits)]


def _actions(a: int, layout: ClientLayout) -> list[str]:
    return [f"ally_last_action_{a}_action_{action}" for action in range(layout.n_actions)]

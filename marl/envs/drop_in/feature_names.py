"""What each column of an observation and of a state is, in the words of the official clients.

Sources: oxwhirl/smac @d6aab33 (ally_state_attr_names, enemy_state_attr_names) and oxwhirl/smacv2
@577ab5a (build_obs_feature_names, build_state_feature_names), starcraft2.py. v1 has no names for
observations and states; its columns are called as v2's.
"""

from __future__ import annotations

from marl.engine.smac.layout import N_HEIGHTS, N_PATHING, Senses

MOVES = ("north", "south", "east", "west")
GAP = "unused"  # the column that stays 0: Quirks.timestep_leaves_a_gap


def agent_features(senses: Senses) -> list[str]:
    """get_env_info's agent_features: as many as an agent has columns in the state.

    As in the client, the view's direction stands before the capabilities here, and after attack
    probability and health level in the state.
    """
    names = ["health", "energy/cooldown", "rel_x", "rel_y"]
    names += ["shield"] * senses.ally_shields
    if senses.n_fov:
        names += ["fov_x", "fov_y"]
    names += ["attack_probability"] * senses.attack
    names += ["total_health"] * senses.health_level
    return [*names, *_bits("type", senses)]


def enemy_features(senses: Senses) -> list[str]:
    """get_env_info's enemy_features: one for each column that an enemy has in the state."""
    names = ["health", "rel_x", "rel_y"] + ["shield"] * senses.enemy_shields
    return [*names, *_bits("type", senses)]


def state_feature_names(senses: Senses) -> list[str]:
    """One for each column of the state; not for a state of observations (obs_instead_of_state)."""
    names: list[str] = []
    for a in range(senses.n_agents):
        columns = ["health", "cooldown", "relative_x", "relative_y"]
        columns += ["shield"] * senses.ally_shields + _capabilities(senses)
        columns += ["fov_x", "fov_y"] if senses.n_fov else []
        names += [f"ally_{column}_{a}" for column in columns]
        names += _bits(f"ally_unit_type_{a}_bit", senses)
    for j in range(senses.n_enemies):
        columns = ["health", "relative_x", "relative_y"] + ["shield"] * senses.enemy_shields
        names += [f"enemy_{column}_{j}" for column in columns]
        names += _bits(f"enemy_unit_type_{j}_bit", senses)
    if senses.state_actions:
        for a in range(senses.n_agents):
            names += _actions(a, senses)
    return names + ["timestep"] * senses.state_timestep


def obs_feature_names(senses: Senses, gap: bool) -> list[str]:
    """One for each column of agent 0's observation; other agents see agent 0 in another's place.

    gap: whether a column stays 0 before the time step's.
    """
    names: list[str] = []
    if senses.starcraft:
        names += move_row(senses)
        for j in range(senses.n_enemies):
            names += enemy_row(j, senses)
        for a in range(1, senses.n_agents):
            names += ally_row(a, senses)
        names += own_row(senses)
    return names + [GAP] * gap + ["timestep"] * senses.timestep


def move_row(senses: Senses) -> list[str]:
    """The columns about where the agent may go, and the ground around it."""
    names = [f"move_action_{direction}" for direction in MOVES]
    names += [f"pathing_grid_{n}" for n in range(N_PATHING * senses.pathing)]
    return names + [f"terrain_height_{n}" for n in range(N_HEIGHTS * senses.heights)]


def enemy_row(j: int, senses: Senses) -> list[str]:
    """The columns about enemy j."""
    columns = ["shootable", "distance", "relative_x", "relative_y"]
    columns += (["health"] + ["shield"] * senses.enemy_shields) * senses.others_health
    names = [f"enemy_{column}_{j}" for column in columns]
    return names + _bits(f"enemy_unit_type_{j}_bit", senses)


def ally_row(a: int, senses: Senses) -> list[str]:
    """The columns about another agent, a."""
    columns = ["visible", "distance", "relative_x", "relative_y"]
    columns += (["health"] + ["shield"] * senses.ally_shields) * senses.others_health
    columns += _capabilities(senses)
    names = [f"ally_{column}_{a}" for column in columns]
    names += _bits(f"ally_unit_type_{a}_bit", senses)
    return names + (_actions(a, senses) if senses.others_actions else [])


def own_row(senses: Senses) -> list[str]:
    """The columns about the agent itself."""
    columns = (["health"] + ["shield"] * senses.ally_shields) * senses.own_health
    columns += _capabilities(senses)
    columns += ["pos_x", "pos_y"] * senses.own_place
    columns += ["fov_x", "fov_y"] if senses.n_fov else []
    return [f"own_{column}" for column in columns] + _bits("own_unit_type_bit", senses)


def _capabilities(senses: Senses) -> list[str]:
    return ["attack_prob"] * senses.attack + ["health_level"] * senses.health_level


def _bits(name: str, senses: Senses) -> list[str]:
    return [f"{name}_{bit}" for bit in range(senses.type_bits)]


def _actions(a: int, senses: Senses) -> list[str]:
    return [f"ally_last_action_{a}_action_{action}" for action in range(senses.n_actions)]

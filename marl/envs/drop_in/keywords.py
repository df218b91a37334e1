"""The keywords of the official clients' constructors: their signature, and what the engine takes.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from inspect import Parameter, Signature
from types import MappingProxyType
from typing import Any, TypeVar

from marl.engine.smac.options import OURS, Options
from marl.engine.smacv2.generation import SECTION
from marl.envs.smac_options import ClientConfig
from marl.errors import EnvError
from marl.program import PROGRAM

Config = TypeVar("Config", bound=ClientConfig)

NO_GAME = "battles are fought by this package's engine, not by the game"
NO_REPLAY = f"nothing is recorded here; {PROGRAM} replay makes replays (docs/replays.md)"
NO_SKILL = "the enemies follow their map's orders, in which this has no part"
NO_LOG = "nothing is logged; read get_obs, get_state and what step returns instead"
# Keywords that only the game could obey: the client's default, and why there is no other.
GAME_ONLY: dict[str, tuple[object, str]] = {
    "difficulty": ("7", NO_SKILL),
    "game_version": (None, NO_GAME),
    "replay_dir": ("", NO_REPLAY),
    "replay_prefix": ("", NO_REPLAY),
    "window_size_x": (1920, NO_GAME),
    "window_size_y": (1200, NO_GAME),
    "debug": (False, NO_LOG),
}
# Keywords that the classes here obey, not the engine, and their defaults.
OF_THE_CLASS: dict[str, object] = {
    "map_name": "8m",
    "seed": None,
    "heuristic_ai": False,
    "heuristic_rest": False,
}
NOTHING: Mapping[str, Any] = MappingProxyType({})
# v2's order; v1's is the same without what it does not have.
ORDER = """
map_name step_mul move_amount difficulty game_version seed continuing_episode obs_all_health
obs_own_health obs_last_action obs_pathing_grid obs_terrain_height obs_instead_of_state
obs_timestep_number obs_own_pos obs_starcraft conic_fov num_fov_actions state_last_action
state_timestep_number reward_sparse reward_only_positive reward_death_value reward_win reward_defeat
reward_negative_scale reward_scale reward_scale_rate use_unit_ranges min_attack_range
kill_unit_step_mul fully_observable capability_config replay_dir replay_prefix window_size_x
window_size_y heuristic_ai heuristic_rest debug prob_obs_enemy action_mask
"""


def signature_of(options: type[Options]) -> Signature:
    """The constructor's signature of the client that has these options."""
    defaults = {item.name: item.default for item in fields(options) if item.name not in OURS}
    if SECTION in defaults:
        defaults[SECTION] = NOTHING
    defaults |= OF_THE_CLASS | {name: default for name, (default, _) in GAME_ONLY.items()}
    kind = Parameter.POSITIONAL_OR_KEYWORD
    names = sorted(defaults, key=ORDER.split().index)
    return Signature([Parameter(name, kind, default=defaults[name]) for name in names])


def bind(
    signature: Signature, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """The value of every keyword of a call; TypeError where it does not fit the signature."""
    bound = signature.bind(*arguments, **keywords)
    bound.apply_defaults()
    return dict(bound.arguments)


def engine_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's part of the client's keywords, under the names of our configs.

    Refuses a keyword that would do nothing.
    """
    for name, (default, why) in GAME_ONLY.items():
        if given[name] != default:
            raise EnvError(f"{name}={given[name]!r}: {why}; leave it at {default!r}")
    if given["heuristic_rest"] and not given["heuristic_ai"]:
        raise EnvError("heuristic_rest=True: says how heuristic_ai plays; set heuristic_ai=True")
    passed = {k: value for k, value in given.items() if k not in (*GAME_ONLY, *OF_THE_CLASS)}
    return {"map": given["map_name"], **passed}


def with_truncation(config: Config) -> Config:
    """`config` with an episode limit that truncates.

    So a battle that the limit ended differs from one that was decided in its last step.
    """
    return replace(config, continuing_episode=True)

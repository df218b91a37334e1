"""The options of a battle as SMAC's two clients name and set them, and the clients' bugs by name.

Sources: oxwhirl/smac @d6aab33 ("v1") and oxwhirl/smacv2 @577ab5a ("v2"), starcraft2.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from marl.errors import EnvError


@dataclass(frozen=True)
class Quirks:
    """The clients' known bugs that show; True keeps a bug in the client that has it.

    False mends it, and is refused with a client that has not got the bug; who has it stands in
    brackets.
    """

    # [v1] reward_only_positive pays the absolute value of what the enemies lost, so that shields
    # which regenerate pay too (oxwhirl/smac#72). Mended, as in v2: never below 0.
    regeneration_pays: bool = True
    # [v1] An enemy's stalker and zealot columns are exchanged against an ally's (oxwhirl/smac#33).
    enemy_types_swapped: bool = True
    # [v1] obs_timestep_number adds a column that stays 0 before the one with the value.
    timestep_leaves_a_gap: bool = True
    # [v1, v2] The state's cooldowns are divided by the client's table, where stalker and colossus
    # are exchanged and hydralisks have too little, so that they exceed 1. Mended: by the longest
    # cooldown of the unit type's weapon.
    wrong_cooldown_limits: bool = True
    # [v1, v2] reward_sparse's 1 and -1 are divided like the dense reward: 0.0548 on 3m.
    sparse_reward_scaled: bool = True
    # [v1, v2] obs_terrain_height reads the map upside down.
    height_grid_flipped: bool = True
    # [v1, v2] The mask tests moves only half as far as they go.
    moves_tested_half_way: bool = True
    # [v1, v2] A medivac's mask offers to heal units that lack nothing.
    unhurt_can_be_healed: bool = True
    # [v1, v2] In a medivac's observation, "can be attacked" of enemy j says that agent j can be
    # healed. Mended: 0.
    heals_shown_as_attacks: bool = True
    # [v2] An enemy that an agent may not see yet hides all enemies of lower index from it
    # (oxwhirl/smacv2#50). Mended: it hides itself alone.
    unseen_hides_lower_ones: bool = True
    # [v2] Dead enemies take part: they are noticed where they fell, and hide others until then.
    dead_must_be_noticed: bool = True
    # [v2] reset makes observations that no training loop reads, before those that it does, so the
    # first ones shown are made by agents who have looked around already.
    reset_looks_twice: bool = True
    # [v2] conic_fov compares arctangents of slopes: who looks east sees the west too, and who looks
    # to any side of north or south also sees what lies just beyond it. Mended: the angle between
    # the two directions.
    cone_folds_directions: bool = True


QUIRKS_OF_ONE = {
    "v1": ("regeneration_pays", "enemy_types_swapped", "timestep_leaves_a_gap"),
    "v2": (
        "unseen_hides_lower_ones",
        "dead_must_be_noticed",
        "reset_looks_twice",
        "cone_folds_directions",
    ),
}


@dataclass(frozen=True)
class Shown:
    """What v2's capability_config shows: per key, whether it is set and whether others see it."""

    attack: bool = False  # agents whose attacks fail by chance
    attack_observed: bool = False
    health: bool = False  # agents that die before their health is gone
    health_observed: bool = False
    types_observed: bool = True  # team_gen's `observe`; always so on maps with fixed teams
    enemy_mask: bool = False  # agents that do not learn some enemies' health and type


@dataclass(frozen=True)
class Options:
    """Names, meanings and defaults of the clients' constructors.

    Ours: client, reward_deaths_only, quirks, shown.
    """

    client: Literal["v1", "v2"] = "v1"
    step_mul: int = 8  # game loops per step
    move_amount: float = 2.0  # length of a move order
    continuing_episode: bool = False  # reaching the episode limit truncates, not terminates
    obs_all_health: bool = True  # health and shield of others; implies obs_own_health
    obs_own_health: bool = True
    obs_last_action: bool = False  # the other agents' last actions
    obs_pathing_grid: bool = False  # whether eight points around are walkable
    obs_terrain_height: bool = False  # the ground's height at these and below the agent
    obs_instead_of_state: bool = False  # the state is all observations
    obs_timestep_number: bool = False  # steps taken / episode limit
    obs_own_pos: bool = False  # v2: the agent's own place on the map
    obs_starcraft: bool = True  # v2: False leaves nothing but the time step
    conic_fov: bool = False  # v2: agents see and shoot a cone only, and turn it by actions
    num_fov_actions: int = 12  # directions to look in; the cone is a full turn / this wide
    use_unit_ranges: bool = False  # v2: each unit type's own sight and reach, not 9 and 6
    min_attack_range: float = 2.0  # with use_unit_ranges, the least reach
    kill_unit_step_mul: int = (
        2  # v2, health capability: loops of a step after weak units are killed
    )
    fully_observable: bool = False  # v2: agents see however far
    prob_obs_enemy: float = 1.0  # v2: chance to see an enemy that another agent has found
    action_mask: bool = True  # v2: False lets every living enemy be chosen; too far is no order
    state_last_action: bool = True
    state_timestep_number: bool = False
    reward_sparse: bool = False  # 1 for a win, -1 for a loss, nothing else
    reward_only_positive: bool = True  # False: what the agents suffer counts against them
    # Only deaths on both sides and the outcome pay; needs reward_only_positive=False. What LAGMA
    # calls sparse (aailabkaist/LAGMA @40d5249, its second client).
    reward_deaths_only: bool = False
    reward_death_value: float = 10.0
    reward_win: float = 200.0
    reward_defeat: float = 0.0
    reward_negative_scale: float = 0.5  # weight of the agents' own losses
    reward_scale: bool = True  # so that max_reward becomes reward_scale_rate
    reward_scale_rate: float = 20.0
    quirks: Quirks = field(default_factory=Quirks)
    shown: Shown = field(default_factory=Shown)


V2_ONLY = (
    "obs_own_pos",
    "obs_starcraft",
    "conic_fov",
    "num_fov_actions",
    "use_unit_ranges",
    "min_attack_range",
    "kill_unit_step_mul",
    "fully_observable",
    "prob_obs_enemy",
    "action_mask",
    "shown",
)


def values_by_name(options: Options) -> dict[str, Any]:
    """Every option's value by its name, the quirks and the capabilities too."""
    shown = options.shown
    return {
        **{item.name: getattr(options, item.name) for item in fields(options)},
        **{item.name: getattr(options.quirks, item.name) for item in fields(options.quirks)},
        "stochastic_attack": shown.attack,
        "observe_attack_probs": shown.attack and shown.attack_observed,
        "stochastic_health": shown.health,
        "observe_teammate_health": shown.health and shown.health_observed,
        "observe_teammate_types": shown.types_observed,
        "mask_enemies": shown.enemy_mask,
    }


def check_options(options: Options) -> None:
    """Refuse options that contradict each other or that their client does not have."""
    if options.client == "v1":
        defaults = Options()
        for item in fields(Options):
            if item.name in V2_ONLY and getattr(options, item.name) != getattr(defaults, item.name):
                raise EnvError(f"{item.name}: an option of SMAC v2's client, not of v1's")
    for client, names in QUIRKS_OF_ONE.items():
        for name in names:
            if client != options.client and not getattr(options.quirks, name):
                raise EnvError(f"quirks.{name}: a bug of SMAC {client}'s client alone; leave it")
    if not options.obs_starcraft and not options.obs_timestep_number:
        raise EnvError("obs_starcraft=False leaves nothing to observe without obs_timestep_number")
    if options.conic_fov and options.num_fov_actions < 2:
        raise EnvError(f"num_fov_actions={options.num_fov_actions}: needs at least 2 directions")
    if options.reward_deaths_only and (options.reward_only_positive or options.reward_sparse):
        raise EnvError(
            "reward_deaths_only needs reward_only_positive=False and reward_sparse=False"
        )
    if options.shown.health and not options.reward_only_positive:
        raise EnvError("reward_only_positive=False: not with the health capability, as in v2")

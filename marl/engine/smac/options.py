"""The options of a battle as SMAC's two clients name them, and the clients' known bugs.

Every option is declared here alone: name, default, bounds, meaning. The environments' configs
(marl/envs/smac_options.py) inherit from these classes, the engine takes them as they are.
Bounds are metadata of the fields, checked by marl.config.schema.parse: low <= value <= high,
value > above.
Sources: oxwhirl/smac @d6aab33 ("v1") and oxwhirl/smacv2 @577ab5a ("v2"), starcraft2.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from marl.engine.smacv2.generation import CapabilityConfig
from marl.errors import EnvError


def _bug_of(*clients: str) -> Any:
    """A field of Quirks; `clients` have the bug."""
    return field(default=True, metadata={"clients": clients})


@dataclass(frozen=True)
class Quirks:
    """The clients' known bugs that show; True keeps a bug in the client that has it.

    False fixes it, and is refused with a client that does not have it.
    """

    # reward_only_positive pays the absolute value of what the enemies lost, so that shields which
    # regenerate pay too (oxwhirl/smac#72). Fixed, as in v2: never below 0.
    regeneration_pays: bool = _bug_of("v1")
    # An enemy's stalker and zealot columns are exchanged against an ally's (oxwhirl/smac#33).
    enemy_types_swapped: bool = _bug_of("v1")
    # obs_timestep_number adds a column that stays 0 before the one with the value.
    timestep_leaves_a_gap: bool = _bug_of("v1")
    # The state's cooldowns are divided by the client's table, where stalker and colossus are
    # exchanged and hydralisks have too little, so that they exceed 1. Fixed: by the longest
    # cooldown of the unit type's weapon.
    wrong_cooldown_limits: bool = _bug_of("v1", "v2")
    # reward_sparse's 1 and -1 are divided like the dense reward: 0.0548 on 3m.
    sparse_reward_scaled: bool = _bug_of("v1", "v2")
    # obs_terrain_height reads the map upside down.
    height_grid_flipped: bool = _bug_of("v1", "v2")
    # The mask tests moves only half as far as they go.
    moves_tested_half_way: bool = _bug_of("v1", "v2")
    # A medivac's mask offers to heal units that lack nothing.
    unhurt_can_be_healed: bool = _bug_of("v1", "v2")
    # In a medivac's observation, "can be attacked" of enemy j says that agent j can be healed.
    # Fixed: 0.
    heals_shown_as_attacks: bool = _bug_of("v1", "v2")
    # An enemy that an agent may not see yet hides all enemies of lower index from it
    # (oxwhirl/smacv2#50). Fixed: it hides itself alone.
    unseen_hides_lower_ones: bool = _bug_of("v2")
    # Dead enemies take part: they are noticed where they fell, and hide others until then.
    dead_must_be_noticed: bool = _bug_of("v2")
    # reset makes observations that no training loop reads, before those that it does, so the first
    # ones are made by agents that have looked around already.
    reset_looks_twice: bool = _bug_of("v2")
    # conic_fov compares arctangents of slopes: an agent that looks east sees the west too, and one
    # that looks to any side of north or south also sees what lies just beyond it. Fixed: the angle
    # between the two directions.
    cone_folds_directions: bool = _bug_of("v2")


@dataclass(frozen=True)
class Options:
    """The options of SMAC's client; names and defaults of its constructor.

    Ours alone: reward_deaths_only, quirks.
    """

    client: ClassVar[Literal["v1", "v2"]] = "v1"
    step_mul: int = field(default=8, metadata={"low": 1, "high": 1000})  # game loops per step
    # Grid units of a move order.
    move_amount: float = field(default=2.0, metadata={"above": 0, "high": 100})
    continuing_episode: bool = False  # reaching the episode limit truncates, not terminates
    obs_all_health: bool = True  # health and shield of others; implies obs_own_health
    obs_own_health: bool = True
    # The other agents' last actions, in the environment's observation. The agent's own, which
    # PyMARL's key of this name adds at the top, is agent.last_action.
    obs_last_action: bool = False
    obs_pathing_grid: bool = False  # whether eight points around are walkable
    obs_terrain_height: bool = False  # the ground's height at these and below the agent
    obs_instead_of_state: bool = False  # the state is all observations
    obs_timestep_number: bool = False  # steps taken / episode limit
    state_last_action: bool = True
    state_timestep_number: bool = False
    reward_sparse: bool = False  # 1 for a win, -1 for a loss, nothing else
    reward_only_positive: bool = True  # False: the agents' own losses count against them
    # Only deaths on both sides and the outcome pay; needs reward_only_positive=False. What LAGMA
    # calls sparse (aailabkaist/LAGMA @40d5249, its second client).
    reward_deaths_only: bool = False
    reward_death_value: float = 10.0
    reward_win: float = 200.0
    reward_defeat: float = 0.0
    reward_negative_scale: float = 0.5  # weight of own losses, with reward_only_positive=False
    reward_scale: bool = True  # divides rewards by max_reward / reward_scale_rate
    reward_scale_rate: float = field(default=20.0, metadata={"above": 0})
    quirks: Quirks = field(default_factory=Quirks)


@dataclass(frozen=True)
class Smacv2Options(Options):
    """The options of SMACv2's client; names and defaults of its constructor."""

    client: ClassVar[Literal["v1", "v2"]] = "v2"
    obs_own_pos: bool = False  # the agent's own place on the map
    obs_starcraft: bool = True  # False: observations hold nothing but the time step
    # Agents see and shoot within a cone, which they turn by num_fov_actions actions, one for each
    # direction; the cone is 1 / num_fov_actions of the circle wide.
    conic_fov: bool = False
    num_fov_actions: int = field(default=12, metadata={"low": 2, "high": 128})
    use_unit_ranges: bool = False  # sight and shoot range of the unit's type, not 9 and 6 for all
    # With use_unit_ranges: no shoot range is below this.
    min_attack_range: float = field(default=2.0, metadata={"low": 0})
    # Game loops of a step after agents below their health level are killed.
    kill_unit_step_mul: int = field(default=2, metadata={"low": 1})
    fully_observable: bool = False  # agents see however far
    # That an agent sees an enemy which another agent has found.
    prob_obs_enemy: float = field(default=1.0, metadata={"low": 0, "high": 1})
    action_mask: bool = True  # False: every living enemy may be chosen; out of range is no order
    capability_config: CapabilityConfig = CapabilityConfig()

    def __post_init__(self) -> None:
        if self.kill_unit_step_mul > self.step_mul:
            raise ValueError(
                f"kill_unit_step_mul: {self.kill_unit_step_mul} is more than "
                f"step_mul={self.step_mul}, of which it is a part"
            )


OURS = ("reward_deaths_only", "quirks")  # options that the clients do not have


def values_by_name(options: Options) -> dict[str, Any]:
    """Every option's value by its name, the quirks and the capabilities too.

    v1's options are completed by the defaults of v2's. The capabilities have the names of SMACv2's
    attributes: whether capability_config has them, and whether teammates observe them.
    """
    values = {**_values(Smacv2Options()), **_values(options)}
    config: CapabilityConfig = values.pop("capability_config")
    attack, health = config.attack, config.health
    return {
        **values,
        **_values(options.quirks),
        "stochastic_attack": attack is not None,
        "observe_attack_probs": attack is not None and attack.observe,
        "stochastic_health": health is not None,
        "observe_teammate_health": health is not None and health.observe,
        "observe_teammate_types": config.team_gen.observe,
        "mask_enemies": config.enemy_mask is not None,
    }


def _values(section: Any) -> dict[str, Any]:
    return {item.name: getattr(section, item.name) for item in fields(section)}


def kill_step_mul(options: Options) -> int:
    """The last game loops of a step, before which weak agents are killed; 0 = none are killed."""
    values = values_by_name(options)
    return values["kill_unit_step_mul"] if values["stochastic_health"] else 0


def check_options(options: Options) -> None:
    """Refuse options that contradict each other, and fixes of bugs that their client lacks."""
    for item in fields(Quirks):
        clients = item.metadata["clients"]
        if options.client not in clients and not getattr(options.quirks, item.name):
            raise EnvError(
                f"quirks.{item.name}: a bug of SMAC {clients[0]}'s client alone; leave it"
            )
    values = values_by_name(options)
    if not values["obs_starcraft"] and not options.obs_timestep_number:
        raise EnvError("obs_starcraft=False leaves nothing to observe without obs_timestep_number")
    if values["conic_fov"] and values["num_fov_actions"] < 2:
        raise EnvError(f"num_fov_actions={values['num_fov_actions']}: needs at least 2 directions")
    if options.reward_deaths_only and (options.reward_only_positive or options.reward_sparse):
        raise EnvError(
            "reward_deaths_only needs reward_only_positive=False and reward_sparse=False"
        )
    if values["stochastic_health"] and not options.reward_only_positive:
        raise EnvError("reward_only_positive=False: not with the health capability, as in v2")

"""Battles given to an official client and to our functions, and the differences."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from marl.engine.facts.scenario import Scenario
from marl.engine.facts.units import load_unit_types
from marl.engine.smac import observation, visibility
from marl.engine.smac.layout import empty_traits, make_layout
from marl.engine.smac.options import Options, values_by_name
from marl.engine.smac.reward import (
    DRAWN,
    LOST,
    RUNNING,
    WON,
    count_dead,
    make_reward_rules,
    outcome,
    step_reward,
)
from marl.engine.smac.state import write_capabilities, write_state
from marl.engine.smac.visibility import Memory, empty_memory
from marl.engine.smacv2.generation import CapabilityConfig
from marl.engine.smacv2.teams import WeightedTeams
from marl.engine.smacv2.traits import Mask, PerAgentUniform
from tests.official.clients import Client
from tests.official.random_units import change, make_units, populate, scatter

TOLERANCE = 1e-6  # relative to 1 or to the number, whichever is more
NO_RANDOM = np.zeros(1, dtype=np.uint64)  # our order and draws are the client's
ENDS = {LOST: -1, DRAWN: 0, WON: 1, RUNNING: None}


@dataclass
class Tally:
    """What has been compared: how many numbers of each kind, and the largest difference."""

    numbers: Counter[str] = field(default_factory=Counter)
    largest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    positions: int = 0

    def compare(self, what: str, ours: Any, theirs: Any) -> None:
        """Refuse a difference beyond TOLERANCE."""
        ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
        assert ours.shape == theirs.shape, (what, ours.shape, theirs.shape)
        if ours.size == 0:
            return
        difference = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
        worst = float(difference.max())
        at = np.unravel_index(int(difference.argmax()), ours.shape)
        assert worst <= TOLERANCE, (what, at, ours[at], theirs[at])
        self.numbers[what] += ours.size
        self.largest[what] = max(self.largest[what], worst)


class Battle:
    """One battle, given to both."""

    def __init__(
        self,
        client: Client,
        scenario: Scenario,
        options: Options,
        kinds: NDArray[np.int64],
        rng: Generator,
        tally: Tally,
    ) -> None:
        self.client, self.rng, self.tally, self.options = client, rng, tally, options
        self.types, self.values = load_unit_types(scenario.unit_names), values_by_name(options)
        self.layout = layout = make_layout(scenario, self.types, options)
        self.reward_rules = make_reward_rules(scenario, self.types, options)
        self.units = make_units(kinds, empty_traits(layout, 1))
        draws = layout.n_enemies * (layout.n_agents - 1) if layout.is_v2 else 0
        self.memory = Memory(*(array[0] for array in empty_memory(layout, 1, draws)))
        self.last_actions = np.full(layout.n_agents, -1)
        self.steps = 0
        agents = layout.n_agents
        self.avail = np.zeros((agents, layout.n_actions), dtype=np.bool_)
        self.obs = np.zeros((agents, layout.obs_dim), dtype=np.float32)
        self.state = np.zeros(layout.state_dim, dtype=np.float32)

    def begin(self) -> None:
        """reset() of both; the client's observes."""
        units, layout, values, rng = self.units, self.layout, self.values, self.rng
        populate(units, layout, self.types, rng)
        config: dict[str, Any] = {}
        if values["stochastic_attack"]:
            units.attack_probability[:] = rng.random(layout.n_agents)
            config["attack"] = {"item": units.attack_probability.copy()}
        if values["stochastic_health"]:
            units.health_level[:] = rng.uniform(0, 0.6, layout.n_agents)
            config["health"] = {"item": units.health_level.copy()}
        if values["mask_enemies"]:
            units.enemy_mask[:] = rng.random(units.enemy_mask.shape) < 0.5
            config["enemy_mask"] = {"item": units.enemy_mask.copy()}
        self.client.show(units, self.types)
        observation.begin(layout, units, self.memory, NO_RANDOM)
        visibility.forget_all(self.memory)  # `begin` did not look in the client's order
        seed = self._seed_client()
        if self.options.client == "v2":
            scenario = self.client.scenario
            names = [scenario.unit_names[kind].lower() for kind in units.kind]
            teams = {"ally_team": names[: layout.n_agents], "enemy_team": names[layout.n_agents :]}
            theirs = self.client.env.reset({"team_gen": teams, **config})
        else:
            theirs = self.client.env.reset()
        self._look(seed)
        self._compare(*theirs)

    def step(self, deadliness: float) -> bool:
        """One step of both, random legal actions and changed units. Whether the battle goes on."""
        units, layout, env = self.units, self.layout, self.client.env
        actions = [int(self.rng.choice(np.flatnonzero(row))) for row in self.avail]
        alive = units.health > 0
        before = np.where(alive, units.health + units.shield, 0.0)
        for a, action in enumerate(actions):
            if alive[a]:
                observation.turn_view(layout, units, a, action)
        scatter(units, layout, self.rng)
        change(units, self.types, self.rng, deadliness)
        self.client.show(units, self.types)
        reward, terminated, info = env.step(actions)
        self.last_actions[:] = actions
        self.steps += 1
        code = outcome(self.reward_rules, units.kind, units.health)
        ours = step_reward(self.reward_rules, units, before, code)
        self.tally.compare("reward", ours, reward)
        assert terminated == (code != RUNNING)
        assert info["battle_won"] == (code == WON)
        dead = [
            count_dead(units.health, 0, layout.n_agents),
            count_dead(units.health, layout.n_agents, units.health.size),
        ]
        assert dead == [info["dead_allies"], info["dead_enemies"]]
        if layout.is_v2:
            visibility.forget_dead(layout, units, self.memory)
        seed = self._seed_client()
        obs, state = env.get_obs(), None
        self._look(seed)
        if not self.options.obs_instead_of_state or self.options.client == "v1":
            state = env.get_state()
        self._compare(obs, state)
        return not terminated

    def _seed_client(self) -> int:
        """Seed the client's two sources of chance; give the seed."""
        seed = int(self.rng.integers(2**31))
        random.seed(seed)
        np.random.seed(seed)
        return seed

    def _look(self, seed: int) -> None:
        """Our mask, observations and state, with the chance that `seed` gives the client."""
        layout, units, memory = self.layout, self.units, self.memory
        visibility.measure(layout, units, memory)
        if layout.is_v2:
            order = list(range(layout.n_agents))
            random.seed(seed)
            random.shuffle(order)
            memory.order[:] = order
            np.random.seed(seed)
            memory.draws[:] = np.random.rand(memory.draws.size)
            if layout.obs_starcraft:
                visibility.look(layout, units, memory, NO_RANDOM)
        observation.write_mask(layout, units, memory.distance, self.avail)
        observation.write_observations(
            layout, units, memory, self.avail, self.last_actions, self.steps, self.obs
        )
        write_state(layout, units, self.obs, self.last_actions, self.steps, self.state)

    def _compare(self, obs: Any, state: Any) -> None:
        env, layout, units, tally = self.client.env, self.layout, self.units, self.tally
        tally.positions += 1
        tally.compare("obs", self.obs, np.array(obs))
        if state is not None:
            tally.compare("state", self.state, state)
        tally.compare("mask", self.avail, env.get_avail_actions())
        visible = np.zeros((layout.n_agents, units.kind.size), dtype=np.bool_)
        visibility.write_visibility(layout, units, self.memory.distance, visible)
        tally.compare("visibility matrix", visible, env.get_visibility_matrix())
        if layout.is_v2:
            capabilities = np.zeros((layout.n_agents, layout.capability_dim), dtype=np.float32)
            write_capabilities(layout, units, capabilities)
            tally.compare("capabilities", capabilities.ravel(), env.get_capabilities())
            seen, tags = env.obs_enemies, [-1 if t is None else t for t in env.enemy_tags]
            tally.compare("enemies found", self.memory.tag, tags)
            tally.compare("enemies seen", self.memory.seen, seen)


def client_config(config: CapabilityConfig, n_units: int, n_enemies: int) -> dict[str, Any]:
    """`config` as far as the client must know it, which draws nothing itself."""
    sizes = {"n_units": n_units, "n_enemies": n_enemies}
    sections: dict[str, Any] = {"team_gen": {**sizes, "observe": config.team_gen.observe}}
    if config.attack is not None:
        sections["attack"] = {"observe": config.attack.observe}
    if config.health is not None:
        sections["health"] = {"observe": config.health.observe}
    if config.enemy_mask is not None:
        sections["enemy_mask"] = {}
    return sections


def random_options(client: str, rng: Generator) -> dict[str, Any]:
    """Values for the options that show, as the client's constructor takes them."""

    def coin(chance: float = 0.5) -> bool:
        return bool(rng.random() < chance)

    options: dict[str, Any] = {
        "obs_all_health": coin(0.7),
        "obs_own_health": coin(),
        "obs_last_action": coin(),
        "obs_pathing_grid": coin(),
        "obs_terrain_height": coin(),
        "obs_timestep_number": coin(),
        "state_last_action": coin(),
        "state_timestep_number": coin(),
        "continuing_episode": coin(),
        "reward_sparse": coin(0.2),
        "reward_only_positive": coin(),
        "reward_death_value": float(rng.choice([10, 3])),
        "reward_win": float(rng.choice([200, 50])),
        "reward_defeat": float(rng.choice([0, -20])),
        "reward_negative_scale": float(rng.choice([0.5, 1.25])),
        "reward_scale": coin(0.8),
        "reward_scale_rate": float(rng.choice([20, 7])),
    }
    if client == "v1":
        return options | {
            "obs_instead_of_state": coin(0.15),
            "move_amount": int(rng.choice([2, 3])),
        }
    return options | {
        "obs_own_pos": coin(),
        "obs_starcraft": coin(0.95) or not options["obs_timestep_number"],
        "conic_fov": coin(0.4),
        "num_fov_actions": int(rng.choice([12, 6, 3])),
        "use_unit_ranges": coin(),
        "min_attack_range": float(rng.choice([2, 5])),
        "fully_observable": coin(0.1),
        "prob_obs_enemy": float(rng.choice([1.0, 0.0, 0.6])),
        "action_mask": coin(0.7),
    }


def random_capabilities(rng: Generator) -> CapabilityConfig:
    """Some of v2's capabilities, some of them observed."""
    draws = (rng.random(6) < [0.4, 0.5, 0.4, 0.5, 0.8, 0.3]).tolist()
    attack, attack_observed, health, health_observed, types_observed, mask = draws
    return CapabilityConfig(
        team_gen=WeightedTeams(observe=types_observed),
        attack=PerAgentUniform(observe=attack_observed) if attack else None,
        health=PerAgentUniform((0.0,), (0.6,), health_observed) if health else None,
        enemy_mask=Mask() if mask else None,
    )


def official_values(options: Mapping[str, Any], config: CapabilityConfig) -> dict[str, Any]:
    """`options` as far as the client takes them together with `config`."""
    if config.health is None:
        return dict(options)
    return {**options, "reward_only_positive": True}

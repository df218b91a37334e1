"""Scripted players and their configs.

A player is evaluated like a trained policy and learns nothing. All but `random` read the true state
of a battle's units, as SMAC's own scripted agents do, and not the agents' observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl.engine.scripts.focus_fire import focus_fire
from marl.engine.scripts.heuristic import heuristic
from marl.engine.scripts.random_legal import random_legal_actions
from marl.engine.world import NO_UNIT
from marl.envs.smac import SmacEnv
from marl.errors import ConfigError
from marl.protocols.environments import Player, Step, VecEnv
from marl.spec import Discrete

# Keeps a random player's draws apart from those of its battle, which has the same seed.
PLAYER_STREAM = np.uint64(0xD1B54A32D192ED03)


@dataclass(frozen=True)
class PlayerConfig:
    """The options of a scripted player."""

    def build(self, env: VecEnv) -> Player:
        """The player of all E episodes of `env`; ConfigError where it can't play `env`."""
        raise NotImplementedError


@dataclass(frozen=True)
class RandomConfig(PlayerConfig):
    """Every agent draws uniformly from its legal actions, in any environment."""

    def build(self, env: VecEnv) -> Player:
        if not isinstance(env.spec.action, Discrete):
            raise ConfigError(
                f"--config=random: draws from discrete actions, and {env.spec.name} has continuous "
                "ones"
            )
        return RandomPlayer(env)


@dataclass(frozen=True)
class HeuristicConfig(PlayerConfig):
    """SMAC's heuristic_ai: each agent attacks the nearest enemy, at any distance, until it is dead.

    Source: oxwhirl/smac @d6aab33, starcraft2.py get_agent_action_heuristic.
    """

    rest: bool = False  # SMAC's heuristic_rest: walk instead where the mask forbids the attack

    def build(self, env: VecEnv) -> Player:
        return HeuristicPlayer(battles_of(env, "heuristic"), self.rest)


@dataclass(frozen=True)
class FocusFireConfig(PlayerConfig):
    """All agents attack the weakest enemy in range until it is dead; legal actions only."""

    def build(self, env: VecEnv) -> Player:
        return FocusPlayer(battles_of(env, "focus_fire"), steps_back=False)


@dataclass(frozen=True)
class KiteConfig(PlayerConfig):
    """As focus_fire, and ranged units step back from melee enemies while they cool down."""

    def build(self, env: VecEnv) -> Player:
        return FocusPlayer(battles_of(env, "kite"), steps_back=True)


def battles_of(env: VecEnv, name: str) -> SmacEnv:
    """`env`, if a player can read its units; else a ConfigError. name: of the player."""
    if not isinstance(env, SmacEnv):
        raise ConfigError(
            f"--config={name}: plays StarCraft battles on the engine, not {env.spec.name}; "
            "choose --env-config=sc2 or --config=random"
        )
    return env


class RandomPlayer:
    """Draws legal actions, each battle from a generator of its own."""

    def __init__(self, env: VecEnv) -> None:
        self.env = env
        self.rng = np.zeros((env.num_envs, 1), dtype=np.uint64)
        self.actions = np.zeros((env.num_envs, env.spec.n_agents), dtype=np.int64)

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i from seeds[i]."""
        self.env.reset(seeds)
        self.rng[: len(seeds), 0] = seeds ^ PLAYER_STREAM

    def step(self) -> Step:
        """One step of all running episodes."""
        random_legal_actions(self.env.observe().avail, self.rng, self.actions)
        return self.env.step(self.actions)


class HeuristicPlayer:
    """Each agent with a target of its own; `rest` as in HeuristicConfig."""

    def __init__(self, env: SmacEnv, rest: bool) -> None:
        self.env, self.rest, self.scene = env, rest, env.scene()
        shape = (env.num_envs, env.spec.n_agents)
        self.targets = np.full(shape, NO_UNIT, dtype=np.int64)
        self.actions = np.zeros(shape, dtype=np.int64)

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i from seeds[i], without targets."""
        self.env.reset(seeds)
        self.targets[:] = NO_UNIT

    def step(self) -> Step:
        """One step of all running episodes; masked actions are legal, and no order fails."""
        units, avail = self.env.battles.world.units, self.env.observe().avail
        heuristic(self.scene, self.rest, units, avail, self.targets, self.actions)
        return self.env.command(self.actions)


class FocusPlayer:
    """All agents with one target; `steps_back` as in KiteConfig."""

    def __init__(self, env: SmacEnv, steps_back: bool) -> None:
        self.env, self.steps_back, self.scene = env, steps_back, env.scene()
        units = env.battles.world.units
        self.targets = np.full((env.num_envs, 1), NO_UNIT, dtype=np.int64)
        self.assigned_damage = np.zeros(units.shape)
        self.actions = np.zeros((env.num_envs, env.spec.n_agents), dtype=np.int64)

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Start episode i from seeds[i], without a target."""
        self.env.reset(seeds)
        self.targets[:] = NO_UNIT

    def step(self) -> Step:
        """One step of all running episodes."""
        focus_fire(
            self.scene,
            self.steps_back,
            self.env.battles.world.units,
            self.env.observe().avail,
            self.targets,
            self.assigned_damage,
            self.actions,
        )
        return self.env.step(self.actions)

"""The base of marl.envs.smac_api and smacv2_api: one battle, with the official clients' methods.

Sources: oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a, starcraft2.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from marl.engine.scripts.heuristic import heuristic
from marl.engine.smac import visibility
from marl.engine.smac.layout import ClientUnits
from marl.engine.world import NO_UNIT
from marl.envs.acting import whole
from marl.envs.drop_in import feature_names
from marl.envs.drop_in.keywords import NO_REPLAY
from marl.envs.smac import SmacEnv
from marl.errors import EnvError
from marl.seeding import TRAIN_EPISODES, episode_seeds

Observations = list[NDArray[np.float32]]  # [O] by agent
State = NDArray[np.float32]  # [S]


class MultiAgentEnv:
    """The methods that both clients' classes share: one battle, and statistics of all."""

    continuing_episode: bool
    heuristic_ai: bool
    heuristic_rest: bool
    map_name: str

    def __init__(self, given: Mapping[str, Any], env: SmacEnv) -> None:
        """given: the constructor's keywords. env: the one battle, its limit truncates."""
        self._env, self._battles = env, env.battles
        self._layout, self._record = env.battles.rules.layout, env.battles.record
        for name, value in given.items():
            if not hasattr(type(self), name):  # `seed` is a method
                setattr(self, name, value)
        scenario, layout = env.battles.scenario, self._layout
        self.obs_own_health = layout.obs_own_health
        self.n_agents, self.n_enemies = layout.n_agents, layout.n_enemies
        self.n_actions, self.n_actions_no_attack = layout.n_actions, layout.first_target
        self.n_actions_move = len(feature_names.MOVES)
        self.episode_limit, self.map_type = layout.episode_limit, scenario.map_type
        self.map_y, self.map_x = layout.walkable.shape
        self.unit_type_bits = layout.type_bits
        self.shield_bits_ally = layout.ally_shields
        self.shield_bits_enemy = layout.enemy_shields
        self.battles_won = self.battles_game = self.timeouts = self.force_restarts = 0
        self._seed = _seed_of(given["seed"])
        self._episodes = 0  # begun
        self._scene = env.scene()
        self._targets = np.full((1, layout.n_agents), NO_UNIT, dtype=np.int64)
        self._orders = np.zeros((1, layout.n_agents), dtype=np.int64)
        # [v1] A column that stays 0; the client's sizes leave it out.
        self._gap = layout.obs_timestep_number and not layout.is_v2

    def reset(self) -> tuple[Observations, State]:
        """Begin the next battle; its first observations and state."""
        return self._begin(self._next_seeds())

    def _next_seeds(self) -> NDArray[np.uint64]:
        """The next episode's seed, [1]."""
        return episode_seeds(self._seed, TRAIN_EPISODES, self._episodes, 1)

    def _begin(self, seeds: NDArray[np.uint64]) -> tuple[Observations, State]:
        self._env.reset(seeds)
        self._episodes += 1
        self._targets[:] = NO_UNIT
        return self.get_obs(), self.get_state()

    def step(self, actions: Any) -> tuple[float, bool, dict[str, Any]]:
        """One action for each agent: reward, whether the episode is over, info."""
        self._require_battle()
        record = self._record
        if record.terminated[0] or record.truncated[0]:
            raise EnvError("step: the battle is over; call reset() first")
        if len(actions) != self.n_agents:
            raise EnvError(f"step: got {len(actions)} actions for {self.n_agents} agents")
        if self.heuristic_ai:
            units, targets, orders = self._battles.world.units, self._targets, self._orders
            heuristic(self._scene, bool(self.heuristic_rest), units, record.avail, targets, orders)
            for a, order in enumerate(orders[0]):
                actions[a] = int(order)
            self._env.command(orders)
        else:
            chosen = [whole(action, f"step: agent {a}") for a, action in enumerate(actions)]
            self._env.step(np.array([chosen], dtype=np.int64))
        timeout = bool(record.truncated[0])
        over = timeout or bool(record.terminated[0])
        info: dict[str, Any] = {
            "battle_won": bool(record.battle_won[0]),
            "dead_allies": int(record.dead_allies[0]),
            "dead_enemies": int(record.dead_enemies[0]),
        }
        if timeout and self.continuing_episode:
            info["episode_limit"] = True
        self.battles_game += over
        self.battles_won += info["battle_won"]
        self.timeouts += timeout
        return float(record.reward[0]), over, info

    def get_obs(self) -> Observations:
        """The observations of all agents."""
        return [self.get_obs_agent(a) for a in range(self.n_agents)]

    def get_obs_agent(self, agent_id: int) -> NDArray[np.float32]:
        """An agent's observation, [O]."""
        self._require_battle()
        return self._record.obs[0, agent_id].copy()

    def get_state(self) -> State:
        """The state, [S]."""
        self._require_battle()
        return self._record.state[0].copy()

    def get_state_dict(self) -> dict[str, Any]:
        """The state in parts: allies, enemies, and where it has them last_action and timestep."""
        layout, state = self._layout, self.get_state()
        if layout.obs_instead_of_state:
            raise EnvError("get_state_dict: with obs_instead_of_state=True the state has no parts")
        parts: dict[str, Any] = {}
        rows = {
            "allies": (self.n_agents, self.get_ally_num_attributes()),
            "enemies": (self.n_enemies, self.get_enemy_num_attributes()),
        }
        if layout.state_last_action:
            rows["last_action"] = (self.n_agents, self.n_actions)
        for name, shape in rows.items():
            size = shape[0] * shape[1]
            parts[name], state = state[:size].reshape(shape).astype(np.float64), state[size:]
        if layout.state_timestep_number:
            parts["timestep"] = float(state[0])
        return parts

    def get_avail_actions(self) -> list[list[int]]:
        """1 for each action that each agent may take, else 0."""
        return [self.get_avail_agent_actions(a) for a in range(self.n_agents)]

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """1 for each action that the agent may take, else 0."""
        self._require_battle()
        return self._record.avail[0, agent_id].astype(int).tolist()

    def get_visibility_matrix(self) -> NDArray[np.bool_]:
        """[A,N] whether unit i is within agent a's sight range; agents first."""
        self._require_battle()
        visible = np.zeros((self.n_agents, self.n_agents + self.n_enemies), dtype=np.bool_)
        visibility.write_visibility(
            self._layout, self._client_units(), self._battles.memory.distance[0], visible
        )
        return visible

    def _client_units(self) -> ClientUnits:
        """The battle's units as the client reads them."""
        units, traits = self._battles.world.units[0], self._battles.traits
        names = ClientUnits._fields[: len(ClientUnits._fields) - len(traits)]
        return ClientUnits(*(units[name] for name in names), *(array[0] for array in traits))

    def unit_shoot_range(self, agent_id: int) -> float:
        """The range within which the agent may shoot or heal, centre to centre."""
        return self._kind(agent_id)["shoot_range"]

    def unit_sight_range(self, agent_id: int) -> float:
        """The range within which the agent sees, centre to centre."""
        return self._kind(agent_id)["sight_range"]

    def _kind(self, agent_id: int) -> Any:
        self._require_battle()
        return self._layout.kinds[self._battles.world.units["kind"][0, agent_id]]

    def get_total_actions(self) -> int:
        """Actions, the unavailable ones too."""
        return self.n_actions

    def get_obs_size(self) -> int:
        """Columns of an observation; as in v1's client one too few with obs_timestep_number."""
        return self._layout.obs_dim - self._gap

    def get_obs_move_feats_size(self) -> int:
        """Columns of an observation for the possible moves."""
        return len(feature_names.move_row(self._layout))

    def get_obs_enemy_feats_size(self) -> tuple[int, int]:
        """Enemies, and columns of an observation for each."""
        return self.n_enemies, len(feature_names.enemy_row(0, self._layout))

    def get_obs_ally_feats_size(self) -> tuple[int, int]:
        """The other agents, and columns of an observation for each."""
        return self.n_agents - 1, len(feature_names.ally_row(0, self._layout))

    def get_obs_own_feats_size(self) -> int:
        """Columns of an observation for the agent itself; in v1 with the one that stays 0."""
        if not self._layout.obs_starcraft:
            return self._layout.capability_dim
        return len(feature_names.own_row(self._layout)) + self._gap

    def get_state_size(self) -> int:
        """Columns of the state."""
        if self._layout.obs_instead_of_state:
            return self.n_agents * self.get_obs_size()
        return self._layout.state_dim

    def get_ally_num_attributes(self) -> int:
        """Columns of an agent in the state."""
        return len(feature_names.agent_features(self._layout))

    def get_enemy_num_attributes(self) -> int:
        """Columns of an enemy in the state."""
        return len(feature_names.enemy_features(self._layout))

    def get_obs_feature_names(self) -> list[str]:
        """A name for each column of agent 0's observation."""
        return feature_names.obs_feature_names(self._layout, self._gap)

    def get_state_feature_names(self) -> list[str]:
        """A name for each column of the state."""
        if self._layout.obs_instead_of_state:
            raise EnvError(
                "get_state_feature_names: with obs_instead_of_state=True the state is all "
                "observations; use get_obs_feature_names"
            )
        return feature_names.state_feature_names(self._layout)

    def get_env_info(self) -> dict[str, Any]:
        """The sizes that a learner is built from."""
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.get_total_actions(),
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
            "agent_features": feature_names.agent_features(self._layout),
            "enemy_features": feature_names.enemy_features(self._layout),
        }

    def get_stats(self) -> dict[str, float]:
        """Statistics of all battles that have ended; "battles_draw" are the timeouts."""
        return {
            "battles_won": self.battles_won,
            "battles_game": self.battles_game,
            "battles_draw": self.timeouts,
            "win_rate": self.battles_won / max(self.battles_game, 1),
            "timeouts": self.timeouts,
            "restarts": self.force_restarts,
        }

    def seed(self) -> int:
        """The seed that the episodes follow from."""
        return self._seed

    def render(self, mode: str = "human") -> NoReturn:
        """Refused: battles are watched afterwards."""
        raise EnvError(f"render: {NO_REPLAY}")

    def save_replay(self) -> NoReturn:
        """Refused: nothing is recorded."""
        raise EnvError(f"save_replay: {NO_REPLAY}")

    def close(self) -> None:
        """End the worker threads of the battle."""
        self._env.close()

    def _require_battle(self) -> None:
        if self._episodes == 0:
            raise EnvError("no battle has begun; call reset() first")


def _seed_of(seed: int | None) -> int:
    if seed is None:
        return secrets.randbits(32)
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise EnvError(f"seed={seed!r}: must be a whole number from 0 on, or None to draw one")
    return int(seed)

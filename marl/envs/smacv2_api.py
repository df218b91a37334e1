"""oxwhirl/smacv2's two classes on our own engine: for code that was written for them.

    from marl.envs.smacv2_api import StarCraft2Env, StarCraftCapabilityEnvWrapper

As marl/envs/smac_api.py, whose differences from the client hold here too. Further ones:

- Either class draws an episode from its seed. `reset(episode_config)` of StarCraft2Env takes the
  client's dictionary; parts that it lacks are drawn.
- Observations are made once a step, so get_obs may be called any number of times.
- Start positions in an episode_config always count, the client's only beside start_positions.
- SMAC v1's maps can be played, with fixed teams and so without capability_config. The client can
  be built on them, but gets no further than its first reset (oxwhirl/smacv2#2, #30).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.config.schema import parse
from marl.engine.facts.scenario import SIDES, Deployment, Scenario, load_scenario, scenario_names
from marl.engine.smac.options import Smacv2Options
from marl.engine.smac.state import write_capabilities
from marl.engine.smacv2.generation import OPEN_SIZED, SECTION, Generation, make_generation
from marl.envs.drop_in.keywords import (
    NOTHING,
    bind,
    engine_values,
    signature_of,
    with_truncation,
)
from marl.envs.drop_in.multiagentenv import MultiAgentEnv, Observations, State
from marl.envs.smac import SmacEnv
from marl.envs.smacv2 import Smacv2Config
from marl.errors import EnvError, FieldError, nearest_or_all

__all__ = ["MultiAgentEnv", "StarCraft2Env", "StarCraftCapabilityEnvWrapper"]

SIZES = ("n_units", "n_enemies")
SIZE = 10  # of a team on 10gen_<race>, unless n_units or n_enemies is given
PLACES = tuple(f"{side}_start_positions" for side in SIDES)
NUMBERS = ("attack", "health")


class StarCraft2Env(MultiAgentEnv):
    """A SMACv2 scenario; the keywords as in the client, meanings in marl/engine/smac/options.py."""

    __signature__ = signature_of(Smacv2Options)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        given = bind(self.__signature__, arguments, keywords)
        map_name, capabilities = given["map_name"], given[SECTION]
        values = engine_values(given)
        values[SECTION] = own_capabilities(map_name, capabilities)
        config = with_truncation(parse(Smacv2Config, values))
        self._open = undrawn(capabilities)
        battles = config.battles(self._scenario(config), 1, 1)
        super().__init__(given, SmacEnv(battles, "sc2v2-engine"))
        self.n_fov_actions = self._layout.n_fov_actions

    def _scenario(self, config: Smacv2Config) -> Scenario:
        """The scenario, deployed as the latest reset has drawn it."""
        self._generation: Generation | None = None
        self._deployment: Deployment | None = None
        if config.map in scenario_names():
            return load_scenario(config.map)
        self._generation = make_generation(config.map, config.capability_config)
        return replace(self._generation.scenario(), deploy=self._deploy)

    def _deploy(self, seed: int) -> Deployment:
        assert self._deployment is not None  # reset has made it from the same seed
        return self._deployment

    def reset(self, episode_config: Mapping[str, Any] = NOTHING) -> tuple[Observations, State]:
        """Begin the next battle, with the parts of the client's dictionary and the rest drawn."""
        seeds = self._next_seeds()
        for key in self._open:
            if key not in episode_config:
                raise EnvError(
                    f"episode_config.{key}: is missing, and {SECTION}.{key} has no dist_type to "
                    "draw it from"
                )
        if self._generation is not None:
            drawn = self._generation.deploy(int(seeds[0]))
            self._deployment = deployed(self._generation, drawn, episode_config)
        elif episode_config:
            raise EnvError(
                f"episode_config: map_name={self.map_name} has fixed teams and places; "
                f"use {OPEN_SIZED}<race>"
            )
        return self._begin(seeds)

    def get_capabilities(self) -> NDArray[np.float32]:
        """Every agent's capabilities, [A * C]."""
        self._require_battle()
        capabilities = np.zeros((self.n_agents, self.get_cap_size()), dtype=np.float32)
        write_capabilities(self._layout, self._client_units(), capabilities)
        return capabilities.ravel()

    def get_capabilities_agent(self, agent_id: int) -> NDArray[np.float32]:
        """An agent's attack probability, health level and type, as far as they are drawn, [C]."""
        return self.get_capabilities().reshape(self.n_agents, -1)[agent_id]

    def get_cap_size(self) -> int:
        """Columns of an agent's capabilities."""
        return self._layout.capability_dim

    def get_env_info(self) -> dict[str, Any]:
        """The sizes that a learner is built from."""
        return {**super().get_env_info(), "cap_shape": self.get_cap_size()}


class StarCraftCapabilityEnvWrapper:
    """The client's class that draws each episode, as `StarCraft2Env` does here by itself."""

    def __init__(self, **kwargs: Any) -> None:
        if SECTION not in kwargs:
            raise EnvError(f"{SECTION}: is missing; it has the distributions of an episode")
        self.distribution_config = kwargs[SECTION]
        self.env = StarCraft2Env(**kwargs)

    def reset(self) -> tuple[Observations, State]:
        """Begin the next battle, drawn from its seed."""
        return self.env.reset()

    def __getattr__(self, name: str) -> Any:
        if name == "env":  # while it is being made
            raise AttributeError(name)
        return getattr(self.env, name)


def own_capabilities(map_name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The client's capability_config as ours.

    The client's wrapper writes the sizes and the section's name into each section, and its
    environment reads the sizes in team_gen. Ours has them once, and 10gen_<race> alone means 10
    against 10.
    """
    if not isinstance(given, Mapping):
        raise EnvError(f"{SECTION}={given!r}: must be a mapping, as in the client's examples")
    if map_name in scenario_names():
        if given:
            raise EnvError(
                f"{SECTION}: map_name={map_name} has fixed teams; use {OPEN_SIZED}<race>"
            )
        return {}
    sections = {name: part for name, part in given.items() if isinstance(part, Mapping)}
    ours = {name: part for name, part in given.items() if name not in sections}
    for name, section in sections.items():
        ours[name] = {key: part for key, part in section.items() if key not in (*SIZES, "env_key")}
        for size in SIZES:
            count = section.get(size, ours.get(size))
            if count is not None and ours.setdefault(size, count) != count:
                raise FieldError(f"{SECTION}.{name}.{size}", f"{count}, and elsewhere {ours[size]}")
    if "health" in undrawn(given):
        ours["health"]["upper_bound"] = [0.0]  # the default of 1 is death at the first step
    if map_name.startswith(OPEN_SIZED):
        ours = {**dict.fromkeys(SIZES, SIZE), **ours}
    return ours


def undrawn(given: Mapping[str, Any]) -> list[str]:
    """The sections without a distribution, whose numbers every reset must bring."""
    no_distribution = {"observe", "env_key", *SIZES}
    return [
        key
        for key in (*NUMBERS, "enemy_mask")
        if isinstance(given.get(key), Mapping) and set(given[key]) <= no_distribution
    ]


def deployed(
    generation: Generation, drawn: Deployment, episode_config: Mapping[str, Any]
) -> Deployment:
    """`drawn`, replaced by the parts of the client's episode_config."""
    known = ("team_gen", *PLACES, *NUMBERS, "enemy_mask")
    for key in episode_config:
        if key not in known:
            raise EnvError(f"episode_config.{key}: unknown; {nearest_or_all(key, known)}")
    counts = (generation.n_units, generation.n_enemies)
    changes: dict[str, Any] = {}
    if "team_gen" in episode_config:
        changes["kinds"] = _kinds(generation, episode_config["team_gen"])
    at = np.stack([drawn.x, drawn.y], axis=1)
    for key, part in zip(PLACES, np.split(at, [counts[0]]), strict=True):
        if key in episode_config:
            part[:] = _item(episode_config, key, part.shape)
    changes["x"], changes["y"] = at.T.copy()
    for key, name in zip(NUMBERS, ("attack_probability", "health_level"), strict=True):
        if key in episode_config:
            _require_drawn(generation, key)
            numbers = _item(episode_config, key, counts[:1])
            below = 1.0 if key == "health" else np.nextafter(1.0, 2.0)  # an agent dies at level 1
            if not ((numbers >= 0) & (numbers < below)).all():
                raise EnvError(f"episode_config.{key}: {numbers.tolist()} must be fractions of 1")
            changes[name] = numbers
    if "enemy_mask" in episode_config:
        _require_drawn(generation, "enemy_mask")
        changes["enemy_mask"] = _item(episode_config, "enemy_mask", counts).astype(np.uint8)
    return replace(drawn, **changes)


def _kinds(generation: Generation, team_gen: Mapping[str, Any]) -> NDArray[np.int64]:
    """[N] the type index of each unit of both teams."""
    index = {name.lower(): kind for kind, name in enumerate(generation.unit_names)}
    kinds = []
    counts = (generation.n_units, generation.n_enemies)
    for side, count in zip(SIDES, counts, strict=True):
        team = [str(name) for name in team_gen.get(f"{side}_team", ())]
        if len(team) != count or not set(team) <= set(index):
            raise EnvError(
                f"episode_config.team_gen.{side}_team: {team} must be {count} of {sorted(index)}"
            )
        kinds += [index[name] for name in team]
    return np.array(kinds)


def _item(
    episode_config: Mapping[str, Any], key: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """The numbers under this key, in `shape`."""
    numbers = np.array(episode_config[key].get("item"), dtype=np.float64)
    if numbers.size != np.prod(shape):
        raise EnvError(f"episode_config.{key}.item: has shape {numbers.shape}, needs {shape}")
    return numbers.reshape(shape)


def _require_drawn(generation: Generation, key: str) -> None:
    if getattr(generation.config, key) is None:
        raise EnvError(
            f"episode_config.{key}: name it in {SECTION} too, so that observations have it"
        )

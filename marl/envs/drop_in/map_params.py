"""oxwhirl/smac's registry of maps: what code written for it reads about a map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from marl.engine.facts.scenario import load_scenario, scenario_names


@cache
def _params(name: str) -> dict[str, Any]:
    scenario = load_scenario(name)
    return {
        "n_agents": scenario.count("ally"),
        "n_enemies": scenario.count("enemy"),
        "limit": scenario.episode_limit,
        "a_race": scenario.races["ally"],
        "b_race": scenario.races["enemy"],
        "unit_type_bits": len(scenario.type_columns["ally"]),
        "map_type": scenario.map_type,
    }


class MapRegistry(Mapping[str, dict[str, Any]]):
    """Every map of maps/ by its name, with the client's keys; read when asked for."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in scenario_names():
            raise KeyError(name)
        return dict(_params(name))

    def __iter__(self) -> Iterator[str]:
        return iter(scenario_names())

    def __len__(self) -> int:
        return len(scenario_names())


map_param_registry: Mapping[str, dict[str, Any]] = MapRegistry()


def get_map_params(map_name: str) -> dict[str, Any]:
    """n_agents, n_enemies, limit (steps of an episode), a_race, b_race, unit_type_bits, map_type.

    EnvError where there is no such map.
    """
    return dict(_params(map_name))

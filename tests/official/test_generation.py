"""Our draws beside those of the official distributions, by their statistics.

Runs where SMACV2_SOURCE names a checkout of oxwhirl/smacv2 (of which one file is loaded; it needs
numpy alone). The official generators are seeded here, so the tolerances fail never or always.
"""

from __future__ import annotations

import importlib.util
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from marl.engine.smacv2.generation import load_facts
from marl.engine.smacv2.start_positions import (
    Places,
    ReflectPosition,
    Surrounded,
    SurroundedAndReflect,
)
from marl.engine.smacv2.teams import AllTeams, Teams, WeightedTeams
from marl.engine.smacv2.traits import Mask, PerAgentUniform

SOURCE = os.environ.get("SMACV2_SOURCE", "")
FILE = Path(SOURCE) / "smacv2" / "env" / "starcraft2" / "distributions.py"
pytestmark = pytest.mark.skipif(
    not SOURCE or not FILE.is_file(), reason="SMACV2_SOURCE names no checkout of oxwhirl/smacv2"
)
DRAWS = 4000
SIZES = [(5, 5), (5, 8), (8, 5)]

Features = dict[str, float]


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("official_distributions", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seeds = iter(range(1, 100))
    monkeypatch.setattr(module, "default_rng", lambda: np.random.default_rng(next(seeds)))
    random.seed(0)
    return module


def assert_alike(ours: Callable[[], Features], theirs: Callable[[], Features]) -> None:
    """Means of every feature agree within five standard errors of their difference."""
    a, b = ([draw() for _ in range(DRAWS)] for draw in (ours, theirs))
    for name in a[0]:
        left, right = (np.array([features[name] for features in side]) for side in (a, b))
        error = np.sqrt((left.var() + right.var()) / DRAWS)
        assert abs(left.mean() - right.mean()) <= 5 * error, (name, left.mean(), right.mean())


def team_features(teams: Teams) -> Features:
    ally, enemy = teams
    features: Features = {"same": float(ally[: len(enemy)] == enemy[: len(ally)])}
    for name in ("marine", "marauder", "medivac"):
        features |= {
            f"first {name}": float(ally[0] == name),
            f"last enemy {name}": float(enemy[-1] == name),
            f"allies {name}": ally.count(name),
            f"enemies {name}": enemy.count(name),
            f"no {name}": float(name not in ally),
            f"two {name} in a row": float(ally[:2] == [name, name]),
        }
    return features


def place_features(places: Places) -> Features:
    ally, enemy = places
    off = enemy - 16
    diagonal = np.isclose(abs(off[:, 0]), abs(off[:, 1])).all()
    return {
        "ally x": ally[0, 0],
        "ally y": ally[-1, 1],
        "ally x squared": ally[0, 0] ** 2,
        "enemy x": enemy[0, 0],
        "enemy y": enemy[0, 1],
        "last enemy x": enemy[-1, 0],
        "last enemy y": enemy[-1, 1],
        "squares": float((off**2).sum()),
        "surrounded": float((ally == 16).all()),
        "diagonal": float(diagonal),
        "points": len(np.unique(enemy, axis=0)),
        "first two together": float((enemy[0] == enemy[1]).all()),
        "mirrored": float(np.allclose(ally[: len(enemy), 0], 32 - enemy[: len(ally), 0])),
        "corner": float(abs(off).max() > 15),
        "inside": float(abs(off).max(1).min() < 4),
    }


def settings(n_units: int, n_enemies: int, **values: object) -> dict[str, Any]:
    return {"env_key": "key", "n_units": n_units, "n_enemies": n_enemies, **values}


@pytest.mark.parametrize("sizes", [*SIZES, (1, 1), (2, 3)])
def test_weighted_teams_are_drawn_alike(official: ModuleType, sizes: tuple[int, int]):
    race, generator = load_facts().races["terran"], np.random.default_rng(0)
    ours = WeightedTeams().of(race)
    theirs = official.WeightedTeamsDistribution(
        settings(
            *sizes,
            unit_types=race.unit_types,
            weights=race.weights,
            exception_unit_types=set(race.exception_unit_types),
        )
    )

    def their_teams() -> Features:
        drawn = theirs.generate()["key"]
        return team_features(Teams(list(drawn["ally_team"]), list(drawn["enemy_team"])))

    assert_alike(lambda: team_features(ours.draw(generator, *sizes)), their_teams)


def test_all_teams_are_drawn_alike(official: ModuleType):
    race, generator = load_facts().races["terran"], np.random.default_rng(0)
    ours = AllTeams().of(race)
    theirs = official.AllTeamsDistribution(
        settings(3, 3, unit_types=race.unit_types, exception_unit_types=["medivac"])
    )

    def their_teams() -> Features:
        drawn = theirs.generate()["key"]
        return team_features(Teams(drawn["ally_team"], drawn["enemy_team"]))

    assert_alike(lambda: team_features(ours.draw(generator, 3, 3)), their_teams)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("ReflectPositionDistribution", ReflectPosition()),
        ("SurroundedPositionDistribution", Surrounded()),
        ("SurroundedAndReflectPositionDistribution", SurroundedAndReflect(p=0.3)),
    ],
    ids=["reflect", "surrounded", "both"],
)
def test_places_are_drawn_alike(
    official: ModuleType,
    name: str,
    ours: ReflectPosition | Surrounded | SurroundedAndReflect,
    sizes: tuple[int, int],
):
    generator = np.random.default_rng(0)
    theirs = getattr(official, name)(settings(*sizes, map_x=32, map_y=32, p=0.3))

    def their_places() -> Features:
        drawn = theirs.generate()
        at = [drawn[f"{side}_start_positions"]["item"] for side in ("ally", "enemy")]
        return place_features(Places(*at))

    assert_alike(lambda: place_features(ours.draw(generator, *sizes)), their_places)


def test_numbers_and_masks_are_drawn_alike(official: ModuleType):
    generator = np.random.default_rng(0)
    uniform = official.PerAgentUniformDistribution(
        settings(4, 3, lower_bound=[0.2], upper_bound=[0.7])
    )
    mask = official.MaskDistribution(settings(4, 3, mask_probability=0.3))

    def features(numbers: np.ndarray, hidden: np.ndarray) -> Features:
        return {
            "mean": numbers.mean(),
            "spread": numbers.std(),
            "least": numbers.min(),
            "most": numbers.max(),
            "hidden": hidden.mean(),
            "first": hidden[0, 0],
            "rows alike": float((hidden[0] == hidden[1]).all()),
        }

    ours = PerAgentUniform((0.2,), (0.7,)), Mask(0.3)
    assert_alike(
        lambda: features(*(part.draw(generator, 4, 3) for part in ours)),
        lambda: features(uniform.generate()["key"]["item"], mask.generate()["enemy_mask"]["item"]),
    )

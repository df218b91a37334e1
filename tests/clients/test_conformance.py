"""The official clients on our server and our own environments show the same battles, step by step.

The server fights battle k of a game with seed s as our environments fight the episode with seed
`battle_seed(s, k)`, so one side's masks choose the actions of both and all else is compared.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from marl.engine.scenario import scenario_names
from marl.envs.game.env import GAME_SEEDS, GameEnv
from marl.envs.game.options import GameConfig
from marl.envs.smac import Sc2Config, SmacEnv
from marl.sc2api.battle import battle_seed
from tests.clients.clientkit import clients_python, left_over, smac_source

EPISODES = 20
SEED = 11
BOLD = 0.8  # share of the choices in which an agent that can attack does
# The wire has single precision, our battles double: what is left of a difference of coordinates.
TOLERANCE = 2e-5


@dataclass
class Differences:
    """The largest difference of each kind, and where it was."""

    largest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    where: dict[str, str] = field(default_factory=dict)
    steps: int = 0
    wins: int = 0

    def compare(self, what: str, where: str, theirs: NDArray, ours: NDArray) -> None:
        """Note how far the two are from each other."""
        apart = np.abs(np.asarray(theirs, dtype=float) - np.asarray(ours, dtype=float))
        worst = float(apart.max(initial=0.0))
        if worst > self.largest[what]:
            index = tuple(int(n) for n in np.unravel_index(int(apart.argmax()), apart.shape))
            self.largest[what] = worst
            self.where[what] = f"{where}, {what}{list(index)}"

    def assert_small(self) -> None:
        """No mask, result or reward of another kind, and no number that is another one."""
        for what, worst in self.largest.items():
            limit = 0.0 if what in ("mask", "end", "outcome") else TOLERANCE
            assert worst <= limit, f"{worst} in {self.where[what]}"


def choose(avail: NDArray[np.bool_], first_target: int, rng: np.random.Generator) -> NDArray:
    """Legal actions [A], mostly attacks where there are any: so battles are fought out."""
    scores = np.where(avail, rng.random(avail.shape), -1.0)
    scores[:, first_target:] += (rng.random(len(avail)) < BOLD)[:, None] & avail[:, first_target:]
    return scores.argmax(-1)


def play_both(
    theirs: GameEnv, ours: SmacEnv, episodes: int, differences: Differences, name: str
) -> None:
    """The same battles on both sides."""
    rng = np.random.default_rng(SEED)
    first_target = ours.scene().first_target
    first = np.uint64(SEED)
    for k in range(episodes):
        seed = battle_seed(int(first % GAME_SEEDS), k)
        theirs.reset(np.array([first if k == 0 else seed], dtype=np.uint64))
        ours.reset(np.array([seed], dtype=np.uint64))
        over, step = False, 0
        while not over:
            where = f"{name}, battle {k}, step {step}"
            for what, one, other in zip(
                ("obs", "state", "mask"), theirs.observe(), ours.observe(), strict=True
            ):
                differences.compare(what, where, one[0], other[0])
            actions = choose(theirs.observe().avail[0], first_target, rng)[None]
            one, other = theirs.step(actions), ours.command(actions)
            assert not theirs.broken()[0], where
            differences.compare("reward", where, one.reward, other.reward)
            differences.compare("end", where, one.terminated, other.terminated)
            for key, values in theirs.outcomes().items():
                differences.compare("outcome", where, values, ours.outcomes()[key])
            over = bool(one.terminated[0] or one.truncated[0])
            step += 1
        differences.steps += step
        differences.wins += int(theirs.outcomes()["battle_won"][0])


def compare_v1(name: str, episodes: int, sc2path: Path) -> Differences:
    game = GameConfig(python=clients_python(), source=smac_source("v1"))
    config = Sc2Config(backend="game", map=name, game=game)
    theirs, ours = config.build(1, 1), replace(config, backend="engine").build(1, 1)
    assert isinstance(theirs, GameEnv)
    assert isinstance(ours, SmacEnv)
    assert replace(ours.spec, name="") == replace(theirs.spec, name="")
    differences = Differences()
    try:
        play_both(theirs, ours, episodes, differences, name)
        incidents = theirs.incidents()
    finally:
        theirs.close()
        ours.close()
    print(name, f"{differences.steps} steps, {differences.wins} won", dict(differences.largest))
    assert incidents == {"env_restarts": 0, "env_recycled": 0, "env_episodes_dropped": 0}
    assert left_over(sc2path) == []
    return differences


@pytest.mark.parametrize("name", ["3m", "2s3z"])
def test_a_few_battles_of_v1_are_the_same(
    name: str, sc2path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SC2PATH", str(sc2path))
    compare_v1(name, 2, sc2path).assert_small()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", scenario_names())
def test_twenty_battles_of_every_v1_map_are_the_same(
    name: str, sc2path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SC2PATH", str(sc2path))
    compare_v1(name, EPISODES, sc2path).assert_small()

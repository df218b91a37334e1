"""The official clients on our server and our own environments show the same battles, step by step.

The server fights battle k of a game with seed s as our environments fight the episode with seed
`battle_seed(s, k)`, so one side's masks choose the actions of both and all else is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.engine.facts.scenario import scenario_names
from marl.engine.scripts.focus_fire import focus_fire
from marl.engine.smacv2.generation import make_generation
from marl.engine.world import NO_UNIT
from marl.envs.game.env import GAME_SEEDS, GameEnv
from marl.envs.game.options import GameConfig
from marl.envs.smac import Sc2Config, SmacEnv
from marl.envs.smac_game import plan_v2
from marl.envs.smacv2 import Smacv2Config
from marl.sc2api.battle import battle_seed
from marl.scripted.players import FocusPlayer
from tests.clients.clientkit import clients_python, left_over, smac_source
from tests.clients.onlooker import Onlooker

OURS_ALONE = (
    "1c3s5z_vs_1c3s6z",
    "1c3s8z_vs_1c3s9z",
    "5s10z",
    "7sz",
)  # not in the client's registry
OFFICIAL = [name for name in scenario_names() if name not in OURS_ALONE]
EPISODES = 20
SEED = 11
BOLD = 0.8  # share of the choices in which an agent that can attack does
# The wire has single precision, our battles double: what is left of a difference of coordinates.
TOLERANCE = 2e-5


@dataclass
class Differences:
    """How far the two sides were apart at most, by kind; a real difference ends the test."""

    largest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    steps: int = 0
    wins: int = 0

    def compare(self, what: str, where: str, theirs: NDArray, ours: NDArray) -> None:
        """Masks, ends and outcomes are equal; the other numbers within TOLERANCE."""
        theirs, ours = np.asarray(theirs, dtype=float), np.asarray(ours, dtype=float)
        apart = np.abs(theirs - ours)
        worst = float(apart.max(initial=0.0))
        limit = 0.0 if what in ("mask", "end", "outcome") else TOLERANCE
        at = tuple(int(n) for n in np.unravel_index(int(apart.argmax()), apart.shape))
        assert worst <= limit, f"{where}: {what}{list(at)} is {theirs[at]}, ours {ours[at]}"
        self.largest[what] = max(self.largest[what], worst)


class Tactics:
    """Actions for both sides: focus fire in every other battle, to win some, else at random.

    At random: legal ones, and who can attack mostly does.
    """

    def __init__(self, ours: SmacEnv) -> None:
        self.ours, self.rng = ours, np.random.default_rng(SEED)
        self.first_target = ours.scene().first_target
        self.focus = FocusPlayer(ours, steps_back=False)

    def begin(self) -> None:
        """A battle starts."""
        self.focus.targets[:] = NO_UNIT

    def choose(self, battle: int, avail: NDArray[np.bool_]) -> NDArray[np.int64]:
        """avail: [A,U]."""
        if battle % 2 == 0:
            player, units = self.focus, self.ours.battles.world.units
            focus_fire(
                player.scene, False, units, avail[None], player.targets, player.assigned_damage,
                player.actions,
            )  # fmt: skip
            return player.actions[0]
        scores = np.where(avail, self.rng.random(avail.shape), -1.0)
        bold = self.rng.random(len(avail)) < BOLD
        scores[:, self.first_target :] += bold[:, None] & avail[:, self.first_target :]
        return scores.argmax(-1)


def play_both(
    theirs: GameEnv,
    ours: SmacEnv,
    episodes: int,
    differences: Differences,
    deploy: Callable[[int], None] = lambda seed: None,
    onlooker: Onlooker | None = None,
) -> None:
    """The same battles on both sides.

    deploy: told the seed that the client's units are drawn from. onlooker: sees for us.
    """
    name = theirs.spec.name
    tactics = Tactics(ours)
    first = np.uint64(SEED)
    for k in range(episodes):
        seed = battle_seed(int(first % GAME_SEEDS), k)
        theirs.reset(np.array([first if k == 0 else seed], dtype=np.uint64))
        deploy(int(first if k == 0 else seed))
        ours.reset(np.array([seed], dtype=np.uint64))
        if onlooker is not None:
            onlooker.begin(k)
        tactics.begin()
        over, step = False, 0
        while not over:
            where = f"{name}, battle {k}, step {step}"
            obs, state, mask = (array[0] for array in ours.observe()[:3])
            if onlooker is not None:
                onlooker.see(k, step)
                obs, mask = onlooker.obs, onlooker.avail
            seen = theirs.observe()
            differences.compare("obs", where, seen.obs[0], obs)
            differences.compare("state", where, seen.state[0], state)
            differences.compare("mask", where, seen.avail[0], mask)
            actions = tactics.choose(k, seen.avail[0])[None]
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


def compare_v1(name: str, episodes: int, sc2path: Path) -> None:
    game = GameConfig(python=clients_python(), source=smac_source("v1"))
    config = Sc2Config(backend="game", map=name, game=game)
    theirs, ours = config.build(1, 1), replace(config, backend="engine").build(1, 1)
    assert isinstance(theirs, GameEnv)
    assert isinstance(ours, SmacEnv)
    assert replace(ours.spec, name="") == replace(theirs.spec, name="")
    differences = Differences()
    try:
        play_both(theirs, ours, episodes, differences)
    finally:
        theirs.close()
        ours.close()
    conclude(theirs, differences, sc2path)


def compare_v2(name: str, episodes: int, sc2path: Path, **options: object) -> None:
    """Rewards as they are before the client divides them by its first battle's.

    Our units start where the wire says, in single precision: a battle that begins a millionth of a
    grid unit elsewhere is soon another one.
    """
    source = smac_source("v2")
    flags = [f"{key}={value}" for key, value in {"map": name, **options}.items()]
    plan = make_plan(split(["train", "--config=iql", "--env-config=sc2v2", "with", *flags]))
    config = replace(plan.env, reward_scale=False)  # type: ignore[type-var]
    assert isinstance(config, Smacv2Config)
    generation = make_generation(name, config.capability_config)
    deployments = [generation.deploy(0)]

    def deploy(seed: int) -> None:
        drawn = generation.deploy(seed)
        places = (at.astype(np.float32).astype(np.float64) for at in (drawn.x, drawn.y))
        deployments[0] = replace(drawn, **dict(zip("xy", places, strict=True)))

    scenario = replace(generation.scenario(), deploy=lambda seed: deployments[0])
    ours = SmacEnv(config.battles(scenario, 1, 1), "sc2v2-engine")
    game = GameConfig(python=clients_python(), source=source)
    game_plan = plan_v2(replace(config, backend="game", game=game), generation)
    seeded = {"module": "seeded_smacv2", "source": str(Path(__file__).parent)}
    theirs = GameEnv(replace(game_plan, make={**game_plan.make, **seeded}), game, 1)
    assert replace(ours.spec, name="") == replace(theirs.spec, name="")
    differences = Differences()
    try:
        play_both(theirs, ours, episodes, differences, deploy, Onlooker(ours))
    finally:
        theirs.close()
        ours.close()
    conclude(theirs, differences, sc2path)


def conclude(theirs: GameEnv, differences: Differences, sc2path: Path) -> None:
    """Nothing was restarted and nothing lives on."""
    apart = {what: float(f"{worst:.2g}") for what, worst in differences.largest.items()}
    print(theirs.spec.name, f"{differences.steps} steps, {differences.wins} won", apart)
    assert theirs.incidents() == {"env_restarts": 0, "env_recycled": 0, "env_episodes_dropped": 0}
    assert left_over(sc2path) == []


@pytest.mark.parametrize("name", ["3m", "2s3z"])
def test_a_few_battles_of_v1_are_the_same(
    name: str, sc2path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SC2PATH", str(sc2path))
    compare_v1(name, 2, sc2path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", OFFICIAL)
def test_twenty_battles_of_each_of_the_23_v1_maps_are_the_same(
    name: str, sc2path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SC2PATH", str(sc2path))
    assert len(OFFICIAL) == 23
    compare_v1(name, EPISODES, sc2path)


V2 = [
    ("terran_5_vs_5", {}),
    ("protoss_5_vs_5", {}),
    ("zerg_5_vs_5", {}),
    ("protoss_10_vs_11", {"conic_fov": True}),
    ("terran_10_vs_10", {"fully_observable": True, "obs_last_action": True}),
    ("zerg_20_vs_23", {"obs_timestep_number": True}),
]


def test_a_few_battles_of_v2_are_the_same(sc2path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SC2PATH", str(sc2path))
    compare_v2("protoss_5_vs_5", 2, sc2path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "options"), V2)
def test_twenty_battles_of_every_race_of_v2_are_the_same(
    name: str, options: dict, sc2path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SC2PATH", str(sc2path))
    compare_v2(name, EPISODES, sc2path, **options)

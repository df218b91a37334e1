"""Whole battles of any scenario for property tests: played, recorded, and measured by other means
than the engine's own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marl.engine.battle import Battles
from marl.engine.facts.scenario import CELLS, Scenario, load_scenario, scenario_names
from marl.engine.scripts.random_legal import random_legal_actions
from marl.engine.smac.options import Options, Smacv2Options
from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from marl.engine.smacv2.start_positions import SurroundedAndReflect
from marl.engine.smacv2.traits import Mask, PerAgentUniform
from marl.engine.world import BODIES, UnitTypes

# Of SMACv2: all capabilities, everything drawn anew for each seed.
DRAWN = ("protoss_5_vs_5", "terran_10_vs_11", "zerg_10_vs_10")
CAPABILITIES = CapabilityConfig(
    start_positions=SurroundedAndReflect(),
    attack=PerAgentUniform(),
    health=PerAgentUniform((0.0,), (0.5,), observe=False),
    enemy_mask=Mask(),
)

names = st.sampled_from((*scenario_names(), *DRAWN))
seeds = st.integers(0, 2**64 - 1)
styles = st.sampled_from(("random", "fight"))
# The same few examples every time. Those that fail are not made smaller: that takes minutes.
PHASES = (Phase.explicit, Phase.generate)
few = settings(max_examples=8, deadline=None, derandomize=True, phases=PHASES)
NEIGHBOURS = 2  # cells around a point that are looked at: more than any inner radius


class History(NamedTuple):
    """What E battles were and showed before each step and after the last, T + 1 times."""

    units: NDArray  # [T+1,E,N] records
    obs: NDArray  # [T+1,E,A,O]
    state: NDArray  # [T+1,E,S]
    avail: NDArray  # [T+1,E,A,U]
    reward: NDArray  # [T+1,E], 0 at the start
    ended: NDArray  # [T+1,E]

    @property
    def alive(self) -> NDArray:
        """[T+1,E,N]"""
        return self.units["health"] > 0


@cache
def scenario_of(name: str) -> Scenario:
    """A scenario of a map file, or one of DRAWN."""
    if name in DRAWN:
        return make_generation(name, CAPABILITIES).scenario()
    return load_scenario(name)


@cache
def battles_of(name: str, num_envs: int, threads: int = 1, step_mul: int = 8) -> Battles:
    """The same object every time: nothing of an earlier battle may live on."""
    options = Options(step_mul=step_mul)
    if name in DRAWN:
        last = min(step_mul - 1, 2)
        options = Smacv2Options(
            step_mul=step_mul, kill_unit_step_mul=last, capability_config=CAPABILITIES
        )
    return Battles(scenario_of(name), options, num_envs, threads)


class Player:
    """Random legal actions; in style "fight" an agent that may attack takes its first target."""

    def __init__(self, battles: Battles, seeds: Sequence[int], style: str) -> None:
        self.battles, self.style = battles, style
        self.rng = np.zeros((battles.num_envs, 1), dtype=np.uint64)
        self.rng[: len(seeds), 0] = seeds
        self.actions = np.zeros(battles.record.last_actions.shape, dtype=np.int64)
        battles.reset(np.array(seeds, dtype=np.uint64))

    def choose(self) -> NDArray:
        """The next actions, [E,A]; each battle's depend on its seed and what it shows alone."""
        mask, first = self.battles.record.avail.copy(), self.battles.rules.layout.first_target
        if self.style == "fight":
            attacks = mask[:, :, first:]
            mask[:, :, :first] &= ~attacks.any(-1, keepdims=True)
            attacks &= attacks.cumsum(-1) == 1
        random_legal_actions(mask, self.rng, self.actions)
        return self.actions

    def step(self) -> None:
        """One step of all battles."""
        self.battles.step(self.choose())


def play(battles: Battles, seeds: Sequence[int], style: str, strength: float = 1.0) -> History:
    """Whole battles of one limit, recorded. strength: of the agents' health at the start."""
    player = Player(battles, seeds, style)
    record, units = battles.record, battles.world.units
    units["health"][:, : battles.scenario.count("ally")] *= strength
    shown = []
    for step in range(battles.scenario.episode_limit + 1):
        if step:
            player.step()
        ended = record.terminated | record.truncated
        shows = (units, record.obs, record.state, record.avail, record.reward, ended)
        shown.append([array.copy() for array in shows])
        if ended.all():
            break
    return History(*(np.array(series) for series in zip(*shown, strict=True)))


def per_unit(history: History, fact: NDArray) -> NDArray:
    """The type's fact of each unit. fact: [K]; gives [T+1,E,N]."""
    return fact[history.units["kind"]]


def clearances(closed: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """How far points on the map lie from closed cells and the edge, as far as NEIGHBOURS cells.

    closed: [H,W].
    """
    height, width = closed.shape
    found = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))
    around = range(-NEIGHBOURS, NEIGHBOURS + 1)
    for down, right in itertools.product(around, around):
        row, column = np.floor(y) + down, np.floor(x) + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        here = np.where(inside, row, 0).astype(int), np.where(inside, column, 0).astype(int)
        near = inside & closed[here]
        gap_x = np.maximum(np.maximum(column - x, x - column - 1), 0)
        gap_y = np.maximum(np.maximum(row - y, y - row - 1), 0)
        found = np.where(near, np.minimum(found, np.hypot(gap_x, gap_y)), found)
    return found


def distances(units: NDArray) -> NDArray:
    """Between the centres of all pairs. units: [...,N] records; gives [...,N,N]."""
    x, y = units["x"], units["y"]
    return np.hypot(x[..., None] - x[..., None, :], y[..., None] - y[..., None, :])


def grounds(walkable: NDArray, types: UnitTypes) -> list[tuple[NDArray, NDArray]]:
    """(types, cells closed to them): the kinds of ground, [K] and [H,W] booleans each.

    Half cells (diagonal cliffs) count as open. Those who fly keep to the map alone.
    """
    flies = types.body == 1 << BODIES.index("Flying")
    climbs = ~flies & (types.cliff_walk == 1)
    wall, cliff = walkable == CELLS["#"], walkable == CELLS["^"]
    return [(flies, np.zeros_like(wall)), (climbs, wall), (~flies & ~climbs, wall | cliff)]


def contacts(types: UnitTypes, kind: NDArray, side: NDArray) -> NDArray:
    """How near two units' centres may come: [N,N], 0 where they may pass over each other."""
    body, collides = types.body[kind], types.collides[kind]
    meet = (body[:, None] & collides != 0) | (body & collides[:, None] != 0)
    inner, separation = types.inner_radius[kind], types.separation[kind]
    squeezed = inner[:, None] + inner
    return meet * np.where(side[:, None] == side, squeezed, separation[:, None] + separation)

"""Traces: the same battle again, from a few kilobytes; everything else is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marl.engine.smacv2.generation import CapabilityConfig
from marl.engine.smacv2.traits import PerAgentUniform
from marl.envs.matrix import MatrixConfig
from marl.envs.smac import Sc2Config
from marl.envs.smacv2 import Smacv2Config
from marl.replay.battles import script_traces
from marl.replay.camera import Camera
from marl.replay.container import ReplayError
from marl.replay.film import Film
from marl.replay.page import page
from marl.replay.trace import MAGIC, Trace, env_of, film_of
from marl.scripted.players import HeuristicConfig, KiteConfig, RandomConfig

# AllRows that may make a step of SMACv2 go otherwise than the agents ordered.
HARD = CapabilityConfig(
    attack=PerAgentUniform(lower_bound=(0.3,)), health=PerAgentUniform(upper_bound=(0.4,))
)
CONFIGS = {
    "v1": Sc2Config(map="3m"),
    "drawn": Smacv2Config(map="zerg_5_vs_5", conic_fov=True, capability_config=HARD),
}
SEEDS = np.array([3, 2**64 - 1], dtype=np.uint64)


def traces(config, player) -> list[Trace]:
    env = config.build(2, 1)
    found = script_traces(env, player, SEEDS, config, {"player": "it"})
    env.close()
    return found


@pytest.fixture(scope="module")
def played() -> list[Trace]:
    return traces(CONFIGS["v1"], KiteConfig())


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_trace_fights_the_same_battle_loop_by_loop(config):
    """The camera itself holds its loops to the engine's step, bit for bit."""
    for made in traces(config, RandomConfig()):
        film = film_of(Trace.from_bytes(made.to_bytes()))
        assert film.outcome == made.outcome
        assert film.loops.tolist() == list(range(8 * made.outcome["steps"] + 1))
        dead = (film.columns["health"][-1] == 0) & (film.side == 1)
        assert dead.sum() == made.outcome["dead_enemies"]
        assert film.channels["reward"].sum() == pytest.approx(made.outcome["return"], abs=1e-3)


def test_a_script_whose_orders_go_past_the_mask_is_traced_too():
    for made in traces(CONFIGS["v1"], HeuristicConfig()):
        assert made.ignores_mask
        assert film_of(made).outcome["steps"] == len(made.actions)


def test_a_trace_takes_little_room(played):
    assert all(len(made.to_bytes()) < 3000 for made in played)
    assert all(len(film_of(made).to_bytes()) < 20_000 for made in played)


def test_a_whole_battle_of_3s_vs_5z_is_a_page_below_300_kb():
    made = traces(Sc2Config(map="3s_vs_5z"), KiteConfig())[0]
    numbers = np.random.default_rng(0)  # that nothing can compress
    noise = {"q": numbers.random((251, 3, 11)), "cq": numbers.random(251)}
    trace = replace(made, channels=noise)
    assert len(made.actions) > 100
    assert len(trace.to_bytes()) < 11_000  # 8,283 of them are the Q-values of 250 steps
    assert len(page(film_of(trace)).encode()) < 300_000


def test_a_trace_is_the_same_after_a_file(played, tmp_path):
    made = played[1]
    made.save(tmp_path / "one.trace")
    read = Trace.load(tmp_path / "one.trace")
    assert read.to_bytes() == made.to_bytes()
    assert read.seed == 2**64 - 1
    np.testing.assert_array_equal(read.actions, made.actions)


def test_a_step_that_goes_otherwise_than_its_loops_is_noticed():
    env = CONFIGS["v1"].build(1, 1)
    env.reset(SEEDS[:1])
    camera = Camera(env.battles, 0, 3)
    stop, north = np.ones(3, dtype=np.int64), np.full(3, 2)
    with pytest.raises(AssertionError, match="another battle than the step"):
        camera.step(stop, False, lambda: env.step(north[None]))
    env.close()


CHANGES = {
    "played by other rules": {"digest": "0" * 16},
    "there are: sc2": {"env": "matrix"},
    "map '9m'": {"options": {"map": "9m"}},
    "quirk": {"options": {"map": "3m", "quirk": 1}},
    "actions of 5 agents": {"actions": np.ones((1, 5), "<i4")},
    "not available": {"actions": np.zeros((1, 3), "<i4")},  # the living must do something
    "action 50 is not available": {"actions": np.full((1, 3), 50, "<i4")},
    "action 1000 is not available": {"actions": np.full((1, 3), 1000, "<i4")},
    "action 2147483647 is not available": {
        "actions": np.full((1, 3), 2**31 - 1, "<i4"),
        "ignores_mask": True,
    },
    "action -1 is not available": {"actions": np.full((1, 3), -1, "<i4"), "ignores_mask": True},
    "but the battle ended with": {
        "outcome": {"dead_enemies": 3.0},
        "actions": np.ones((1, 3), "<i4"),
    },
}


@pytest.mark.parametrize("line", CHANGES)
def test_a_trace_that_does_not_fit_is_refused_in_one_line(played, line):
    changed = replace(played[0], **CHANGES[line])
    with pytest.raises(Exception, match=line) as caught:
        film_of(Trace.from_bytes(changed.to_bytes()))
    assert type(caught.value).__name__ in ("ReplayError", "EnvError")
    assert "\n" not in str(caught.value)


def test_a_trace_of_an_older_format_says_so(played):
    content = played[0].to_bytes()
    older = content[: len(MAGIC) - 1] + b"1" + content[len(MAGIC) :]
    with pytest.raises(ReplayError, match="of its format; this program reads"):
        Trace.from_bytes(older)


def test_a_film_is_no_trace(played):
    film = film_of(played[0])
    with pytest.raises(ReplayError, match="not a file of this kind"):
        Trace.from_bytes(film.to_bytes())
    with pytest.raises(ReplayError, match="not a file of this kind"):
        Film.from_bytes(played[0].to_bytes())


@pytest.mark.parametrize("config", [MatrixConfig(), Sc2Config(backend="game")])
def test_only_battles_on_the_engine_are_traced(config):
    with pytest.raises(ReplayError, match="only battles on the engine"):
        env_of(config)


def test_a_trace_starts_no_program_that_it_names(played, tmp_path):
    program, mark = tmp_path / "program", tmp_path / "mark"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    options = {**played[0].options, "backend": "game", "game": {"python": str(program)}}
    with pytest.raises(ReplayError, match="backend=game"):
        film_of(Trace.from_bytes(replace(played[0], options=options).to_bytes()))
    assert not mark.exists()


def test_numbers_without_an_end_are_refused_in_one_line(played):
    with pytest.raises(ReplayError):
        Trace.from_bytes(replace(played[0], facts={"a": 10**400}).to_bytes())

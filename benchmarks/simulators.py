"""One battle simulator in a process of its own: the workers of peers.py.

Each runs in the Python that has its simulator, so imports stand in the functions that need them.
A line of JSON answers each line of JSON; the output of libraries goes to stderr.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import IO, Any

Play = Callable[[float], int]  # plays for about so many seconds and gives the steps taken


@dataclass(frozen=True)
class Simulator:
    """A simulator as a worker process offers it."""

    versions: dict[str, str]
    limits: dict[str, int]  # map -> step limit; 0 = the simulator's own
    batches: bool
    build: Callable[[str, int, int], Play]  # (map, number of environments, step limit)
    machine: dict[str, str] | None = None


def open_marl() -> Simulator:
    """This repository's engine."""
    from marl.engine.facts.scenario import load_scenario, scenario_names
    from marl.envs.smac import Sc2Config
    from marl.run import bench, machine

    return Simulator(
        versions={"marl": metadata.version("marl-starcraft")},
        limits={name: load_scenario(name).episode_limit for name in scenario_names()},
        batches=True,
        build=lambda name, num_envs, _: bench.random_play(Sc2Config(map=name), num_envs, 1),
        machine=machine.facts(),
    )


def open_smaclite(use_cpp_rvo2: bool) -> Simulator:
    """SMAClite with its numpy collision avoidance, or with the C++ one."""
    from smaclite.env import SMACliteEnv
    from smaclite.env.maps.map import MapPreset

    maps = {preset.value.name: preset.value for preset in MapPreset}

    def build(name: str, num_envs: int, limit: int) -> Play:
        env = SMACliteEnv(map_info=maps[name], use_cpp_rvo2=use_cpp_rvo2)
        battles = play_on(env, random.Random(1), limit)

        def play(seconds: float) -> int:
            steps, end = 0, time.perf_counter() + seconds
            while steps == 0 or time.perf_counter() < end:
                next(battles)
                steps += 1
            return steps

        return play

    packages = ["smaclite", "numpy", "gymnasium", "rtree"]
    if use_cpp_rvo2:
        import rvo2  # noqa: F401  (SMAClite imports it only when a battle is built)

        packages.append("pyrvo2")
    return Simulator(versions_of(packages), dict.fromkeys(maps, 0), False, build)


def play_on(env: Any, rng: random.Random, limit: int) -> Iterator[None]:
    """Battle after battle of at most `limit` steps in SMAClite, with all that a learner reads."""
    while True:
        env.reset(seed=rng.randrange(2**31))
        for _ in range(limit):
            masks = env.get_avail_actions()
            env.get_state()
            actions = [rng.choice([u for u, legal in enumerate(mask) if legal]) for mask in masks]
            done = env.step(actions)[2]
            yield
            if done:
                break


def open_smax(in_one_loop: bool) -> Simulator:
    """SMAX of JaxMARL against its scripted enemy, a call for each step or one for a round."""
    import jax
    import jax.numpy as jnp
    from jaxmarl.environments.smax import HeuristicEnemySMAX, smax_env

    def build(name: str, num_envs: int, _: int) -> Play:
        env = HeuristicEnemySMAX(scenario=smax_env.map_name_to_scenario(name))

        def choose(key: Any, avail: dict) -> dict:
            legal = jnp.stack([avail[agent] for agent in env.agents], axis=1)  # [E,A,U]
            chosen = jax.random.categorical(key, jnp.where(legal, 0.0, -jnp.inf))
            return {agent: chosen[:, a] for a, agent in enumerate(env.agents)}

        def step(carry: tuple) -> tuple:
            key, state, avail, _, _ = carry
            key, action_key, step_key = jax.random.split(key, 3)
            keys = jax.random.split(step_key, num_envs)
            actions = choose(action_key, avail)
            obs, state, reward, _, _ = jax.vmap(env.step)(keys, state, actions)
            # Observations and rewards are carried along, so that XLA computes them.
            return key, state, jax.vmap(env.get_avail_actions)(state), obs, reward

        @jax.jit
        def start(key: Any) -> tuple:
            obs, state = jax.vmap(env.reset)(jax.random.split(key, num_envs))
            avail = jax.vmap(env.get_avail_actions)(state)
            return step((key, state, avail, obs, {}))

        @jax.jit
        def run(steps: int, carry: tuple) -> tuple:
            return jax.lax.fori_loop(0, steps, lambda _, held: step(held), carry)

        carry = start(jax.random.key(1))
        batch = 1  # steps a call

        def play(seconds: float) -> int:
            nonlocal carry, batch
            steps, begin = 0, time.perf_counter()
            while steps == 0 or time.perf_counter() < begin + seconds:
                carry = jax.block_until_ready(run(batch, carry))
                steps += batch
            if in_one_loop:  # next time, a tenth of the round in each call
                speed = steps / (time.perf_counter() - begin)
                batch = max(1, round(speed * seconds / 10))
            return steps * num_envs

        play(0.0)  # to compile
        play(0.5)
        return play

    maps = smax_env.MAP_NAME_TO_SCENARIO
    return Simulator(versions_of(["jaxmarl", "jax"]), dict.fromkeys(maps, 0), True, build)


OPEN: dict[str, Callable[[], Simulator]] = {
    "marl": open_marl,
    "SMAClite": lambda: open_smaclite(use_cpp_rvo2=False),
    "SMAClite C++": lambda: open_smaclite(use_cpp_rvo2=True),
    "SMAX": lambda: open_smax(in_one_loop=False),
    "SMAX loop": lambda: open_smax(in_one_loop=True),
}


def versions_of(packages: list[str]) -> dict[str, str]:
    """The installed versions."""
    return {package: metadata.version(package) for package in packages}


def work(name: str, core: int) -> None:
    """Serve one simulator on one core, until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):  # XLA's pools have a thread for each core they may use
        os.sched_setaffinity(0, {core})
    try:
        simulator = OPEN[name]()
    except (ImportError, OSError) as error:  # OSError: a package without its shared library
        send(answers, {"missing": f"{type(error).__name__}: {error}"})
        return
    offers = {key: value for key, value in vars(simulator).items() if key != "build"}
    send(answers, offers)
    held, play = None, None  # one battle at a time: a thousand environments fill the memory
    for line in sys.stdin:
        asked = json.loads(line)
        battle = asked["map"], asked["num_envs"]
        if play is None or battle != held:
            held, play = battle, None
            play = simulator.build(*battle, asked["limit"])
            play(1e-9)  # to compile
        wall, cpu = time.perf_counter(), time.process_time()
        steps = play(asked["seconds"])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        send(answers, {"cpu": steps / cpu, "wall": steps / wall})


def send(stream: IO[str], message: dict) -> None:
    """One line of JSON."""
    stream.write(json.dumps(message) + "\n")
    stream.flush()


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))

"""A battle of five steps, fought in a process of its own: `python -m marl.doctor.battle`.

So even a crash of compiled code is a finding.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from marl.doctor.finding import Finding, State
from marl.doctor.probe import Probe, run_python

if TYPE_CHECKING:
    from marl.protocols.environments import VecEnv

MAP = "3m"
STEPS = 5
SEED = 1
SECONDS = 1200.0  # compiling takes minutes on a slow machine


def check_battle(probe: Probe | None = None) -> Finding:
    """Fight the battle, and report how it went."""
    probe = probe or run_python(["-m", "marl.doctor.battle"], SECONDS)
    topic = f"battle on {MAP}"
    if probe.code != 0:
        advice = "see the packages and the numba cache above"
        if probe.code is not None and probe.code < 0:
            advice = "compiled code crashed: make clean, then try again"
        return Finding(topic, State.BROKEN, probe.last_line, advice, needed=True)
    facts = json.loads(probe.out.strip().splitlines()[-1])
    if facts["wrong"]:
        advice = "this is a fault of the engine or of numba on this machine: please report it"
        return Finding(topic, State.BROKEN, "; ".join(facts["wrong"]), advice, needed=True)
    found = (
        f"{STEPS} steps fought twice, the same bit for bit; ready after {facts['ready']:.1f} s, "
        f"then {facts['step'] * 1e6:,.0f} µs a step"
    )
    return Finding(topic, State.OK, found, needed=True)


def fight() -> dict[str, object]:
    """Fight STEPS steps of random play twice. ready, step: seconds; wrong: its faults."""
    start = time.perf_counter()
    from marl.envs.smac import Sc2Config

    env = Sc2Config(map=MAP).build(1, 1)
    first = record(env)
    ready = time.perf_counter() - start  # includes the compilation, or loading, of a step
    start = time.perf_counter()
    second = record(env)
    step = (time.perf_counter() - start) / STEPS
    env.close()
    wrong = faults(first)
    if first != second:
        wrong.append("the same seed gave two different battles")
    return {"ready": ready, "step": step, "wrong": wrong}


def record(env: VecEnv) -> list[dict[str, object]]:
    """Reward, end, observations and state of each step of random play from SEED."""
    import numpy as np

    generator = np.random.default_rng(SEED)
    env.reset(np.array([SEED], dtype=np.uint64))
    steps: list[dict[str, object]] = []
    for _ in range(STEPS):
        avail = env.observe().mask  # [1,A,U]
        actions = [generator.choice(np.flatnonzero(row)) for row in avail[0]]
        legal = bool(avail[0].any(axis=-1).all())
        step = env.step(np.array([actions], dtype=np.int64))
        seen = env.observe()
        steps.append(
            {
                "reward": float(step.reward[0]),
                "ended": bool(step.terminated[0] or step.truncated[0]),
                "legal": legal,
                "finite": bool(np.isfinite(seen.obs).all() and np.isfinite(seen.state).all()),
                "obs": seen.obs.tobytes(),
                "state": seen.state.tobytes(),
            }
        )
    return steps


def faults(steps: list[dict[str, object]]) -> list[str]:
    """The faults in the first steps of a battle."""
    wrong = []
    if not all(step["legal"] for step in steps):
        wrong.append("an agent had no legal action")
    if not all(step["finite"] for step in steps):
        wrong.append("an observation or the state is not finite")
    if any(step["ended"] for step in steps):
        wrong.append("the battle ended too early")
    if len({step["state"] for step in steps}) != len(steps):
        wrong.append("the state did not change")
    return wrong


if __name__ == "__main__":
    print(json.dumps(fight()))

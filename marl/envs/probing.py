"""Plays environments for the contract: legal actions, and all that is shown, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import EnvError
from marl.protocols.environments import Step, VecEnv
from marl.spec import Continuous

Build = Callable[[int, int], VecEnv]  # num_envs, threads
Named = list[tuple[str, NDArray[Any]]]  # what was shown, and when


def require(env: VecEnv, holds: bool, line: str) -> None:
    """EnvError with the line where it does not hold."""
    if not holds:
        raise EnvError(f"{env.spec.name}: {line}")


@contextmanager
def made(build: Build, num_envs: int, threads: int = 1) -> Iterator[VecEnv]:
    """Environments, closed in the end."""
    env = build(num_envs, threads)
    try:
        yield env
    finally:
        env.close()


def seeds_of(*values: int) -> NDArray[np.uint64]:
    """Seeds as environments take them."""
    return np.array(values, dtype=np.uint64)


def choose(env: VecEnv, e: int, key: int) -> NDArray[Any]:
    """Actions [A] or [A,D] that environment e takes, a function of `key` and its mask alone."""
    rng, action = np.random.default_rng(key), env.spec.action
    if isinstance(action, Continuous):
        low, high = np.array(action.low), np.array(action.high)
        return rng.uniform(low, high, (env.spec.n_agents, action.dim)).astype(np.float32)
    avail = legal(env, e)  # [A,U]
    chosen: NDArray[Any] = np.where(avail, rng.random(avail.shape), -1.0).argmax(-1)
    return chosen


def choose_all(env: VecEnv, keys: Sequence[int]) -> NDArray[Any]:
    """Actions [E,A] or [E,A,D] that the environments take, row e from keys[e]."""
    return np.stack([choose(env, e, key) for e, key in enumerate(keys)])


def legal(env: VecEnv, e: int | None = None) -> NDArray[np.bool_]:
    """The mask of environment e [A,U], of all without e; EnvError where an agent has no action."""
    mask = env.observe().mask[slice(None) if e is None else e]
    stuck = np.flatnonzero(~mask.any(-1).reshape(-1, env.spec.n_agents).all(0)).tolist()
    said = f"there is no legal action for the agents {stuck}; leave each one, a no-op say"
    require(env, not stuck, said)
    return mask


def shown_by(env: VecEnv, e: int, when: str = "") -> Named:
    """What environment e shows now, by name; when: said with each name."""
    shown = env.observe()._asdict().items()
    return [(f"{name}{when}", array[e].copy()) for name, array in shown if array is not None]


def results_of(env: VecEnv, e: int) -> Named:
    """The outcomes of environment e."""
    found = sorted(env.outcomes().items())
    return [(f"the outcome {name}", values[e].copy()) for name, values in found]


def paid_to(step: Step, e: int) -> Named:
    """What a step gave environment e."""
    return [(name, values[e].copy()) for name, values in step._asdict().items()]


def play(env: VecEnv, seeds: Sequence[int]) -> list[Named]:
    """For each seed all that its episode showed; actions follow from seed and step alone."""
    env.reset(seeds_of(*seeds))
    shown: list[Named] = [[] for _ in seeds]
    running = np.arange(env.num_envs) < len(seeds)
    keys = [*seeds, *[0] * (env.num_envs - len(seeds))]
    for step in range(env.spec.episode_limit):
        for e in np.flatnonzero(running).tolist():
            shown[e] += shown_by(env, e, f" before step {step}")
        result = env.step(choose_all(env, [key + 7919 * step for key in keys]))
        for e in np.flatnonzero(running).tolist():
            shown[e] += [(f"{name} of step {step}", value) for name, value in paid_to(result, e)]
        running &= ~(result.terminated | result.truncated)
        if not running.any():
            break
    for e in range(len(seeds)):
        shown[e] += shown_by(env, e, " at the end") + results_of(env, e)
    return shown


def difference(one: Named, other: Named) -> str:
    """The first name whose values differ (bit for bit; NaN is NaN), "" where none does."""
    for (name, left), (other_name, right) in zip(one, other, strict=False):
        if name != other_name or not np.array_equal(left, right, equal_nan=True):
            return name
    return "" if len(one) == len(other) else "the length"

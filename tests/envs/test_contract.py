"""Environments that break the contract, each in one way, and the line that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from builders import SMALL, VECTORS, NoiseEnv

from marl.envs import contract
from marl.envs.goals import BitFlipConfig
from marl.envs.probing import Build
from marl.errors import EnvError
from marl.protocols.environments import Observation, Step, VecEnv
from marl.spec import EnvSpec

WINS = replace(SMALL, reports_win=True)


def bent(spec: EnvSpec, bend: Callable[[VecEnv], None]) -> Build:
    def build(num_envs: int, threads: int) -> VecEnv:
        env = NoiseEnv(spec, num_envs)
        bend(env)
        return env

    return build


def showing(change: Callable[[VecEnv, Observation], Observation]) -> Callable[[VecEnv], None]:
    """Bends what is observed."""

    def bend(env: VecEnv) -> None:
        observe = env.observe
        env.observe = lambda: change(env, observe())

    return bend


def stepping(change: Callable) -> Callable[[VecEnv], None]:
    """Bends what a step gives."""

    def bend(env: VecEnv) -> None:
        step = env.step
        env.step = lambda actions: change(env, step(actions))

    return bend


def unseeded(env: VecEnv) -> None:
    """Goes on with its own random numbers."""
    numbers, reset = count(), env.reset

    def own(seeds, rows=None):
        reset(seeds + np.array([next(numbers) for _ in seeds], dtype=np.uint64), rows)

    env.reset = own


def unlimited(env: VecEnv) -> None:
    """Plays on for fifty steps."""
    reset = env.reset

    def long(seeds, rows=None):
        reset(seeds, rows)
        env._left[env._left > 0] = 50

    env.reset = long


def restarts_all(env: VecEnv) -> None:
    """Takes no notice of rows."""
    reset = env.reset

    def every(seeds, rows=None):
        reset(seeds, None if rows is None or len(rows) == env.num_envs else rows * 0)

    env.reset = every


def pays_idle(env: VecEnv, step):
    return step._replace(reward=step.reward + np.float32(0.5))


def flickers(env: VecEnv, step):
    env._obs += np.float32(1.0)
    return step


def blind(env: VecEnv, shown: Observation) -> Observation:
    assert shown.avail is not None
    shown.avail[1, 2] = False
    return shown


def double(env: VecEnv, shown: Observation) -> Observation:
    return shown._replace(obs=shown.obs.astype(np.float64))


def undefined(env: VecEnv, shown: Observation) -> Observation:
    return shown._replace(state=shown.state * np.float32("nan"))


def both_ends(env: VecEnv, step):
    return step._replace(truncated=step.terminated | step.truncated)


@pytest.mark.parametrize(
    ("spec", "bend", "line"),
    [
        (SMALL, showing(double), r"test/small: obs is float64 \(3, 3, 6\), expected float32 \(3, "),
        (SMALL, showing(lambda env, shown: shown._replace(avail=None)), "avail is NoneType, expec"),
        (
            VECTORS,
            showing(lambda env, shown: shown._replace(avail=1)),
            "avail is not None, and its",
        ),
        (SMALL, showing(undefined), "state before step 0 is not finite"),
        (
            SMALL,
            showing(blind),
            r"no legal action for the agents \[2\]; leave each one, a no-op say",
        ),
        (SMALL, stepping(lambda env, step: step._replace(reward=[0.0] * 3)), "reward is list"),
        (SMALL, stepping(pays_idle), "an ended environment is paid 0.5; its reward is 0"),
        (SMALL, stepping(flickers), "obs of an ended environment changes; it stays as it was"),
        (SMALL, stepping(both_ends), "terminated and truncated an episode at once"),
        (SMALL, unlimited, "still runs after episode_limit=9 steps; truncate it there"),
        (SMALL, unseeded, "of the episode of seed 5 depends on more than seed and actions"),
        (SMALL, restarts_all, "environment"),
        (
            WINS,
            lambda env: setattr(env, "outcomes", dict),
            r"spec\.reports_win is True, and its outcomes are \[\]",
        ),
        (replace(SMALL, name="small"), lambda env: None, "spec.name has no '/'"),
    ],
)
def test_a_broken_promise_is_one_line(spec, bend, line):
    with pytest.raises(EnvError, match=line) as refusal:
        contract.check(bent(spec, bend))
    assert "\n" not in str(refusal.value)


def hides(env: VecEnv) -> None:
    """Shows a goal that agents do not see."""
    observe = env.observe
    env.observe = lambda: observe()._replace(goal=observe().goal + np.float32(1.0))


def underpays(env: VecEnv) -> None:
    """Pays less than it says that goals are worth."""
    step = env.step

    def less(actions) -> Step:
        result = step(actions)
        return result._replace(reward=result.reward * np.float32(2.0))

    env.step = less


@pytest.mark.parametrize(
    ("bend", "line"),
    [
        (hides, "obs does not end with the goal"),
        (underpays, r"a step is not paid reward\(achieved_goal, goal\)"),
    ],
)
def test_a_broken_promise_of_goals_is_one_line(bend, line):
    def build(num_envs: int, threads: int) -> VecEnv:
        env = BitFlipConfig(bits=3).build(num_envs, threads)
        bend(env)
        return env

    with pytest.raises(EnvError, match=f"bit_flip/3: {line}"):
        contract.check(build)


@pytest.mark.parametrize("spec", [SMALL, VECTORS, WINS])
def test_an_environment_that_keeps_its_promises_passes(spec):
    contract.check(bent(spec, lambda env: None))


def test_one_environment_is_too_few_to_ask():
    with pytest.raises(EnvError, match="num_envs: 1 is too few"):
        contract.check(bent(SMALL, lambda env: None), 1)

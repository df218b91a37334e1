"""What a `VecEnv` promises, asked of an environment; EnvError in one line where it does not hold.

`check` asks everything. Actions are legal ones, drawn from the step and the episode's seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl.envs.probing import (
    Build,
    Named,
    choose_all,
    difference,
    legal,
    made,
    paid_to,
    play,
    require,
    results_of,
    seeds_of,
    shown_by,
)
from marl.errors import EnvError
from marl.protocols.environments import Breakable, GoalEnv, Step, VecEnv
from marl.spec import Continuous

NUM_ENVS = 3


def check(build: Build, num_envs: int = NUM_ENVS) -> None:
    """Ask an environment everything.

    Of one whose episodes may break off (`Breakable`) only what its own random numbers allow.
    """
    if num_envs < 2:
        raise EnvError(f"num_envs: {num_envs} is too few to tell environments apart; use 2 or more")
    for ask in (
        check_arrays,
        check_available,
        check_bounds,
        check_ends,
        check_idle,
        check_unseeded,
        check_goals,
    ):
        ask(build, num_envs)
    with made(build, 1) as env:
        breaks = isinstance(env, Breakable)
    if not breaks:
        check_seeds(build, [5, 2**63, *range(num_envs - 2)])
        check_rows(build, num_envs)


def check_arrays(build: Build, num_envs: int = NUM_ENVS) -> None:
    """Shapes are the spec's, types are those promised, and numbers are finite."""
    with made(build, num_envs) as env:
        spec, e, a = env.spec, num_envs, env.spec.n_agents
        require(env, env.num_envs == e, f"num_envs is {env.num_envs}, asked for {e}")
        named = "/" in spec.name
        require(env, named, "spec.name has no '/'; it is <environment>-<backend>/<map>")
        env.reset(seeds_of(*range(1, e + 1)))
        shown = env.observe()
        expect(env, "obs", shown.obs, (e, a, spec.obs_dim), np.float32)
        expect(env, "state", shown.state, (e, spec.state_dim), np.float32)
        if isinstance(spec.action, Continuous):
            require(env, shown.avail is None, "avail is not None, and its actions are continuous")
        else:
            expect(env, "avail", shown.avail, (e, a, spec.n_actions), np.bool_)
        step = env.step(choose_all(env, range(e)))
        expect(env, "reward", step.reward, (e,), np.float32)
        expect(env, "terminated", step.terminated, (e,), np.bool_)
        expect(env, "truncated", step.truncated, (e,), np.bool_)
        outcomes = env.outcomes()
        for name, values in outcomes.items():
            expect(env, f"the outcome {name}", values, (e,), np.float32)
        wins = "battle_won" in outcomes
        said = f"spec.reports_win is {spec.reports_win}, and its outcomes are {sorted(outcomes)}"
        require(env, wins == spec.reports_win, f"{said}; battle_won is the one that tells")
        for episode in play(env, list(range(e))):
            for name, values in episode:
                require(env, bool(np.isfinite(values).all()), f"{name} is not finite: {values}")


def check_available(build: Build, num_envs: int = NUM_ENVS) -> None:
    """Every agent has an action at every time: before the first reset, and after the end too."""
    with made(build, num_envs) as env:
        if isinstance(env.spec.action, Continuous):
            return
        legal(env)
        for seed in range(3):
            env.reset(seeds_of(*(seed + 100 * e for e in range(num_envs))))
            for key in range(env.spec.episode_limit + 1):
                env.step(choose_all(env, [key] * num_envs))
            legal(env)


def check_bounds(build: Build, num_envs: int = NUM_ENVS) -> None:
    """Continuous actions beyond the bounds are those at the bounds."""
    with made(build, num_envs) as env:
        action = env.spec.action
        if not isinstance(action, Continuous):
            return
        env.reset(seeds_of(*[3] * num_envs))
        for bound, beyond in ((action.high, 10), (action.low, -10)):
            at_bound = np.tile(np.array(bound, np.float32), (env.spec.n_agents, 1))  # [A,D]
            actions = np.stack([at_bound, *[at_bound + beyond] * (num_envs - 1)])
            step = env.step(actions.astype(np.float32))
            one, other = (shown_by(env, e) + paid_to(step, e) for e in (0, num_envs - 1))
            what = difference(one, other)
            require(env, not what, f"{what} differs for an action beyond the bounds; clip them")


def check_ends(build: Build, num_envs: int = NUM_ENVS) -> None:
    """An episode ends in one way, and within its limit."""
    with made(build, num_envs) as env:
        env.reset(seeds_of(*range(11, 11 + num_envs)))
        running = np.ones(num_envs, dtype=np.bool_)
        for steps in range(1, env.spec.episode_limit + 1):
            step = env.step(choose_all(env, [steps * (e + 1) for e in range(num_envs)]))
            both = step.terminated & step.truncated & running
            require(
                env, not both.any(), f"step {steps} terminated and truncated an episode at once"
            )
            running &= ~(step.terminated | step.truncated)
        limit = env.spec.episode_limit
        said = f"an episode still runs after episode_limit={limit} steps; truncate it there"
        require(env, not running.any(), said)


def check_idle(build: Build, num_envs: int = NUM_ENVS) -> None:
    """An environment whose episode is over shows and pays nothing new, whatever it is told."""
    with made(build, num_envs) as env:
        env.reset(seeds_of(*range(5, 5 + num_envs)))
        ended = np.zeros(num_envs, dtype=np.bool_)
        last = [shown_by(env, e) for e in range(num_envs)]
        final: dict[int, Named] = {}
        for key in range(env.spec.episode_limit + 3):
            step = env.step(choose_all(env, [key + 1000 * e for e in range(num_envs)]))
            now = [shown_by(env, e) for e in range(num_envs)]
            for e in np.flatnonzero(ended).tolist():
                _require_idle(env, float(step.reward[e]), difference(last[e], now[e]))
                what = difference(final[e], results_of(env, e))
                require(env, not what, f"{what} changes after the end of its episode")
            over = (step.terminated | step.truncated) & ~ended
            for e in np.flatnonzero(over).tolist():
                final[e] = results_of(env, e)
            ended |= over
            last = now


def check_unseeded(build: Build, num_envs: int = NUM_ENVS) -> None:
    """Environments that a reset gives no seed stay ended: before they ever played, and after."""
    with made(build, num_envs) as env:
        for first in (True, False):
            env.reset(seeds_of(4))
            before = [shown_by(env, e) for e in range(1, num_envs)]
            for key in range(2):
                step = env.step(choose_all(env, [key] * num_envs))
                for e in range(1, num_envs):
                    what = difference(before[e - 1], shown_by(env, e))
                    _require_idle(env, float(step.reward[e]), what)
            if first:
                play(env, list(range(1, num_envs + 1)))


def check_goals(build: Build, num_envs: int = NUM_ENVS) -> None:
    """Goals are shown to all, and what is paid follows from them; or there are none at all."""
    with made(build, num_envs) as env:
        size = env.spec.goal_dim
        if not isinstance(env, GoalEnv):
            require(env, size == 0, f"spec.goal_dim is {size}, yet it has no reward and terminated")
            shown = env.observe()
            none = shown.goal is None and shown.achieved_goal is None
            require(env, none, "goals are observed, and spec.goal_dim is 0")
            return
        require(env, size > 0, "it has reward and terminated of goals, and spec.goal_dim is 0")
        require(env, env.spec.goals is env, "spec.goals is not the environment itself")
        env.reset(seeds_of(*range(num_envs)))
        running = np.ones(num_envs, dtype=np.bool_)
        for key in range(env.spec.episode_limit):
            _require_goals_shown(env, num_envs)
            step = env.step(choose_all(env, [100 * key + e for e in range(num_envs)]))
            _require_paid_by_goals(env, step, running)
            running &= ~(step.terminated | step.truncated)


def _require_goals_shown(env: VecEnv, num_envs: int) -> None:
    """What every agent sees, and the state, end with the goal."""
    shown, size = env.observe(), env.spec.goal_dim
    expect(env, "goal", shown.goal, (num_envs, size), np.float32)
    expect(env, "achieved_goal", shown.achieved_goal, (num_envs, size), np.float32)
    assert shown.goal is not None
    ends = (shown.obs[..., -size:] == shown.goal[:, None]).all()
    require(env, bool(ends), "obs does not end with the goal")
    ends = (shown.state[:, -size:] == shown.goal).all()
    require(env, bool(ends), "state does not end with the goal")


def _require_paid_by_goals(env: VecEnv, step: Step, running: NDArray[np.bool_]) -> None:
    """The reward, and the end that a goal brings, follow from what is achieved and the goal."""
    _, _, _, goal, achieved = env.observe()
    goals = env.spec.goals
    assert goals is not None
    assert goal is not None
    assert achieved is not None
    reward, over = goals.reward(achieved, goal), goals.terminated(achieved, goal)
    expect(env, "reward(achieved, goal)", reward, goal.shape[:1], np.float32)
    expect(env, "terminated(achieved, goal)", over, goal.shape[:1], np.bool_)
    paid = np.array_equal(step.reward[running], reward[running])
    require(env, paid, "a step is not paid reward(achieved_goal, goal) of the observation after it")
    ended = not (over & ~step.terminated & running).any()
    require(env, ended, "an episode goes on where terminated(achieved_goal, goal) is true")
    crossed = np.broadcast_arrays(achieved[:, None], goal[None])  # each with the goals of all
    alike = np.array_equal(np.diagonal(goals.reward(*crossed)), reward)
    alike &= np.array_equal(np.diagonal(goals.terminated(*crossed)), over)
    require(env, alike, "reward or terminated of [...,G] differ from those of single goals")


def check_seeds(build: Build, seeds: Sequence[int], threads: int = 2) -> None:
    """An episode is a function of its seed and the actions.

    Whatever was played before, how many play beside it, and on how many threads.
    """
    with made(build, 1) as alone, made(build, len(seeds) + 1, threads) as together:
        play(together, seeds[::-1])
        for shown, seed in zip(play(together, seeds), seeds, strict=True):
            what = difference(shown, play(alone, [seed])[0])
            said = f"{what} of the episode of seed {seed} depends on more than seed and actions"
            advice = "what is random must follow from the seed, anew at each reset"
            require(together, not what, f"{said}; {advice}")


def check_rows(build: Build, num_envs: int = NUM_ENVS) -> None:
    """`reset` with rows starts the episodes of their seeds, ended or not; the others go on."""
    with made(build, num_envs) as env:
        alone = [build(1, 1) for _ in range(num_envs)]
        try:
            _compare_rows(env, alone)
        finally:
            for one in alone:
                one.close()


def _compare_rows(env: VecEnv, alone: list[VecEnv]) -> None:
    """Each environment beside one by itself: the first to start is 1, which starts anew twice."""
    count, limit = len(alone), env.spec.episode_limit
    others = [e for e in reversed(range(count)) if e != 1]
    schedule = {limit: [1], 0: [1], 1: others, 2: [1]}
    env.reset(seeds_of())
    started: set[int] = set()
    for step in range(limit + 3):
        rows = schedule.get(step, [])
        if rows:
            seeds = [31 * step + row for row in rows]
            env.reset(seeds_of(*seeds), np.array(rows))
            for row, seed in zip(rows, seeds, strict=True):
                alone[row].reset(seeds_of(seed))
            started |= set(rows)
        actions = choose_all(env, [100 * e + step for e in range(count)])
        before = [shown_by(env, e) for e in range(count)]
        result = env.step(actions)
        for e in range(count):
            if e not in started:
                _require_idle(env, float(result.reward[e]), "")
                continue
            apart = shown_by(alone[e], 0)
            own = alone[e].step(actions[e : e + 1])
            what = difference(
                before[e] + paid_to(result, e) + results_of(env, e),
                apart + paid_to(own, 0) + results_of(alone[e], 0),
            )
            said = f"after reset(seeds, rows) of some environments {what} of environment {e}"
            require(env, not what, f"{said} differs from that of the same episode alone")


def _require_idle(env: VecEnv, reward: float, what: str) -> None:
    require(env, reward == 0.0, f"an ended environment is paid {reward}; its reward is 0")
    require(env, not what, f"{what} of an ended environment changes; it stays as it was")


def expect(env: VecEnv, name: str, found: object, shape: tuple[int, ...], dtype: type) -> None:
    """EnvError where it is no array of this shape and type."""
    has = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
    wanted = f"{np.dtype(dtype)} {shape}"
    require(env, has == wanted, f"{name} is {has}, expected {wanted}")

"""Test episodes, greedy or scripted, and their statistics, under PyMARL's metric names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from marl import seeding
from marl.protocols.acting import Actor, Behaviour
from marl.protocols.collecting import EpisodePlayer, Episodes, Rollout
from marl.protocols.environments import Player, VecEnv
from marl.runners.episodes import Tally

Keep = Callable[[Rollout, NDArray[np.uint64]], None]


def play(
    player: EpisodePlayer,
    actor: Actor,
    seeds: NDArray[np.uint64],
    clock: str = "evaluation",
    keep: Keep | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[Rollout]:
    """One greedy episode per seed, E at a time. An episode's result depends on its seed alone.

    The rollouts' batches are views of one memory: only the last one is still whole.
    keep: is given each one, and its seeds, while it is; stopping: as a Behaviour's.
    """
    behaviour = Behaviour(actor, greedy=True, clock=clock, stopping=stopping)
    return play_as(player, behaviour, seeds, keep)


def play_as(
    player: EpisodePlayer,
    behaviour: Behaviour,
    seeds: NDArray[np.uint64],
    keep: Keep | None = None,
) -> list[Rollout]:
    """One episode per seed, E at a time, greedy or exploring. keep: as in `play`."""
    rollouts, left, size = [], seeds, player.env.num_envs
    while len(left):
        some = left[:size]
        rollout = player.play(behaviour, some)
        if keep is not None:
            keep(rollout, some[rollout.intact])
        rollouts.append(rollout)
        left = still_to_play(left, size, rollout)
    return rollouts


def play_script(env: VecEnv, player: Player, seeds: NDArray[np.uint64]) -> list[Episodes]:
    """One episode per seed of the player's environment, E at a time."""
    played, left, size = [], seeds, env.num_envs
    while len(left):
        episodes = script_once(env, player, left[:size])
        played.append(episodes)
        left = still_to_play(left, size, episodes)
    return played


def still_to_play(left: NDArray[np.uint64], size: int, played: Episodes) -> NDArray[np.uint64]:
    """The seeds of `left` beyond the first `size`, and those of the first whose episodes broke."""
    return np.concatenate([left[size:], left[:size][~played.intact]])


def script_once(
    env: VecEnv,
    player: Player,
    seeds: NDArray[np.uint64],
    after_step: Callable[[], None] | None = None,
) -> Episodes:
    """One episode for each seed (at most E of them). after_step: called after each step."""
    player.reset(seeds)
    tally = Tally(env, len(seeds))
    while tally.running.any():
        tally.add(player.step())
        if after_step is not None:
            after_step()
    return tally.episodes()


def evaluation_seeds(seed: int, t_env: int, count: int) -> NDArray[np.uint64]:
    """Seeds of the test at `t_env`: the same whether or not other tests came before."""
    return seeding.episode_seeds(seed, seeding.TEST_EPISODES, t_env * 1000, count)


def statistics(rollouts: Sequence[Episodes], prefix: str = "") -> dict[str, float]:
    """return_mean, return_std, ep_length_mean and <outcome>_mean over all episodes.

    Empty where no episode ended.
    """
    returns = np.concatenate([rollout.returns for rollout in rollouts])
    lengths = np.concatenate([rollout.lengths for rollout in rollouts])
    if not len(returns):
        return {}
    stats = {
        "return_mean": float(returns.mean()),
        "return_std": float(returns.std()),
        "ep_length_mean": float(lengths.mean()),
    }
    for name in rollouts[0].outcomes:
        values = np.concatenate([rollout.outcomes[name] for rollout in rollouts])
        stats[f"{name}_mean"] = float(values.mean())
    return {prefix + name: value for name, value in stats.items()}

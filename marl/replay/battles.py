"""From episodes just played to traces: a policy's or a scripted player's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from marl.protocols import EnvConfig, Learner, VecEnv
from marl.replay.film import Fact
from marl.replay.trace import Trace, env_of
from marl.runners.episodes import Episodes, Rollout, Tally
from marl.scripted.players import HeuristicPlayer, PlayerConfig, battles_of


def traces_of(
    rollout: Rollout,
    seeds: NDArray[np.uint64],
    config: EnvConfig,
    learner: Learner,
    device: torch.device,
    facts: Mapping[str, Fact],
) -> list[Trace]:
    """A trace of each episode, with what the learner makes of it. seeds: [B]."""
    env, options = env_of(config)
    traces = []
    for row, seed in enumerate(seeds):
        episode = rollout.batch.rows(row, row + 1).trim()
        told = learner.explain(episode.to(device))
        traces.append(
            Trace(
                env=env,
                options=options,
                seed=int(seed),
                actions=episode.actions[0].numpy().astype(np.int32),
                trusted=False,
                outcome=outcome_of(rollout, row),
                facts=dict(facts),
                channels={name: values.cpu().numpy() for name, values in told.items()},
            )
        )
    return traces


def script_traces(
    vec_env: VecEnv,
    player_config: PlayerConfig,
    seeds: NDArray[np.uint64],
    config: EnvConfig,
    facts: Mapping[str, Fact],
) -> list[Trace]:
    """A scripted player's battles, E at a time, as traces. seeds: [count]."""
    name, options = env_of(config)
    env = battles_of(vec_env, "replay")
    player = player_config.build(env)
    trusted = isinstance(player, HeuristicPlayer)  # its orders go past the mask
    traces = []
    for first in range(0, len(seeds), env.num_envs):
        some = seeds[first : first + env.num_envs]
        player.reset(some)
        tally, played = Tally(env, len(some)), []
        while tally.running.any():
            tally.add(player.step())
            played.append(env.battles.record.last_actions.copy())
        episodes, actions = tally.episodes(), np.stack(played, axis=1)  # [E,T,A]
        for row, seed in enumerate(some):
            steps = actions[row, : episodes.lengths[row]].astype(np.int32)
            traces.append(
                Trace(
                    env=name,
                    options=options,
                    seed=int(seed),
                    actions=steps,
                    trusted=trusted,
                    outcome=outcome_of(episodes, row),
                    facts=dict(facts),
                )
            )
    return traces


def outcome_of(episodes: Episodes, row: int) -> dict[str, Fact]:
    """How one of the episodes went."""
    named = {name: float(values[row]) for name, values in episodes.outcomes.items()}
    return {
        "return": float(episodes.returns[row]),
        "steps": int(episodes.lengths[row]),
        "truncated": bool(episodes.truncated[row]),
        **named,
    }

"""Traces of the episodes that a policy or a scripted player has just played."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from marl.envs.smac import SmacEnv
from marl.protocols.collecting import Episodes, Rollout
from marl.protocols.environments import EnvConfig, Player, VecEnv
from marl.protocols.learning import Explainable, Learner
from marl.replay.film import Fact
from marl.replay.trace import Trace, env_of
from marl.runners.evaluation import script_once
from marl.scripted.players import HeuristicPlayer, PlayerConfig, battles_of


def traces_of(
    rollout: Rollout,
    seeds: NDArray[np.uint64],
    config: EnvConfig,
    learner: Learner,
    device: torch.device,
    facts: Mapping[str, Fact],
) -> list[Trace]:
    """A trace of each episode, with the learner's channels. seeds: [B]."""
    env, options = env_of(config)
    traces = []
    for row, seed in enumerate(seeds):
        episode = rollout.batch.rows(row, row + 1).trim()
        channels = learner.explain(episode.to(device)) if isinstance(learner, Explainable) else {}
        traces.append(
            Trace(
                env=env,
                options=options,
                seed=int(seed),
                actions=episode.actions[0].numpy().astype(np.int32),
                ignores_mask=False,
                outcome=outcome_of(rollout, row),
                facts=dict(facts),
                channels={name: values.cpu().numpy() for name, values in channels.items()},
            )
        )
    return traces


class TraceLog:
    """Collects the traces of rollouts; see `traces_of`."""

    def __init__(
        self,
        config: EnvConfig,
        learner: Learner,
        device: torch.device,
        facts: Mapping[str, Fact],
    ) -> None:
        env_of(config)  # refuses other environments than battles on the engine
        self.config, self.learner, self.device, self.facts = config, learner, device, facts
        self.traces: list[Trace] = []

    def __call__(self, rollout: Rollout, seeds: NDArray[np.uint64]) -> None:
        """Add the rollout's episodes. seeds: [B]."""
        self.traces += traces_of(rollout, seeds, self.config, self.learner, self.device, self.facts)


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
    ignores_mask = isinstance(player, HeuristicPlayer)  # its actions may be illegal
    traces = []
    for first in range(0, len(seeds), env.num_envs):
        some = seeds[first : first + env.num_envs]
        episodes, actions = _played(env, player, some)
        for row, seed in enumerate(some):
            steps = actions[row, : episodes.lengths[row]].astype(np.int32)
            traces.append(
                Trace(
                    env=name,
                    options=options,
                    seed=int(seed),
                    actions=steps,
                    ignores_mask=ignores_mask,
                    outcome=outcome_of(episodes, row),
                    facts=dict(facts),
                )
            )
    return traces


def _played(
    env: SmacEnv, player: Player, seeds: NDArray[np.uint64]
) -> tuple[Episodes, NDArray[np.int64]]:
    """An episode for each seed, and the actions of all steps [E,T,A]."""
    last_actions, actions = env.battles.record.last_actions, []
    episodes = script_once(env, player, seeds, lambda: actions.append(last_actions.copy()))
    return episodes, np.stack(actions, axis=1)


def outcome_of(episodes: Episodes, row: int) -> dict[str, Fact]:
    """The outcome of one episode."""
    named = {name: float(values[row]) for name, values in episodes.outcomes.items()}
    return {
        "return": float(episodes.returns[row]),
        "steps": int(episodes.lengths[row]),
        "truncated": bool(episodes.truncated[row]),
        **named,
    }

"""A trained policy, loaded from a run's checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from marl import seeding
from marl.algos.agent import Agent
from marl.protocols import Rollout, VecEnv
from marl.run import checkpoint
from marl.run.plan import Plan, pick_device
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import Keep, evaluation_seeds, play
from marl.runners.stopwatch import Stopwatch


@dataclass(frozen=True)
class Policy:
    """An agent as a checkpoint holds it."""

    agent: Agent
    t_env: int  # environment steps that it was trained for
    path: Path  # of the checkpoint
    device: torch.device


def load_policy(plan: Plan, env: VecEnv) -> Policy:
    """The policy of `plan.run.checkpoint`, for environments like `env`.

    CheckpointError where it is damaged or of other sizes.
    """
    run = plan.run
    assert run.checkpoint is not None  # a plan without one plays no policy
    assert run.seed is not None
    device = pick_device(run.device)
    found = checkpoint.find(Path(run.checkpoint), run.load_step)
    parts = checkpoint.load(found, only=("learner", "train"))
    seeding.seed_everything(run.seed)
    agent = plan.recipe.build(env.spec, device)
    checkpoint.load_into(agent.learner.load_state_dict, parts["learner"], "networks")
    return Policy(agent, int(parts["train"]["counters"]["t_env"]), found, device)


def play_policy(
    policy: Policy, env: VecEnv, seed: int, episodes: int, keep: Keep | None = None
) -> list[Rollout]:
    """Greedy episodes, those that a test at the policy's t_env would play. keep: as in `play`."""
    agent = policy.agent
    runner = EpisodeRunner(env, agent.layout, policy.device, Stopwatch())
    seeds = evaluation_seeds(seed, policy.t_env, episodes)
    return play(runner, agent.actor, seeds, keep=keep)

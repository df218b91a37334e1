"""A trained policy, loaded from a run's checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marl.algos.agent import Agent
from marl.errors import EnvError
from marl.protocols.acting import Behaviour
from marl.protocols.collecting import Rollout
from marl.protocols.environments import Observation, VecEnv
from marl.protocols.loop import State
from marl.run import checkpoint
from marl.run.counters import Counters
from marl.run.device import pick_device
from marl.run.plan import Plan
from marl.runners.episodes import EpisodeRunner, ask, to_tensors
from marl.runners.evaluation import Keep, evaluation_seeds, play
from marl.runners.stopwatch import Stopwatch
from marl.spec import EnvSpec, spec_from


@dataclass(frozen=True)
class Policy:
    """An agent as a checkpoint holds it."""

    plan: Plan  # of its run
    agent: Agent
    spec: EnvSpec  # of the environments that it acts in
    t_env: int  # environment steps that it was trained for
    path: Path  # of the checkpoint
    device: torch.device

    def session(self, num_envs: int = 1) -> Session:
        """The policy in use in `num_envs` environments of the caller's."""
        return Session(self, num_envs)

    def make_env(self, num_envs: int = 1) -> VecEnv:
        """Environments like those that it was trained in; EnvError where its network can't act."""
        env = self.plan.env.build(num_envs, 1)
        for name in ("n_agents", "obs_dim", "action_width"):
            has, needed = getattr(env.spec, name), getattr(self.spec, name)
            if has != needed:
                env.close()
                raise EnvError(
                    f"{env.spec.name}: {name} is {has}, and the policy of {self.path} was trained "
                    f"on {self.spec.name} with {needed}; leave the environment's settings as there"
                )
        return env


class Session:
    """Acts greedily, and remembers for its policy what has happened in each environment."""

    def __init__(self, policy: Policy, num_envs: int) -> None:
        self.policy = policy
        self.num_envs = num_envs
        self.carry = policy.agent.actor.initial_carry(num_envs)

    def restart(self, rows: NDArray[np.int64] | None = None) -> None:
        """Forget what happened in these environments (in all): their episodes begin."""
        fresh = self.policy.agent.actor.initial_carry(self.num_envs)
        if rows is None:
            self.carry = fresh
            return
        where = torch.from_numpy(rows).to(self.policy.device)
        for name, values in fresh.items():
            self.carry[name] = self.carry[name].index_copy(0, where, values[where])

    @torch.no_grad()
    def act(self, observation: Observation) -> NDArray[Any]:
        """Actions [E,A] (or [E,A,D]) for what the environments show."""
        behaviour = Behaviour(self.policy.agent.actor, greedy=True)
        acted = ask(behaviour, to_tensors(observation, self.policy.device), self.carry)
        self.carry = acted.carry
        actions: NDArray[Any] = acted.actions.cpu().numpy()
        return actions


def load_policy(plan: Plan, spec: EnvSpec | None = None) -> Policy:
    """The policy of `plan.run.checkpoint`.

    spec: of the environments that it is for; None: those that it was trained in.
    CheckpointError where it is damaged or of other sizes.
    """
    run = plan.run
    assert run.checkpoint is not None  # a plan without one plays no policy
    assert run.seed is not None
    device = pick_device(run.device)
    found = checkpoint.find(Path(run.checkpoint), run.load_step)
    parts = checkpoint.load(found, only=("learner", "train"))
    counters, known = Counters(), spec

    def read(train: State) -> None:
        nonlocal known
        counters.load_state_dict(train["counters"])
        if known is None and train.get("spec") is not None:
            known = spec_from(train["spec"])

    checkpoint.load_into(read, parts["train"], "counters or sizes")
    known = known or _ask_environment(plan)
    with torch.random.fork_rng():  # its weights are replaced at once
        agent = plan.recipe.build(known, device)
    checkpoint.load_learner(agent.learner, parts["learner"])
    return Policy(plan, agent, known, counters.t_env, found, device)


def _ask_environment(plan: Plan) -> EnvSpec:
    """The spec where a checkpoint does not hold it: one that is older, or of more than numbers."""
    env = plan.env.build(1, 1)
    env.close()
    return env.spec


def play_policy(
    policy: Policy, env: VecEnv, seed: int, episodes: int, keep: Keep | None = None
) -> list[Rollout]:
    """Greedy episodes, those that a test at the policy's t_env would play. keep: as in `play`."""
    agent = policy.agent
    runner = EpisodeRunner(env, agent.layout, policy.device, Stopwatch())
    seeds = evaluation_seeds(seed, policy.t_env, episodes)
    return play(runner, agent.actor, seeds, keep=keep)

"""Before a training begins: what is refused, and what is said about it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import nn

from marl.algos.agent import Agent, Remarking
from marl.buffers.memory import free_memory, in_gib
from marl.errors import ConfigError
from marl.protocols.environments import RemarkingEnv, VecEnv
from marl.protocols.learning import RowSharing
from marl.run.labels import name_of
from marl.run.plan import Plan
from marl.spec import EnvSpec

LONG_ROUND = 200_000  # environment steps of a collection, from which on it is worth a note


def introduction(plan: Plan, agent: Agent, spec: EnvSpec, device: torch.device) -> str:
    """What is about to be trained."""
    extra = _count(agent.bonus_parameters)
    size = _count(agent.learner.parameters) + extra
    of_bonus = f" ({extra:,} of the bonus)" if extra else ""
    return (
        f"{name_of(plan.values, plan.sources)} on {spec.name}, seed {plan.run.seed}: "
        f"{plan.run.num_envs} environments, {size:,} parameters{of_bonus} on {device.type}"
    )


def _count(parameters: Sequence[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def check_threads(plan: Plan, agent: Agent, device: torch.device) -> None:
    """ConfigError where no update would be shared."""
    if plan.run.learner_threads == 1:
        return
    if not isinstance(agent.learner, RowSharing):
        raise ConfigError(
            f"learner_threads: {type(agent.learner).__name__} does not share its updates, "
            "as value learning does; leave it at 1"
        )
    if device.type != "cpu":
        raise ConfigError("learner_threads: updates are shared on the CPU alone; leave it at 1")


def check_memory(plan: Plan, agent: Agent, spec: EnvSpec) -> None:
    """ConfigError where a collection of all environments does not fit into memory."""
    steps = agent.rollout.longest(spec)
    each = sum(
        (steps + (column.level == "slot")) * column.row_bytes
        for column in agent.layout.values()
        if column.level != "episode"
    )
    free, num_envs = free_memory(), plan.run.num_envs
    if free is not None and num_envs * each > free:
        raise ConfigError(
            f"num_envs: a collection of {num_envs:,} environments takes "
            f"{in_gib(num_envs * each)}, and {in_gib(free)} of memory are free; "
            f"at most num_envs={free // each} fits"
        )


def remarks(plan: Plan, env: VecEnv) -> list[str]:
    """What recipe and environment mean where that may not be what is expected."""
    recipe = plan.recipe
    return [
        recipe.remark(env.spec) if isinstance(recipe, Remarking) else "",
        env.remark() if isinstance(env, RemarkingEnv) else "",
    ]


def note_on_rounds(plan: Plan, agent: Agent, spec: EnvSpec) -> str:
    """How long a collection is, where nothing will be seen for long; "" elsewhere."""
    num_envs = plan.run.num_envs
    steps = num_envs * agent.rollout.longest(spec)
    if steps < LONG_ROUND:
        return ""
    return (
        f"a round of {num_envs:,} environments is up to {steps:,} steps, on "
        f"{plan.run.env_threads} of {os.cpu_count()} cores: nothing is shown before its end; "
        "Ctrl-C ends it between two steps"
    )

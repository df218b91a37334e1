"""Test of a trained policy or of a scripted player.

python run.py evaluate with checkpoint=<run> episodes=32
python run.py evaluate --config=heuristic --env-config=sc2 with map=3m episodes=1000
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from marl.config.files import COMMAND_LINE
from marl.config.schema import field_types, flatten
from marl.log.console import evaluation_table
from marl.protocols.environments import VecEnv
from marl.replay.battles import TraceLog
from marl.replay.film import Fact
from marl.replay.folder import ReplayFolder
from marl.run.folder import EVALUATIONS, own_folder, read_config
from marl.run.plan import Plan, RunConfig
from marl.run.policy import load_policy, play_policy
from marl.runners.evaluation import evaluation_seeds, play_script, statistics
from marl.scripted.players import PlayerConfig


def evaluate(plan: Plan) -> dict[str, float]:
    """Play `episodes` episodes, without exploration; prints and returns the means."""
    torch.set_num_threads(plan.run.torch_threads)
    env = plan.env.build(plan.run.num_envs, plan.run.env_threads)
    try:
        if isinstance(plan.recipe, PlayerConfig):
            return _evaluate_player(plan, env)
        return _evaluate_policy(plan, env)
    finally:
        env.close()


def overrides(plan: Plan, folder: Path) -> dict[str, object]:
    """Dotted key -> value of what is played otherwise than the run in `folder` was trained."""
    recorded, _ = read_config(folder)
    before = flatten(recorded)
    kept = {*field_types(RunConfig), "env", "config", "recipe"}
    return {
        key: value
        for key, value in flatten(plan.values).items()
        if key.split(".")[0] not in kept
        and (before[key] != value if key in before else plan.sources.get(key) == COMMAND_LINE)
    }


def _evaluate_player(plan: Plan, env: VecEnv) -> dict[str, float]:
    run = plan.run
    assert run.seed is not None
    seeds = evaluation_seeds(run.seed, 0, run.episodes)
    metrics = statistics(play_script(env, plan.recipe.build(env), seeds), "test_")
    evaluation_table(
        [{"episodes": run.episodes, **metrics}], env.spec.name, "player", plan.config_name
    )
    return metrics


def _evaluate_policy(plan: Plan, env: VecEnv) -> dict[str, float]:
    run = plan.run
    assert run.checkpoint is not None  # make_plan refuses to evaluate nothing
    assert run.seed is not None
    folder = own_folder(run.checkpoint, "checkpoint")
    policy = load_policy(plan, env.spec)
    log = None
    if run.save_replay:
        facts: dict[str, Fact] = {"player": plan.config_name, "t_env": policy.t_env}
        log = TraceLog(plan.env, policy.agent.learner, policy.device, facts)
    metrics = statistics(play_policy(policy, env, run.seed, run.episodes, keep=log), "test_")
    if log is not None:
        ReplayFolder(folder).add(policy.t_env, log.traces, pages=1)
    row = {"t_env": policy.t_env, "episodes": run.episodes, **metrics}
    evaluation_table([row], env.spec.name, "checkpoint", policy.path)
    about = {"env": env.spec.name, "seed": run.seed, "checkpoint": str(policy.path)}
    line = {**about, "overrides": overrides(plan, folder), **row}
    with open(folder / EVALUATIONS, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return metrics

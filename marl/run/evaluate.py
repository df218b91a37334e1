"""Test of a trained policy or of a scripted player.

python run.py evaluate with checkpoint=<run> episodes=32
python run.py evaluate --config=heuristic --env-config=sc2 with map=3m episodes=1000
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from marl import seeding
from marl.log.console import evaluation_table
from marl.replay.battles import TraceLog
from marl.replay.film import Fact
from marl.replay.folder import ReplayFolder
from marl.run import checkpoint
from marl.run.folder import EVALUATIONS
from marl.run.plan import Plan, pick_device
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import evaluation_seeds, play, play_script, statistics
from marl.runners.stopwatch import Stopwatch
from marl.scripted.players import PlayerConfig


def evaluate(plan: Plan) -> dict[str, float]:
    """Play `episodes` episodes, without exploration; prints and returns the means."""
    torch.set_num_threads(plan.run.torch_threads)
    if isinstance(plan.recipe, PlayerConfig):
        return _evaluate_player(plan)
    return _evaluate_policy(plan)


def _evaluate_player(plan: Plan) -> dict[str, float]:
    run = plan.run
    assert run.seed is not None
    env = plan.env.build(run.num_envs, run.env_threads)
    seeds = evaluation_seeds(run.seed, 0, run.episodes)
    metrics = statistics(play_script(env, plan.recipe.build(env), seeds), "test_")
    env.close()
    evaluation_table(
        [{"episodes": run.episodes, **metrics}], env.spec.name, "player", plan.config_name
    )
    return metrics


def _evaluate_policy(plan: Plan) -> dict[str, float]:
    run = plan.run
    assert run.checkpoint is not None  # make_plan refuses to evaluate nothing
    assert run.seed is not None
    device = pick_device(run.device)
    found = checkpoint.find(Path(run.checkpoint), run.load_step)
    parts = checkpoint.load(found, only=("learner", "train"))
    seeding.seed_everything(run.seed)
    env = plan.env.build(run.num_envs, run.env_threads)
    agent = plan.recipe.build(env.spec, device)
    checkpoint.load_into(agent.learner.load_state_dict, parts["learner"], "networks")
    t_env = int(parts["train"]["counters"]["t_env"])
    runner = EpisodeRunner(env, device, Stopwatch())
    seeds = evaluation_seeds(run.seed, t_env, run.episodes)
    facts: dict[str, Fact] = {"player": plan.config_name, "t_env": t_env}
    log = TraceLog(plan.env, agent.learner, device, facts) if run.save_replay else None
    metrics = statistics(play(runner, agent.controller, agent.greedy, seeds, keep=log), "test_")
    env.close()
    if log is not None and plan.folder is not None:
        ReplayFolder(plan.folder).add(t_env, log.traces, pages=1)
    row = {"t_env": t_env, "episodes": run.episodes, **metrics}
    evaluation_table([row], env.spec.name, "checkpoint", found)
    if plan.folder is not None:
        line = {"env": env.spec.name, "seed": run.seed, "checkpoint": str(found), **row}
        with open(plan.folder / EVALUATIONS, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return metrics

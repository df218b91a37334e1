"""python run.py replay: plays a policy or a scripted player, and makes pages of its battles.

python run.py replay with checkpoint=<run> episodes=4
python run.py replay --config=kite --env-config=sc2 with map=3s_vs_5z episodes=4 video=gif
"""

from __future__ import annotations

from pathlib import Path

import torch

from marl import seeding
from marl.log.console import terminal
from marl.replay.battles import TraceLog, script_traces
from marl.replay.film import Fact
from marl.replay.folder import INDEX, ReplayFolder
from marl.replay.page import result_of
from marl.replay.trace import Trace, env_of
from marl.run import checkpoint
from marl.run.plan import Plan, pick_device
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import evaluation_seeds, play
from marl.runners.stopwatch import Stopwatch
from marl.scripted.players import PlayerConfig


def replay(plan: Plan) -> list[Path]:
    """Play `episodes` episodes without exploration; gives the pages of all of them."""
    assert plan.folder is not None
    env_of(plan.env)  # refuses what is no battle on the engine
    torch.set_num_threads(plan.run.torch_threads)
    is_script = isinstance(plan.recipe, PlayerConfig)
    t_env, traces = (0, _played_by_script(plan)) if is_script else _played_by_policy(plan)
    folder = ReplayFolder(plan.folder)
    pages = folder.add(t_env, traces, len(traces), plan.run.video)
    console = terminal()
    for path, trace in zip(pages, traces, strict=True):
        size = path.stat().st_size / 1000
        line = f"{result_of(trace.outcome):12} {trace.outcome['steps']:>4} steps"
        console.print(f"{line}  {size:4.0f} kB  {path}", soft_wrap=True)
    console.print(f"all battles  {folder.path / INDEX}", soft_wrap=True)
    return pages


def _played_by_script(plan: Plan) -> list[Trace]:
    run = plan.run
    assert run.seed is not None
    env = plan.env.build(min(run.num_envs, run.episodes), run.env_threads)
    seeds = evaluation_seeds(run.seed, 0, run.episodes)
    facts = {"player": plan.config_name}
    try:
        return script_traces(env, plan.recipe, seeds, plan.env, facts)
    finally:
        env.close()


def _played_by_policy(plan: Plan) -> tuple[int, list[Trace]]:
    """The policy's environment steps, and its battles: those that `evaluate` would play."""
    run = plan.run
    assert run.checkpoint is not None
    assert run.seed is not None
    device = pick_device(run.device)
    found = checkpoint.find(Path(run.checkpoint), run.load_step)
    parts = checkpoint.load(found, only=("learner", "train"))
    seeding.seed_everything(run.seed)
    env = plan.env.build(min(run.num_envs, run.episodes), run.env_threads)
    try:
        agent = plan.recipe.build(env.spec, device)
        checkpoint.load_into(agent.learner.load_state_dict, parts["learner"], "networks")
        t_env = int(parts["train"]["counters"]["t_env"])
        facts: dict[str, Fact] = {"player": plan.config_name, "t_env": t_env}
        log = TraceLog(plan.env, agent.learner, device, facts)
        runner = EpisodeRunner(env, device, Stopwatch())
        seeds = evaluation_seeds(run.seed, t_env, run.episodes)
        play(runner, agent.controller, agent.greedy, seeds, keep=log)
        return t_env, log.traces
    finally:
        env.close()

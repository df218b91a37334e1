"""python run.py replay: plays a policy or a scripted player, and makes pages of its battles.

python run.py replay with checkpoint=<run> episodes=4
python run.py replay --config=kite --env-config=sc2 with map=3s_vs_5z episodes=4 video=gif

Of a policy in an environment that draws pictures itself (gymnasium, dmc, fetch) it makes videos.
"""

from __future__ import annotations

from pathlib import Path

import torch

from marl.log.console import terminal
from marl.protocols.environments import FilmedConfig, VecEnv
from marl.replay.battles import TraceLog, script_traces
from marl.replay.film import Fact
from marl.replay.folder import INDEX, ReplayFolder
from marl.replay.page import result_of
from marl.replay.trace import Trace
from marl.run.filming import film_policy
from marl.run.folder import open_folder
from marl.run.plan import Plan
from marl.run.policy import load_policy, play_policy
from marl.runners.evaluation import evaluation_seeds
from marl.scripted.players import PlayerConfig


def replay(plan: Plan) -> list[Path]:
    """Play `episodes` episodes without exploration; gives the pages of all of them."""
    run = plan.run
    torch.set_num_threads(run.torch_threads)
    is_script = isinstance(plan.recipe, PlayerConfig)
    if isinstance(plan.env, FilmedConfig) and not is_script:
        return film_policy(plan, plan.env)
    env = plan.env.build(min(run.num_envs, run.episodes), run.env_threads)
    try:
        play = _played_by_script if is_script else _played_by_policy
        t_env, traces = play(plan, env)
        folder = ReplayFolder(open_folder(plan, env.spec.name))
    finally:
        env.close()
    pages = folder.add(t_env, traces, len(traces), run.video)
    console = terminal()
    for path, trace in zip(pages, traces, strict=True):
        size = path.stat().st_size / 1000
        line = f"{result_of(trace.outcome):12} {trace.outcome['steps']:>4} steps"
        console.print(f"{line}  {size:4.0f} kB  {path}", soft_wrap=True)
        if run.video != "none":
            video = path.with_suffix(f".{run.video}")
            size = video.stat().st_size / 1000
            console.print(f"{'its video':{len(line)}}  {size:4.0f} kB  {video}", soft_wrap=True)
    console.print(f"all battles  {folder.path / INDEX}", soft_wrap=True)
    return pages


def _played_by_script(plan: Plan, env: VecEnv) -> tuple[int, list[Trace]]:
    """0, and the player's battles."""
    run = plan.run
    assert run.seed is not None
    seeds = evaluation_seeds(run.seed, 0, run.episodes)
    return 0, script_traces(env, plan.recipe, seeds, plan.env, {"player": plan.config_name})


def _played_by_policy(plan: Plan, env: VecEnv) -> tuple[int, list[Trace]]:
    """The policy's environment steps, and its battles: those that `evaluate` would play."""
    run = plan.run
    assert run.seed is not None
    policy = load_policy(plan, env.spec)
    facts: dict[str, Fact] = {"player": plan.config_name, "t_env": policy.t_env}
    log = TraceLog(plan.env, policy.agent.learner, policy.device, facts)
    play_policy(policy, env, run.seed, run.episodes, keep=log)
    return policy.t_env, log.traces

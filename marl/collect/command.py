"""`python run.py collect`: episodes of a policy, of a run's replay or of datasets, as a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import torch

from marl.collect.actors import Contrary, Disturbed, Uniform
from marl.collect.kept import Episodes, layout_of_all, mixed, replay_of
from marl.collect.options import DEFAULT_STEPS, OF_A_RUN, CollectConfig
from marl.collect.playing import Player, Rows
from marl.config.schema import field_types, to_mapping
from marl.config.split import split_parse
from marl.datasets.files import DATA, hdf5, sha256_of
from marl.datasets.manifest import Manifest, References, read_manifest
from marl.datasets.writer import DatasetWriter, new_dataset, refuse_taken
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.line_world import LineWorldConfig
from marl.envs.registry import ENVS
from marl.errors import ConfigError
from marl.protocols.acting import Actor, Stopped
from marl.protocols.environments import EnvConfig, VecEnv
from marl.run.interrupts import StopRequest
from marl.run.plan import Plan
from marl.run.policy import Policy, load_policy
from marl.spec import Discrete

SECONDS = 5.0  # between two lines on how far it is

PlanOf = Callable[[str, Mapping[str, object]], Plan]  # of a run's folder, with further settings
EnvOf = Callable[[str, Mapping[str, object]], EnvConfig]  # --env-config=name with settings


@dataclass
class Work:
    """What is collected, by whom and where."""

    config: CollectConfig
    env_config: EnvConfig
    env: VecEnv
    policy: Policy | None  # of the run
    player: Player
    stopping: Callable[[], bool]
    replay: Episodes | None = None  # of the run


def run(updates: Mapping[str, object], env_name: str | None, plan_of: PlanOf, env_of: EnvOf) -> int:
    """Make the dataset; returns the exit code.

    updates: what stands after `with`; env_name: of --env-config; plan_of: the plan to play a run;
    env_of: an environment's options.
    """
    own = {key: value for key, value in updates.items() if key in field_types(CollectConfig)}
    rest = {key: value for key, value in updates.items() if key not in own}
    config: CollectConfig = split_parse(own, {"collect": CollectConfig})["collect"]
    refuse_taken(Path(config.out))
    hdf5()
    if config.folders:
        env_name, rest = "offline", {"dataset": config.folders[0], **rest}
    plan = None
    if config.run is not None:
        plan = _plan_of(config, env_name, rest, plan_of)
    elif env_name is None:
        raise ConfigError(
            "--env-config=NAME is missing; or with run=<run folder>, whose environment it is then"
        )
    env_config = plan.env if plan is not None else env_of(str(env_name), rest)
    expert = None if config.expert is None else plan_of(config.expert, {"seed": config.seed})
    with StopRequest(lambda: print("stopping; nothing is kept")) as stop:
        try:
            _collect(config, env_config, plan, expert, lambda: stop.requested)
        except Stopped:
            raise KeyboardInterrupt from None
    return 0


def _plan_of(
    config: CollectConfig, env_name: str | None, rest: Mapping[str, object], plan_of: PlanOf
) -> Plan:
    assert config.run is not None
    if env_name is not None:
        raise ConfigError(f"--env-config={env_name}: the run says its environment; leave it out")
    of_run = {"load_step": config.load_step, "seed": config.seed, "num_envs": config.num_envs}
    return plan_of(config.run, {**rest, **of_run})


def _collect(
    config: CollectConfig,
    env_config: EnvConfig,
    plan: Plan | None,
    expert: Plan | None,
    stopping: Callable[[], bool],
) -> None:
    env = env_config.build(config.num_envs, config.env_threads)
    try:
        policy = load_policy(plan, env.spec) if plan is not None else None
        device = policy.device if policy is not None else torch.device("cpu")
        player = Player(env, device, config.seed, stopping)
        work = Work(config, env_config, env, policy, player, stopping)
        rows, made = _mixture(work) if config.folders else _source(work)
        settings = {"env": _name_of(env_config), **to_mapping(env_config)}
        out, references = Path(config.out), _references(work, expert)
        with new_dataset(
            out, env.spec, settings, made, references, _gymnasium_spec(env_config)
        ) as writer:
            _write(rows, writer, _steps(config), stopping)
        if work.replay is not None and work.replay.left_out:
            count = work.replay.left_out
            print(f"note: {count} episodes, which the replay does not hold whole, are left out")
        _report(out, env.spec.name, writer, references)
    finally:
        env.close()


def _name_of(env_config: EnvConfig) -> str:
    return next(name for name, cls in ENVS.items() if cls is type(env_config))


def _gymnasium_spec(env_config: EnvConfig) -> str | None:
    """The environment as Minari makes it again, where it is gymnasium's."""
    if not isinstance(env_config, GymnasiumConfig) or ":" in env_config.env_id:
        return None
    found: Any = deepcopy(gymnasium.spec(env_config.env_id))
    found.max_episode_steps = env_config.time_limit or found.max_episode_steps
    text: str = found.to_json()
    return text


def _steps(config: CollectConfig) -> int | None:
    """Steps after which nothing is added; None: where the source ends."""
    if config.folders:
        return None
    if config.policy_name == "kept":
        return config.steps
    return config.steps or DEFAULT_STEPS


def _source(work: Work) -> tuple[Rows, dict[str, object]]:
    """The episodes of a policy or a run, and what made them."""
    config, policy, spec = work.config, work.policy, work.env.spec
    name = config.policy_name
    made: dict[str, object] = {"policy": name, "seed": config.seed}
    if policy is not None:
        made |= {"run": str(policy.path.resolve()), "t_env": policy.t_env}
        made["config"] = policy.plan.config_name
    if name == "kept":
        assert policy is not None
        work.replay = Episodes(replay_of(str(policy.path), spec))
        return work.replay.rows(), made
    if name in OF_A_RUN:
        assert policy is not None
        actor: Actor = policy.agent.actor
        if config.noise and isinstance(spec.action, Discrete):
            raise ConfigError("noise: is for continuous actions; use random_share")
        if config.noise or config.random_share:
            made |= {"random_share": config.random_share, "noise": config.noise}
            actor = Disturbed(actor, spec, config.random_share, config.noise)
        return work.player.rows(actor, policy.t_env, greedy=name == "greedy"), made
    if name == "contrary":
        if not isinstance(work.env_config, LineWorldConfig):
            raise ConfigError(f"policy: contrary is for line_world, and this is {spec.name}")
        made["wrong_share"] = config.wrong_share
        return work.player.rows(Contrary(spec, config.wrong_share), 0, greedy=False), made
    return work.player.rows(Uniform(spec), 0, greedy=False), made


def _mixture(work: Work) -> tuple[Rows, dict[str, object]]:
    """The episodes of several datasets, and what they are."""
    config, spec = work.config, work.env.spec
    folders = [Path(name).expanduser() for name in config.folders]
    manifests = [read_manifest(folder, "mix") for folder in folders]
    parts = []
    for folder, manifest in zip(folders, manifests, strict=True):
        _check_part(folder, manifest, manifests[0])
        parts.append({"folder": str(folder.resolve()), "made": manifest.made})
    layout = layout_of_all(manifests, spec)
    rows = mixed(folders, layout, spec, config.steps, config.seed)
    return rows, {"policy": "mix", "seed": config.seed, "parts": parts}


def _check_part(folder: Path, manifest: Manifest, first: Manifest) -> None:
    """ConfigError where a dataset is of another environment than the first, or was changed."""
    if manifest.env != first.env:
        raise ConfigError(f"mix: {folder} is of {dict(manifest.env)}, not of {dict(first.env)}")
    if manifest.sha256 not in (None, sha256_of(folder / DATA)):
        raise ConfigError(f"mix: {folder / DATA} is not the file that its manifest is of")


def _references(work: Work, run: Plan | None) -> References:
    """Returns of the random policy and of the expert, as given, as known, or played.

    run: the expert's.
    """
    config = work.config
    known = [read_manifest(Path(f).expanduser(), "mix").references for f in config.folders]
    random = next((r.random for r in known if r.random is not None), None)
    expert = next((r.expert for r in known if r.expert is not None), None)
    random = config.random_return if config.random_return is not None else random
    expert = config.expert_return if config.expert_return is not None else expert
    episodes, player = config.reference_episodes, work.player
    if random is None and episodes:
        random = player.mean_return(Uniform(work.env.spec), 0, greedy=False, episodes=episodes)
    if run is not None and config.expert_return is None and episodes:
        best = load_policy(run, work.env.spec)
        expert = player.mean_return(best.agent.actor, best.t_env, greedy=True, episodes=episodes)
    return References(random, expert)


def _write(
    rows: Rows, writer: DatasetWriter, steps: int | None, stopping: Callable[[], bool]
) -> None:
    """Write episodes until there are `steps`, or no more; Stopped where that is asked for."""
    told = time.monotonic()
    for batch, seeds in rows:
        for row in range(batch.size):
            if steps is not None and writer.steps >= steps:
                return
            own = None if seeds is None else seeds[row : row + 1]
            writer.add(batch.rows(row, row + 1), own)
        if stopping():
            raise Stopped
        if time.monotonic() - told >= SECONDS:
            told = time.monotonic()
            print(f"{writer.steps:,} steps" + (f" of {steps:,}" if steps else ""), flush=True)


def _report(out: Path, name: str, writer: DatasetWriter, references: References) -> None:
    counts = writer.counts()
    score = references.score(counts["return_mean"])
    print(
        f"{out}: {writer.episodes:,} episodes of {name}, {writer.steps:,} steps, return "
        f"{counts['return_mean']:.4g} +- {counts['return_std']:.3g}"
        + (f", won {counts['won_mean']:.3g}" if "won_mean" in counts else "")
        + (f", normalised score {score:.1f}" if score is not None else "")
    )
    random, expert = references.random, references.expert
    if random is not None and expert is not None and expert <= random:
        print(f"note: the expert's return {expert:.4g} is not above {random:.4g}; no scores")
    print(f"python run.py --config=<recipe> --env-config=offline with dataset={out}")

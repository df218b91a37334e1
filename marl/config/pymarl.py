"""The names of PyMARL, PyMARL2 and EPyMARL, for messages alone: none of them is accepted.

Sources: src/config/ of oxwhirl/pymarl, hijkzzz/pymarl2 and uoe-agents/epymarl.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from marl.program import PROGRAM

# A value begins with a key of ours, with --config or --env-config, with "a" for a command, or with
# "gone" where there is nothing like it.
KEYS = {
    "action_selector": "gone: it follows from the algorithm",
    "add_value_last_step": "gone: an episode cut off by a limit always bootstraps from its end",
    "agent_output_type": "gone: it follows from the algorithm",
    "batch_size": "sampler.batch_size",
    "batch_size_run": "num_envs",
    "buffer_cpu_only": "gone: the replay always stays in main memory",
    "buffer_size": "buffer.episodes",
    "checkpoint_path": "checkpoint (for evaluate) or resume (to go on training)",
    "common_reward": "gone: the agents always share one reward (of pettingzoo: reward=sum or mean)",
    "critic_coef": "learner.value_weight",
    "critic_lr": "learner.optimizer.lr (the critic's too)",
    "critic_type": "critic.input",
    "double_q": "learner.double_q",
    "entropy_coef": "learner.entropy_weight",
    "env_args": "gone: its keys stand at the top",
    "epochs": "learner.epochs",
    "eps_clip": "learner.clip",
    "epsilon_anneal_time": "epsilon.anneal",
    "epsilon_finish": "epsilon.end",
    "epsilon_start": "epsilon.start",
    "evaluate": f"a command: {PROGRAM} evaluate with checkpoint=<run folder>",
    "evaluation_epsilon": "gone: tests are greedy",
    "gae_lambda": "learner.gae_lambda",
    "gamma": "learner.gamma",
    "grad_norm_clip": "learner.grad_norm_clip",
    "hidden_dim": "agent.hidden_dim",
    "hypergroup": "label",
    "hypernet_embed": "mixer.hypernet_dim",
    "hypernet_layers": "gone: the mixer's hypernetworks have two layers",
    "key": "env_id",
    "learner_log_interval": "log_interval",
    "local_results_path": "results_dir",
    "lr": "learner.optimizer.lr",
    "mac": "gone: controllers share their parameters",
    "map_name": "map",
    "mask_before_softmax": "gone: actions that are not available never have a probability",
    "mini_epochs": "learner.epochs",
    "mixing_embed_dim": "mixer.embed_dim",
    "name": "--config=NAME, the algorithm (a word of your own for the run's folder: label=WORD)",
    "obs_agent_id": "agent.agent_id",
    "obs_individual_obs": "critic.input",
    "obs_last_action": "agent.last_action",
    "optim_alpha": "learner.optimizer.alpha",
    "optim_eps": "learner.optimizer.eps",
    "q_lambda": "learner.td_lambda",
    "q_nstep": "learner.gae_lambda (for ippo and mappo) or learner.td_lambda (for values)",
    "render": f"a command: {PROGRAM} replay with checkpoint=<run folder>",
    "repeat_id": "seed",
    "reward_scalarisation": "reward (of --env-config=pettingzoo: sum or mean)",
    "rnn_hidden_dim": "agent.hidden_dim",
    "runner": "gone: num_envs=1 is PyMARL's episode runner, more is its parallel runner",
    "runner_log_interval": "log_interval",
    "save_model": "save_interval (the end of a run is always saved)",
    "save_model_interval": "save_interval",
    "standardise_returns": "learner.value_norm (of ippo and mappo)",
    "standardise_rewards": "gone: rewards are learnt from as they come",
    "target_update_interval": "learner.target_update_interval",
    "target_update_interval_or_tau": (
        "learner.target_update_interval (whole copies; of td3 and ddpg: learner.tau)"
    ),
    "td_lambda": "learner.td_lambda",
    "test_greedy": "gone: tests are greedy",
    "test_nepisode": "test_episodes",
    "use_cuda": "device=cuda or device=cpu",
    "use_rnn": "agent.kind=rnn or agent.kind=mlp",
    "use_tensorboard": "tensorboard",
    "use_wandb": "tensorboard (there is no W&B)",
    "wandb_save_model": "save_interval (there is no W&B)",
}

# Keys of env_args that only the game could obey, or that are commands here.
GAME_KEYS = {
    "debug": "gone",
    "difficulty": "game.difficulty",
    "game_version": "game.version",
    "heuristic_ai": f"a player: {PROGRAM} evaluate --config=heuristic",
    "heuristic_rest": f"a player: {PROGRAM} evaluate --config=heuristic_rest",
    "pretrained_wrapper": "gone",
    "replay_dir": f"gone: {PROGRAM} replay makes replays",
    "replay_prefix": f"gone: {PROGRAM} replay makes replays",
    "window_size_x": "gone",
    "window_size_y": "gone",
}

# --config: algorithms that are not here -> the nearest that is.
ALGORITHMS = {
    "coma": "mappo",
    "cw_qmix": "qmix",
    "dop": "mappo",
    "ia2c": "ippo",
    "lica": "mappo",
    "maa2c": "mappo",
    "maddpg": "mappo",
    "ow_qmix": "qmix",
    "pac": "mappo",
    "pac_dcg": "mappo",
    "qatten": "qmix",
    "qplex": "qmix",
    "qtran": "qmix",
    "riit": "qmix_tuned",
    "riit_online": "qmix_tuned",
    "vmix": "mappo",
}
SEPARATE = "_ns"  # ends the names of EPyMARL's algorithms whose agents share no parameters
VARIANTS = ("_beta", "_large", "_att", "_conv", "_high_sample_efficiency", "_predator_prey")

# --env-config: environments by other names, or that are not here.
ENVIRONMENTS = {
    "gfootball": "is not here",
    "gymma": "is here --env-config=gymnasium with env_id=... or --env-config=pettingzoo",
    "one_step_matrix_game": "is here --env-config=matrix",
    "sc2_beta": "is here --env-config=sc2",
    "sc2wrapped": "is here --env-config=sc2v2",
    "smaclite": "is here --env-config=sc2",
    "stag_hunt": "is not here",
}
SMACV2 = "sc2_gen_"  # + a race: SMACv2's files


def key_hint(key: str, value: object, known: Collection[str]) -> str | None:
    """What a key of theirs is here; None where it is none of theirs.

    known: our keys at the top, for what stands in env_args.
    """
    meant = KEYS.get(key)
    if meant is None:
        return None
    if key == "env_args" and isinstance(value, Mapping):
        keys = ", ".join(_of_env_args(name, one, known) for name, one in value.items())
        return f"PyMARL's env_args stand at the top here: {keys}"
    if meant.startswith("gone"):
        return f"PyMARL's {key!r} is {meant}"
    return f"PyMARL's {key!r} is here {meant}"


def _of_env_args(name: str, value: object, known: Collection[str]) -> str:
    """`map=3m` for map_name and 3m."""
    if name in GAME_KEYS:
        return f"{name} is {GAME_KEYS[name]}"
    ours = name if name in known else KEYS.get(name, name)
    return f"{ours}={value}"


def algorithm_hint(name: str, known: Collection[str]) -> str | None:
    """What --config=name is here; None where it is none of their names."""
    base, separate = name.removesuffix(SEPARATE), name.endswith(SEPARATE)
    for variant in VARIANTS:
        base = base.removesuffix(variant)
    if base in ALGORITHMS:
        return f"PyMARL's {name!r} is not here; the nearest is --config={ALGORITHMS[base]}"
    if base == name or base not in known:
        return None
    if separate:
        return f"all agents share their parameters here, as in --config={base}"
    return f"PyMARL's {name!r} is not here; the nearest is --config={base}"


def environment_hint(name: str, sized: bool) -> str | None:
    """What --env-config=name is here; None where it is none of their names.

    sized: whether it has the form of SMACv2's maps, protoss_5_vs_5.
    """
    if name in ENVIRONMENTS:
        return f"PyMARL's {name!r} {ENVIRONMENTS[name]}"
    if name.startswith(SMACV2):
        return f"SMACv2's; here --env-config=sc2v2 with map=10gen_{name.removeprefix(SMACV2)}"
    return f"here --env-config=sc2v2 with map={name}" if sized else None

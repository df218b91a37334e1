"""Hints for unknown keys and values: the nearest known one, and PyMARL's names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from marl.errors import nearest_or_all

# PyMARL's, PyMARL2's and EPyMARL's keys -> ours. For messages alone: none of them is accepted.
PYMARL_KEYS = {
    "batch_size": "sampler.batch_size",
    "batch_size_run": "num_envs",
    "buffer_size": "buffer.episodes",
    "checkpoint_path": "checkpoint (for evaluate) or resume (to go on training)",
    "double_q": "learner.double_q",
    "env_args": "gone: its keys stand at the top, env_args.map_name=3m is map=3m",
    "epsilon_anneal_time": "epsilon.anneal",
    "epsilon_finish": "epsilon.end",
    "epsilon_start": "epsilon.start",
    "evaluate": "a command: python run.py evaluate with checkpoint=<run folder>",
    "gamma": "learner.gamma",
    "grad_norm_clip": "learner.grad_norm_clip",
    "hidden_dim": "agent.hidden_dim",
    "hypernet_embed": "mixer.hypernet_dim",
    "key": "env_id",
    "learner_log_interval": "log_interval",
    "local_results_path": "results_dir",
    "lr": "learner.optimizer.lr",
    "mac": "gone: controllers share their parameters",
    "map_name": "map",
    "mixing_embed_dim": "mixer.embed_dim",
    "obs_agent_id": "agent.agent_id",
    "obs_last_action": "agent.last_action",
    "optim_alpha": "learner.optimizer.alpha",
    "optim_eps": "learner.optimizer.eps",
    "rnn_hidden_dim": "agent.hidden_dim",
    "runner": "gone: num_envs=1 is PyMARL's episode runner, more is its parallel runner",
    "runner_log_interval": "log_interval",
    "save_model": "save_interval (the end of a run is always saved)",
    "save_model_interval": "save_interval",
    "target_update_interval": "learner.target_update_interval",
    "target_update_interval_or_tau": "learner.target_update_interval",
    "test_nepisode": "test_episodes",
    "use_cuda": "device=cuda or device=cpu",
    "use_tensorboard": "tensorboard",
}

PLUGIN = "one from outside the package needs its module: plugins=NAME"


def unknown_key(key: str, known: Iterable[str], inside: Iterable[str], path: str) -> str:
    """The message about an unknown key, without its path.

    known: the valid keys beside it; inside: the dotted keys below `path`.
    """
    known = sorted(known)
    meant = PYMARL_KEYS.get(key)
    if meant is not None and not path:
        return f"unknown key; PyMARL's {key!r} is here {meant}"
    deeper = [dotted for dotted in inside if dotted.rpartition(".")[2] == key]
    if deeper:
        return f"unknown key; did you mean {' or '.join(map(repr, deeper))}?"
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"unknown key; did you mean {'.'.join([*([path] if path else []), near[0]])!r}?"
    return f"unknown key; known are: {', '.join(known)}"


def nearest_or_plugin(name: str, known: Collection[str]) -> str:
    """Hint for an unknown part: the nearest known one, or all and where others come from."""
    hint = nearest_or_all(name, known)
    return hint if hint.endswith("?") else f"{hint}; {PLUGIN}"


def unknown_value(value: object, known: Collection[object], registered: bool = False) -> str:
    """The message about an unknown value, without its path.

    registered: plugins may add values.
    """
    near = difflib.get_close_matches(str(value), [str(item) for item in known], n=1)
    plugin = f"; {PLUGIN}" if registered else ""
    hint = f"; did you mean {near[0]!r}?" if near else plugin
    return f"{value!r} is not one of {list(known)}{hint}"

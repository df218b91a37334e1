"""What to say about a key or a value that nobody knows: the nearest one, and PyMARL's names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

# PyMARL's, PyMARL2's and EPyMARL's keys -> what they are here. Only ever said, never obeyed.
PYMARL_KEYS = {
    "agent_output_type": "fixed: agents output action values",
    "batch_size_run": "num_envs",
    "buffer_size": "buffer.size",
    "checkpoint_path": "checkpoint (evaluate) or resume (go on training)",
    "difficulty": "fixed at SMAC's 7 on the engine",
    "double_q": "learner.double_q",
    "env_args": "keys of the environment stand at the top: env_args.map_name=3m is map=3m",
    "env_args.map_name": "map",
    "epsilon_anneal_time": "epsilon.anneal",
    "epsilon_finish": "epsilon.end",
    "epsilon_start": "epsilon.start",
    "evaluate": "the command evaluate: python run.py evaluate with checkpoint=<run folder>",
    "gamma": "learner.gamma",
    "grad_norm_clip": "learner.grad_norm_clip",
    "hidden_dim": "agent.hidden_dim",
    "learner_log_interval": "log_interval",
    "local_results_path": "results_dir",
    "lr": "learner.lr",
    "map_name": "map",
    "mixing_embed_dim": "mixer.embed_dim",
    "rnn_hidden_dim": "agent.hidden_dim",
    "runner": "gone: num_envs=1 is PyMARL's episode runner, more is its parallel runner",
    "runner_log_interval": "log_interval",
    "save_model": "save_interval (a large one saves only at the end)",
    "save_model_interval": "save_interval",
    "target_update_interval": "learner.target_update_interval",
    "target_update_interval_or_tau": "learner.target_update_interval",
    "test_nepisode": "test_episodes",
    "use_cuda": "device=cuda or device=cpu",
    "use_tensorboard": "tensorboard",
}


def unknown_key(key: str, known: Iterable[str], path: str) -> str:
    """The rest of the line after `<path>.<key>: `."""
    known = sorted(known)
    prefix = f"{path}." if path else ""
    meant = PYMARL_KEYS.get(f"{prefix}{key}") or PYMARL_KEYS.get(key)
    if meant and meant != f"{prefix}{key}":
        return f"unknown key; PyMARL's {key!r} is here: {meant}"
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"unknown key; did you mean {prefix + near[0]!r}?"
    return f"unknown key; known are: {', '.join(known)}"


def unknown_value(value: object, known: Collection[object]) -> str:
    """The rest of the line after `<key>: `."""
    near = difflib.get_close_matches(str(value), [str(item) for item in known], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{value!r} is not one of {list(known)}{hint}"

"""Summaries and run folders with curves that are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from marl.plots.trial import Trial, trial_of_summary

SETTINGS = {
    "t_max": 100,
    "test_interval": 50,
    "test_episodes": 32,
    "backend": "engine",
    "reward_sparse": False,
    "quirks.regeneration_pays": True,
    "learner.gamma": 0.99,
}


def summary(
    folder: Path,
    label: str = "qmix",
    map_name: str | None = "3m",
    seed: int = 1,
    wins: Sequence[float | None] | None = (0.0, 0.5, 1.0),
    t_env: Sequence[int] = (0, 50, 100),
    **more: object,
) -> Path:
    """Write a summary; more: its keys, or settings (those with a dot or in SETTINGS)."""
    settings = dict(SETTINGS)
    settings.update({key: more.pop(key) for key in list(more) if "." in key or key in SETTINGS})
    returns = [20 * (win or 0.0) for win in wins or (0.0,) * len(t_env)]
    tests: dict[str, object] = {"t_env": list(t_env), "seconds": [0.6 * t for t in t_env]}
    tests |= {"return_mean": returns} | ({"battle_won_mean": list(wins)} if wins else {})
    record = {
        "suite": "mine",
        "label": label,
        "config": label.split()[0],
        "env_config": "sc2",
        "map": map_name,
        "seed": seed,
        "commit": "abc1234",
        "seconds": 60,
        "t_env": t_env[-1],
        "settings": settings,
        "tests": tests,
        "training": {},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{label.replace(' ', '_')}-{map_name}-s{seed}.json"
    path.write_text(json.dumps(record))
    return path


def trial(folder: Path, **more: object) -> Trial:
    return trial_of_summary(summary(folder, **more))  # type: ignore[arg-type]


def run_folder(
    folder: Path, wins: Sequence[float] = (0.0, 0.5, 1.0), size: int = 64, **more: object
) -> Path:
    """Write a run's folder of LAGMA, tested every 50 steps, a line of training between."""
    folder.mkdir(parents=True)
    values: dict[str, object] = {
        "recipe": "lagma",
        "config": "lagma",
        "env": "sc2",
        "env_config": "sc2",
        "map": "3m",
        "seed": 1,
        "t_max": 100,
        "test_episodes": 32,
        "backend": "engine",
        "label": "",
        "bonus": {"kind": "lagma", "codebook": {"size": size}},
        **more,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    lines = []
    for place, win in enumerate(wins):
        stamp = {"t_env": 50 * place, "time": 1000.0 + 30 * place}
        test = {"test_return_mean": 20 * win, "test_battle_won_mean": win}
        lines += [json.dumps({**stamp, **test}), json.dumps({**stamp, "loss": 1.0})]
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder

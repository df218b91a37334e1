"""Folders of runs as trainings leave them."""

from __future__ import annotations

import json
from pathlib import Path

LEARNING = {
    "return_mean": 3.0,
    "return_std": 0.5,
    "battle_won_mean": 0.25,
    "loss": 0.01,
    "td_error_abs": 0.1,
    "codebook_usage": 0.25,
    "codebook_perplexity": 9.0,
    "intrinsic_mean": 0.001,
    "epsilon": 0.5,
    "steps_per_second": 400.0,
    "time_env": 0.3,
    "time_learning": 0.7,
    "my_own_metric": 7.0,
}
TEST = {"test_return_mean": 5.0, "test_return_std": 1.0, "test_battle_won_mean": 0.5}


def make_run(folder: Path, points: int = 30, **config: object) -> Path:
    """A run's folder with config.yaml and metrics.jsonl: `points` of training, each third a test.

    Metrics grow with the steps, so that curves are no straight lines at one height.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "config": "lagma",
        "env_config": "sc2",
        "map": "3m",
        "seed": 1,
        "t_max": 100_000,
        "test_episodes": 32,
        "bonus": {"kind": "lagma", "codebook": {"kind": "vq", "size": 64}},
        **config,
    }
    lines = [f"{key}: {json.dumps(value)}  # command line" for key, value in values.items()]
    (folder / "config.yaml").write_text("\n".join([*lines, ""]))
    (folder / "metrics.jsonl").write_text("".join(point_lines(0, points)))
    return folder


def point_lines(first: int, points: int) -> list[str]:
    lines = []
    for index in range(first, first + points):
        stamp = {"t_env": 1000 * index, "time": 1_700_000_000 + 5 * index}
        scale = (index + 1) / (first + points)
        kinds = [LEARNING, TEST] if index % 3 == 0 else [LEARNING]
        for kind in kinds:
            values = {key: value * scale for key, value in kind.items()}
            lines.append(json.dumps(stamp | values) + "\n")
    return lines


def add_battle(run: Path, name: str = "battle-1.html", text: str = "<p>a battle</p>") -> Path:
    """A recorded battle's page."""
    page = run / "replays" / name
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"<!doctype html>{text}")
    return page

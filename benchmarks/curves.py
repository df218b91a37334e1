"""Test curves of finished runs: a figure, and the numbers beside it.

    python benchmarks/curves.py docs/curves/3m <run folder> [<run folder> ...]

writes docs/curves/3m.png and docs/curves/3m.csv: one column of test win rates (or returns, where
nothing can be won) per run. Needs the extra [plots].
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

WINS, RETURNS = "test_battle_won_mean", "test_return_mean"
WINDOW = 5  # evaluations in the smoothed line; the points themselves are drawn thin


def read_curve(folder: Path) -> tuple[str, dict[int, float]]:
    """Metric name, and t_env -> value, of one run."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    metric = WINS if any(WINS in line for line in lines) else RETURNS
    return metric, {line["t_env"]: line[metric] for line in lines if metric in line}


def label_of(folder: Path) -> str:
    """`qmix s1` from results/<env>/<map>/qmix/<time>-s1."""
    return f"{folder.parent.name} {folder.name.split('-')[2]}"


def smooth(values: list[float]) -> list[float]:
    """Mean of each value and up to WINDOW - 1 before it."""
    spans = [values[max(0, end - WINDOW + 1) : end + 1] for end in range(len(values))]
    return [sum(span) / len(span) for span in spans]


def main(stem: Path, folders: list[Path]) -> None:
    """Write <stem>.png and <stem>.csv."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    rows: dict[str, dict[int, float]] = {}
    for number, folder in enumerate(folders):
        metric, curve = read_curve(folder)
        rows[label_of(folder)] = curve
        times, values = list(curve), list(curve.values())
        colour = f"C{number}"
        axes.plot(times, values, color=colour, alpha=0.25, linewidth=0.8)
        axes.plot(times, smooth(values), color=colour, label=label_of(folder))
        axes.set_ylabel(metric)
    axes.set_xlabel("environment steps")
    axes.set_title(f"{stem.name} (engine), mean of {WINDOW} evaluations")
    axes.grid(alpha=0.3)
    axes.legend()
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(stem.with_suffix(".png"), dpi=110)
    with stem.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "t_env", "value"])
        for name, curve in rows.items():
            writer.writerows([name, t_env, f"{value:.4f}"] for t_env, value in curve.items())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} <file without ending> <run folder> [<run folder> ...]")
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])

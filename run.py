"""Train, evaluate or measure: python run.py [command] --config=... --env-config=... with ..."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace

from marl.cli import main
from marl.plan import Plan

warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # sacred uses it


def execute(plan: Plan, options: Sequence[str]) -> None:
    """Run the plan's command as a sacred command, recorded in the run folder."""
    from sacred import Experiment
    from sacred.run import Run

    from marl.log.sacred_sink import SacredSink, prepare, run_command

    prepare()
    experiment = Experiment("marl", save_git_info=False)
    experiment.add_config(dict(plan.values))

    @experiment.command(unobserved=plan.folder is None)
    def train(_run: Run) -> object:
        """Learn."""
        from marl.train import train

        return train(replace(plan, sinks=(SacredSink(_run),)))

    @experiment.command(unobserved=True)
    def evaluate() -> object:
        """Play without exploration."""
        from marl.evaluate import evaluate

        return evaluate(plan)

    @experiment.command(unobserved=True)
    def bench() -> object:
        """Measure the engine and the learners."""
        from marl.bench import bench

        return bench(plan)

    @experiment.command(unobserved=True)
    def print_config() -> None:
        """Every setting and where it was set."""
        from marl.configfiles import dump

        print(dump(plan.values, plan.sources), end="")

    run_command(experiment, plan, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], execute))

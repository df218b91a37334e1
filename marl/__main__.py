"""Train, evaluate or measure: python -m marl [command] --config=... --env-config=... with ...

A checkout's run.py is the same. `python -m marl doctor` checks the machine.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from marl.cli.pipes import quiet_when_cut_off

# Packages are imported where they are needed: doctor starts without them, and help and refusals
# need not wait for sacred and torch.
if TYPE_CHECKING:
    from sacred import Experiment

    from marl.run.plan import Plan


def run(words: Sequence[str]) -> int:
    """Run the command line; returns the exit code. words: the arguments."""
    return quiet_when_cut_off(lambda: _run(words))


def _run(words: Sequence[str]) -> int:
    if words[:1] == ["doctor"]:
        from marl.doctor.command import main as doctor

        return doctor(words[1:])
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # sacred imports it
    from marl.cli.main import main

    return main(words, execute)


def execute(plan: Plan, options: Mapping[str, object]) -> None:
    """Run the plan's command as a sacred command. options: sacred's own."""
    if plan.command == "train":
        _train(plan, options)
        return
    from marl.log.sacred_sink import run_command

    experiment = _experiment(plan)

    @experiment.command(unobserved=True)
    def evaluate() -> object:
        """Play without exploration."""
        from marl.run.evaluate import evaluate

        return evaluate(plan)

    @experiment.command(unobserved=True)
    def replay() -> None:
        """Play without exploration, and make a page of each battle."""
        from marl.run.replay import replay

        replay(plan)

    @experiment.command(unobserved=True)
    def bench() -> object:
        """Measure the engine and the learners."""
        from marl.run.bench import bench

        return bench(plan)

    @experiment.command(unobserved=True)
    def print_config() -> None:
        """Print every setting and where it was set."""
        from marl.config.files import dump

        print(dump(plan.values, plan.sources), end="")

    run_command(experiment, plan.command, None, options)


def _train(plan: Plan, options: Mapping[str, object]) -> None:
    """Train as a sacred command, with sacred's record in the run folder."""
    from sacred.run import Run

    from marl.log.sacred_sink import SacredSink, run_command
    from marl.run.ending import INTERRUPTED
    from marl.run.folder import SACRED
    from marl.run.train import train as run_training
    from marl.run.trainer import Trainer

    trainer = Trainer(plan)  # before sacred: what does not go together is refused here
    experiment = _experiment(plan)

    @experiment.command
    def train(_run: Run) -> object:
        """Train."""
        summary = run_training(trainer, (SacredSink(_run),))
        if summary.stopped == INTERRUPTED:
            raise KeyboardInterrupt  # for sacred's record and the exit code; all is saved
        return summary.evaluations[-1]

    run_command(experiment, plan.command, trainer.folder / SACRED, options)


def _experiment(plan: Plan) -> Experiment:
    """sacred's experiment with the plan's values."""
    from sacred import Experiment

    from marl.log.sacred_sink import prepare

    prepare()
    experiment = Experiment("marl", save_git_info=False)
    experiment.add_config(dict(plan.values))
    return experiment


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

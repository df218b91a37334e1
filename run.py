"""Train, evaluate or measure: python run.py [command] --config=... --env-config=... with ...

`python run.py doctor` checks the machine.
"""

from __future__ import annotations

import sys

from marl.cli.pipes import quiet_when_cut_off

if sys.argv[1:2] == ["doctor"] and __name__ == "__main__":
    from marl.doctor.command import main as doctor

    # before the imports of packages, which may be missing
    sys.exit(quiet_when_cut_off(lambda: doctor(sys.argv[2:])))

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # sacred imports it

from marl.cli.main import main  # noqa: E402
from marl.config.files import dump  # noqa: E402
from marl.run.folder import SACRED  # noqa: E402
from marl.run.plan import Plan  # noqa: E402

if TYPE_CHECKING:  # sacred and torch take seconds, which help and refusals need not
    from sacred import Experiment


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
        print(dump(plan.values, plan.sources), end="")

    run_command(experiment, plan.command, None, options)


def _train(plan: Plan, options: Mapping[str, object]) -> None:
    """Train as a sacred command, with sacred's record in the run folder."""
    from sacred.run import Run

    from marl.log.sacred_sink import SacredSink, run_command
    from marl.run.train import train as run_training
    from marl.run.trainer import INTERRUPTED, Trainer

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
    sys.exit(quiet_when_cut_off(lambda: main(sys.argv[1:], execute)))

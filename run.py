"""Train, evaluate or measure: python run.py [command] --config=... --env-config=... with ...

`python run.py doctor` checks the machine.
"""

from __future__ import annotations

import sys

if sys.argv[1:2] == ["doctor"] and __name__ == "__main__":
    from marl.doctor.command import main as doctor

    sys.exit(doctor(sys.argv[2:]))  # before the imports of packages, which may be missing

import warnings
from collections.abc import Mapping
from dataclasses import replace

warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # sacred imports it

from sacred import Experiment  # noqa: E402
from sacred.run import Run  # noqa: E402

from marl.cli.main import main  # noqa: E402
from marl.cli.resolve import open_folder  # noqa: E402
from marl.config.files import dump  # noqa: E402
from marl.log.sacred_sink import SacredSink, prepare, run_command  # noqa: E402
from marl.run.folder import SACRED  # noqa: E402
from marl.run.plan import Plan  # noqa: E402


def execute(plan: Plan, options: Mapping[str, object]) -> None:
    """Run the plan's command as a sacred command. options: sacred's own."""
    plan = replace(plan, folder=open_folder(plan))
    prepare()
    experiment = Experiment("marl", save_git_info=False)
    experiment.add_config(dict(plan.values))

    @experiment.command
    def train(_run: Run) -> object:
        """Train."""
        from marl.run.train import INTERRUPTED, train

        summary = train(replace(plan, sinks=(SacredSink(_run),)))
        if summary.stopped == INTERRUPTED:
            raise KeyboardInterrupt  # for sacred's record and the exit code; all is saved
        return summary.evaluations[-1]

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

    record = plan.folder / SACRED if plan.command == "train" and plan.folder else None
    run_command(experiment, plan.command, record, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], execute))

"""Opens mutants in a process of its own, to be told from what makes them:

python -m tests.untrusted.attack traces FOLDER             # of mutated traces
python -m tests.untrusted.attack KIND RUN FIRST COUNT      # of COMMANDS; the run is mutated

Prints a JSON object: what went wrong, how often each
exit code came, and the most memory that the process had. A signal shows in its own exit code.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

from tests.untrusted.mutants import evil_things, mutate_run

COMMANDS: dict[str, dict[str, list[str]]] = {  # by what opens a run
    "watches": {"watch": []},
    "plots": {"plot": ["plot", "with", "runs=there", "out=plots"]},
    "plays": {
        "evaluate": ["evaluate", "with", "checkpoint=there/run", "episodes=2"],
        "replay": ["replay", "with", "checkpoint=there/run", "episodes=2"],
    },
    "resumes": {
        "resume": ["with", "resume=there/run", "t_max=400", "test_episodes=2", "max_seconds=2"],
    },
}
SECONDS = 120  # for one command; longer is a hang
KIB_PER_MIB = 1024


def attack_traces(folder: Path) -> dict[str, object]:
    """Make pages of the traces in a folder."""
    from marl.replay.__main__ import main

    log = Log()
    for path in sorted(folder.glob("*.trace")):
        log.run(path.name, partial(main, [str(path)]))
        path.with_suffix(".html").unlink(missing_ok=True)
    return log.report()


def attack_run(kind: str, run: Path, first: int, count: int) -> dict[str, object]:
    """Open mutants of a run's folder, in there/run, beside the run itself, in there/good."""
    log = Log()
    for seed in range(first, first + count):
        shutil.rmtree("there", ignore_errors=True)
        shutil.copytree(run, "there/run")
        shutil.copytree(run, "there/good")
        what = f"run {seed} ({mutate_run(Path('there/run'), seed)})"
        for name, words in COMMANDS[kind].items():
            log.run(f"{what}: {name}", partial(command, *words) if words else watch)
    return log.report()


def command(*words: str) -> int:
    """A command of run.py."""
    from marl.__main__ import execute
    from marl.cli.main import main

    return main(list(words), execute)


def watch() -> int:
    """All that the page asks for."""
    from marl.watch.runs import Runs
    from marl.watch.server import news

    runs = Runs(Path("there"))
    json.dumps(runs.summaries(), allow_nan=False)
    for one in runs.scan():
        json.dumps(news(one, None, 0), allow_nan=False)
    return 0


class Log:
    """What went wrong."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.codes: Counter[int] = Counter()
        self.peaks: dict[str, float] = {}  # after each command

    def run(self, what: str, call: Callable[[], int]) -> None:
        """One command: its exit code is 0, 1 or 2, with a line that says why, and no traceback."""
        said = io.StringIO()
        signal.alarm(SECONDS)
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                code = call()
        except BaseException:
            self.wrong.append(f"{what}: {traceback.format_exc()[-1500:]}")
            return
        finally:
            signal.alarm(0)
        self.codes[code] += 1
        self.peaks[what] = peak_mib()
        lines = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
        if code not in (0, 1, 2) or (code != 0) != (len(lines) == 1):
            self.wrong.append(f"{what}: code {code}, said {said.getvalue()[-1500:]!r}")
        if "Traceback" in said.getvalue():
            self.wrong.append(f"{what}: {said.getvalue()[-1500:]!r}")

    def report(self) -> dict[str, object]:
        steps = sorted(self.peaks.items(), key=lambda step: step[1])
        grown = {what: now - before for (_, before), (what, now) in pairwise(steps)}
        most = sorted(grown, key=lambda what: -grown[what])[:5]
        greedy = {what: round(grown[what]) for what in most}
        codes = dict(self.codes)
        return {"wrong": self.wrong, "codes": codes, "peak_mib": peak_mib(), "greedy": greedy}


def peak_mib() -> float:
    """The most memory that this process has had.

    ru_maxrss would be that of its parent too.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / KIB_PER_MIB


def hang(number: int, frame: object) -> None:
    raise TimeoutError(f"longer than {SECONDS} s")


def main(words: list[str]) -> None:
    kind, folder, *numbers = words
    signal.signal(signal.SIGALRM, hang)
    evil_things(Path.cwd())
    sys.path.append(os.getcwd())
    if kind == "traces":
        print(json.dumps(attack_traces(Path(folder))))
    else:
        print(json.dumps(attack_run(kind, Path(folder), *map(int, numbers))))


if __name__ == "__main__":
    main(sys.argv[1:])

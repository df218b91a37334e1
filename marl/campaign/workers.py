"""Trainings in processes of their own, one thread each, that survive a kill of any of them.

Each job has a folder with a lock that its process holds, so that two campaigns never run the same
job; a training whose campaign was killed goes on, and the next campaign finds it running.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from marl.campaign.suite import Job
from marl.campaign.summary import commit_of, summary_of, write_summary
from marl.log.jsonl import METRICS, read_metrics
from marl.program import own_process
from marl.run import trust
from marl.run.checkpoint import MODELS, list_steps
from marl.watch.runs import find

LOCK, LOG, START = "lock", "log.txt", "start.json"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
QUIET = {"progress_bar": False, "tensorboard": False}
TESTED = "test_return_mean"  # in each line of metrics of a test
LAST_LINES = 3  # of a failed training's output


@dataclass
class Place:
    """A job's folder, with the runs that were begun in it."""

    job: Job
    folder: Path
    t_max: int
    names: tuple[str, ...] = ()  # programs and modules that the suite names, see marl/run/trust.py

    def run(self) -> Path | None:
        """The run that got farthest of those with a checkpoint."""
        runs = find(self.folder) if self.folder.is_dir() else ()
        saved = [run for run in runs if list_steps(run / MODELS)]
        return max(saved, key=steps_of, default=None)

    def steps(self) -> int:
        """Environment steps of the run that got farthest, saved or not."""
        runs = find(self.folder) if self.folder.is_dir() else ()
        return max(map(steps_of, runs), default=0)

    def is_finished(self) -> bool:
        """Whether a run came to t_max, was saved there and had its last test."""
        run = self.run()
        if run is None or max(list_steps(run / MODELS)) < self.t_max or self.is_locked():
            return False
        points = read_metrics(run / METRICS)
        return any(TESTED in point and point["t_env"] >= self.t_max for point in points)

    def is_locked(self) -> bool:
        """Whether a process trains here."""
        if not (self.folder / LOCK).exists():
            return False
        with open(self.folder / LOCK, "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def summarise(self, path: Path) -> None:
        """Write the summary of the finished run, and free what only a resume would need."""
        run = self.run()
        assert run is not None
        commits = ", ".join(_commits(self.folder / START))
        write_summary(path, summary_of(run, self.job, commits))
        for replay in run.glob(f"{MODELS}/*/replay.pt"):
            replay.unlink(missing_ok=True)


def steps_of(run: Path) -> int:
    """Environment steps of a run's last line of metrics."""
    path = run / METRICS
    points = read_metrics(path) if path.is_file() else []
    return int(points[-1]["t_env"]) if points else 0


@dataclass
class Training:
    """A job's process."""

    place: Place
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    first_step: int = 0

    def stop(self) -> None:
        """Ask it to save and end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def failure(self) -> str | None:
        """Why it ended without coming to its end; None where it did."""
        code = self.process.returncode
        if code == 0 and self.place.is_finished():
            return None
        lines = (self.place.folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        last = " | ".join([line for line in lines if line.strip()][-LAST_LINES:])
        return f"exit code {code}: {last}"


def start(place: Place) -> Training | None:
    """Begin the job or go on with it; None where another process holds its lock."""
    place.folder.mkdir(parents=True, exist_ok=True)
    lock = open(place.folder / LOCK, "w")  # noqa: SIM115 - the child keeps it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    run = place.run()
    if run is None:
        _remove_unsaved(place.folder)
        _note_commit(place.folder / START, [])
        words = place.job.words(results_dir=str(place.folder / "runs"), **QUIET)
    else:
        _note_commit(place.folder / START, _commits(place.folder / START))
        words = ["with", f"resume={run}", *(f"{key}={value}" for key, value in QUIET.items())]
    with lock, open(place.folder / LOG, "ab") as log:
        process = subprocess.Popen(
            [*own_process(), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                **dict.fromkeys(THREADS, "1"),
                trust.VARIABLE: ",".join([*trust.trusted(), *place.names]),
            },
            pass_fds=[lock.fileno()],
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
    return Training(place, process, first_step=place.steps() if run is not None else 0)


def _commits(start: Path) -> list[str]:
    """The commits that the run was trained with so far."""
    found = json.loads(start.read_text(encoding="utf-8"))["commits"]
    return [str(commit) for commit in found]


def _note_commit(start: Path, before: list[str]) -> None:
    """Write the commits before and the present one, each once."""
    commits = list(dict.fromkeys([*before, commit_of()]))
    start.write_text(json.dumps({"commits": commits}) + "\n", encoding="utf-8")


def _remove_unsaved(folder: Path) -> None:
    """Remove runs that ended before their first checkpoint."""
    for run in list(find(folder)):
        shutil.rmtree(run)

"""`python run.py reproduce with suite=<name>`: run a suite's trainings, a process for each core.

What is finished has a summary in docs/results/<suite>/ and is not run again; what is not goes on
from its newest checkpoint. So work adds up from day to day, and from machine to machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from marl.campaign.suite import Job, load_suite, suite_names
from marl.campaign.summary import read_summary
from marl.campaign.workers import Place, Training, start
from marl.config.code import code_named
from marl.config.schema import option
from marl.config.split import split_parse
from marl.errors import ConfigError
from marl.run.folder import read_config
from marl.run.interrupts import StopRequest
from marl.run.labels import learnt_settings
from marl.run.plan import Plan

Resolve = Callable[[Sequence[str]], Plan]  # a command line to its plan

POLL_SECONDS = 2.0
SHOW_SECONDS = 60.0
RESULTS = ("battle_won_mean", "return_mean")  # of the last test, shown when a job is finished
NAMED = ("config", "env_config")  # of a run's values, beside its settings
GUESSED_SPEED = 1000.0  # environment steps a second, until something was measured


@dataclass(frozen=True)
class ReproduceConfig:
    """What stands after `with`."""

    suite: str = ""
    processes: int | None = option(None, low=1)  # at once; None: one for each core
    only: str = ""  # part of the names of the jobs to run, e.g. 3m or lagma-3m-s1
    # Runs: <results_dir>/reproduce/<suite>/<job>/; summaries: <summaries_dir>/<suite>/<job>.json.
    results_dir: str = option("results", path=True)
    summaries_dir: str = option("docs/results", path=True)
    status: bool = False  # only show what is done and what is left
    max_seconds: float | None = option(None, above=0.0)  # stop then; all is saved


@dataclass
class Campaign:
    """The jobs of a suite by their state; `settings` are those that each would have now."""

    config: ReproduceConfig
    places: list[Place]
    settings: dict[str, dict[str, object]]
    running: list[Training] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)  # jobs that another process trains
    seconds: dict[str, float] = field(default_factory=dict)  # of training, of the finished jobs

    def summary_path(self, job: Job) -> Path:
        return Path(self.config.summaries_dir) / job.suite / f"{job.name}.json"

    def is_done(self, place: Place) -> bool:
        """Whether its summary is there; if it is of other settings, ConfigError."""
        path = self.summary_path(place.job)
        if not path.is_file():
            return False
        if place.job.name not in self.seconds:
            summary = read_summary(path)
            recorded = {name: summary[name] for name in NAMED} | _settings_of(summary)
            changed = differences(recorded, self.settings[place.job.name])
            if changed:
                raise ConfigError(
                    f"{path} was made with other settings ({changed}); remove it to run that job "
                    "again, or give the suite's entry the old value"
                )
            seconds = summary["seconds"]
            assert isinstance(seconds, int | float)
            self.seconds[place.job.name] = float(seconds)
        return True

    def left(self) -> list[Place]:
        """Jobs to run, in order."""
        busy = {training.place.job.name for training in self.running}
        skipped = busy | self.failed.keys() | self.elsewhere
        return [
            place
            for place in self.places
            if place.job.name not in skipped and not self.is_done(place)
        ]

    def finish(self, place: Place) -> None:
        """Write the summary of a finished job, and say its result."""
        path = self.summary_path(place.job)
        place.summarise(path)
        tests = read_summary(path)["tests"]
        assert isinstance(tests, dict)
        shown = ", ".join(f"{name} {tests[name][-1]:.2f}" for name in RESULTS if name in tests)
        print(f"{place.job.name}: {shown}; {path}", flush=True)

    def fill(self, processes: int) -> None:
        """Start jobs while there are processes free."""
        self.elsewhere.clear()  # the process that held a job may have died
        for place in self.left():
            if len(self.running) >= processes:
                return
            if place.is_finished():  # killed between the training's end and its summary
                self.finish(place)
                continue
            training = start(place)
            if training is None:
                self.elsewhere.add(place.job.name)
            else:
                self.running.append(training)

    def collect(self) -> None:
        """Summaries of the trainings that ended."""
        for training in [one for one in self.running if one.process.poll() is not None]:
            self.running.remove(training)
            failure = training.failure()
            if failure is None:
                self.finish(training.place)
            else:
                name = training.place.job.name
                self.failed[name] = failure
                print(f"{name} failed: {failure}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Let all trainings save and end; they are left for the next time."""
        for training in self.running:
            training.stop()
        for training in self.running:
            training.process.wait()
            if training.place.is_finished():
                self.finish(training.place)
        self.running.clear()

    def speed(self, steps_now: Sequence[int]) -> float:
        """Environment steps a second of one process, as far as known.

        steps_now: of each running training.
        """
        steps = sum(place.t_max for place in self.places if place.job.name in self.seconds)
        seconds = sum(self.seconds.values())
        for training, now in zip(self.running, steps_now, strict=True):
            steps += max(0, now - training.first_step)
            seconds += time.monotonic() - training.started
        return steps / seconds if steps and seconds else GUESSED_SPEED

    def show(self, processes: int) -> None:
        """Print what is done, what runs and what is left."""
        left = self.left()
        done = sum(self.is_done(place) for place in self.places)
        now = [(training.place, training.place.steps()) for training in self.running]
        missing = sum(place.t_max for place in left) + sum(
            place.t_max - steps for place, steps in now
        )
        speed = self.speed([steps for _, steps in now])
        end = datetime.now() + timedelta(seconds=missing / speed / processes)
        line = f"{done} of {len(self.places)} done, {len(now)} running, {len(left)} left"
        if self.failed:
            line += f", {len(self.failed)} failed"
        if self.elsewhere:
            line += f", {len(self.elsewhere)} in other processes"
        if now or left:
            line += f"; ends {end:%a %H:%M} with {processes} process(es)"
        print(f"{datetime.now():%H:%M} {line}", flush=True)
        for place, steps in now:
            print(f"      {place.job.name}  {steps:,} of {place.t_max:,} steps", flush=True)


def _settings_of(summary: Mapping[str, object]) -> dict[str, object]:
    settings = summary["settings"]
    assert isinstance(settings, dict)
    return settings


def differences(recorded: Mapping[str, object], present: Mapping[str, object]) -> str:
    """Settings that both have, with other values: `key: old -> new, ...`; "" where there is none.

    An option that came later is not one: its default is what there was before.
    """
    found = [
        f"{key}: {recorded[key]} -> {value}"
        for key, value in present.items()
        if key in recorded and _plain(recorded[key]) != _plain(value)
    ]
    return ", ".join(found)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def open_campaign(config: ReproduceConfig, resolve: Resolve) -> Campaign:
    """The jobs of the suite, all resolved, so that a wrong one is refused before any is run."""
    if not config.suite:
        raise ConfigError(f"suite: say which one, with suite=NAME; {', '.join(suite_names())}")
    jobs = [job for job in load_suite(config.suite) if config.only in job.name]
    if not jobs:
        raise ConfigError(f"only: no job of {config.suite} has {config.only!r} in its name")
    places, settings = [], {}
    for job in jobs:
        plan = resolve(job.words())
        folder = Path(config.results_dir) / "reproduce" / job.suite / job.name
        named = {**code_named(plan.env), **code_named(plan.recipe)}.values()
        place = Place(job, folder, plan.run.t_max, (*plan.run.plugins, *named))
        names = {name: plan.values[name] for name in NAMED}
        settings[job.name] = names | learnt_settings(plan.values)
        _refuse_other_run(place, settings[job.name])
        places.append(place)
    return Campaign(config, places, settings)


def _refuse_other_run(place: Place, present: Mapping[str, object]) -> None:
    """ConfigError where a run that was begun has other settings than the job has now."""
    run = place.run()
    if run is None:
        return
    values, _ = read_config(run)
    recorded = {name: values.get(name) for name in NAMED} | learnt_settings(values)
    changed = differences(recorded, present)
    if changed:
        raise ConfigError(
            f"{run} was begun with other settings ({changed}); remove {place.folder} to begin "
            "anew, or give the suite's entry the old value"
        )


def run(updates: Mapping[str, object], resolve: Resolve) -> int:
    """Run or show the campaign; returns the exit code."""
    config: ReproduceConfig = split_parse(dict(updates), {"reproduce": ReproduceConfig})[
        "reproduce"
    ]
    campaign = open_campaign(config, resolve)
    processes = config.processes or os.cpu_count() or 1
    campaign.show(processes)
    if config.status:
        for place in campaign.left():
            print(f"      {place.job.name}  {place.steps():,} of {place.t_max:,} steps")
        return 0
    end = time.monotonic() + (config.max_seconds or float("inf"))
    shown = time.monotonic()
    with StopRequest(
        lambda: print("stopping: each training saves what it has", flush=True)
    ) as stop:
        try:
            while not stop.requested and time.monotonic() < end:
                campaign.collect()
                campaign.fill(processes)
                if not campaign.running:
                    break
                if time.monotonic() - shown > SHOW_SECONDS:
                    campaign.show(processes)
                    shown = time.monotonic()
                time.sleep(POLL_SECONDS)
        finally:
            campaign.stop()
    campaign.show(processes)
    return 1 if campaign.failed or campaign.elsewhere else 0

"""The training loop: collect, learn, test, log, save. One loop for every recipe and environment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from marl import seeding
from marl.algos.agent import Timed
from marl.errors import CheckpointError, ConfigError, EnvError
from marl.log.log import Log, open_log
from marl.log.summary import Summary
from marl.protocols import Behaviour, FromFile, MetricSink, Progress, Rollout, State, VecEnv
from marl.replay.battles import TraceLog
from marl.replay.film import Fact
from marl.replay.folder import ReplayFolder
from marl.run import checkpoint
from marl.run.folder import open_folder, write_config, write_dataset
from marl.run.interrupts import StopRequest
from marl.run.meter import Meter
from marl.run.plan import Plan, pick_device
from marl.run.states import refuse_unreadable
from marl.runners.evaluation import evaluation_seeds, play, statistics
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import spec_state

INTERRUPTED = "interrupted"
TEST_ENVS = 8  # at most, side by side, where tests need environments of their own


@dataclass
class Counters:
    """Where training stands; all of it is saved."""

    t_env: int = 0  # environment steps collected (offline: updates done)
    episode: int = 0  # episodes begun
    update: int = 0  # learner updates done
    next_test: int = 0  # t_env of the next evaluation ...
    next_log: int = 0
    next_save: int = 0


class Trainer:
    """One training run, from its plan to its folder of results."""

    def __init__(self, plan: Plan) -> None:
        """ConfigError where recipe and environment don't go together; then no folder is made."""
        self.plan = plan
        self.run = plan.run
        assert plan.run.seed is not None
        self.seed = plan.run.seed
        recipe = plan.recipe
        self.note = recipe.check_length(self.run.t_max) if isinstance(recipe, Timed) else ""
        torch.set_num_threads(self.run.torch_threads)
        self.device = pick_device(self.run.device)
        seeding.seed_everything(self.seed)
        self.env = plan.env.build(self.run.num_envs, self.run.env_threads)
        try:
            self.agent = plan.recipe.build(self.env.spec, self.device)
            len(self.agent.buffer)  # reads a dataset, so that it is refused before a folder is made
            buffer = self.agent.buffer
            self.dataset = buffer.file if isinstance(buffer, FromFile) else None
            if self.dataset is not None and not self.agent.sampler.ready(buffer):
                raise ConfigError(f"buffer.path: {self.dataset.path}: {self._waiting()}")
            self.folder = open_folder(plan, self.env.spec.name)
            if self.dataset is not None and plan.run.resume is None:
                write_dataset(self.folder, self.dataset)
        except BaseException:
            self.env.close()
            raise
        self.stopwatch = Stopwatch()
        self.runner = self.agent.rollout.build(
            self.env, self.agent.layout, self.device, self.stopwatch
        )
        self.tester = self.runner.for_tests(self._test_env)
        self.seeds = EpisodeSeeds(self.seed, seeding.TRAIN_EPISODES)
        self.exploration_rng = seeding.generator(self.seed, seeding.EXPLORATION)
        self.sampling_rng = seeding.generator(self.seed, seeding.SAMPLING)
        self.counters = Counters()
        self.meter = Meter()
        self.owed: list[int] = []  # the episodes just played that an update is due for
        self.evaluations: list[dict[str, float]] = []
        self.stop_reason = ""
        self.saved_at: int | None = None  # t_env of the newest checkpoint

    def _test_env(self) -> VecEnv:
        """An environment for tests alone."""
        count = max(self.run.num_envs, min(TEST_ENVS, self.run.test_episodes))
        return self.plan.env.build(count, self.run.env_threads)

    def _waiting(self) -> str:
        """Why there is no update yet."""
        buffer = self.agent.buffer
        held = f"{buffer.steps:,} steps in {len(buffer):,} rows"
        if not self.agent.sampler.ready(buffer):
            return f"the first update waits for {self.agent.needed}, and there are {held}"
        return f"what was collected brings less than one; {held} are held"

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do up to t_max, the last evaluation included."""
        t_env = self.counters.t_env
        tested = bool(self.evaluations) and self.evaluations[-1]["t_env"] == t_env
        return t_env >= self.run.t_max and tested

    def introduction(self) -> str:
        """What is about to be trained, in one line."""
        size = sum(parameter.numel() for parameter in self.agent.learner.parameters)
        return (
            f"{self.plan.config_name} on {self.env.spec.name}, seed {self.seed}: "
            f"{self.run.num_envs} environments, {size:,} parameters on {self.device.type}; "
            f"results in {self.folder}"
        )

    def open_log(self, sinks: Sequence[MetricSink] = ()) -> Log:
        """The log of this run, from where training starts or goes on; sinks: further ones."""
        return open_log(
            self.folder,
            self.run.t_max,
            self.counters.t_env,
            sinks,
            self.run.tensorboard,
            self.run.progress_bar,
        )

    def train(self, log: Log) -> Summary:
        """Train until t_max, the time limit or Ctrl-C; always ends with a checkpoint."""
        refuse_unreadable({"learner": self.agent.learner.state_dict()})  # not after hours
        count = self.counters
        start, first, updates = time.perf_counter(), count.t_env, count.update
        deadline = start + (self.run.max_seconds or float("inf"))
        stopping = "stopping after this round, then saving; Ctrl-C again to stop at once"
        with StopRequest(lambda: log.message(stopping)) as stop, self._saved_if_env_fails():
            while count.t_env < self.run.t_max and not self.stop_reason:
                if count.t_env >= count.next_test:
                    self._evaluate(log)
                    count.next_test = count.t_env + self.run.test_interval
                self._collect()
                self._learn()
                log.progress(count.t_env, self.meter.latest)
                if count.t_env >= count.next_log:
                    self._log(log, (count.t_env - first) / (time.perf_counter() - start))
                    count.next_log = count.t_env + self.run.log_interval
                if count.t_env >= count.next_save:
                    count.next_save = count.t_env + self.run.save_interval
                    self.save()
                if stop.requested:
                    self.stop_reason = INTERRUPTED
                elif time.perf_counter() >= deadline:
                    self.stop_reason = f"max_seconds={self.run.max_seconds:g} is over"
            self.save()  # before the last evaluation, so that whatever stops that loses nothing
            if not stop.requested and self._evaluate(log):
                self.saved_at = None
                self.save()  # with that evaluation
        if count.update == updates:
            log.message(f"note: no update was done: {self._waiting()}")
        seconds = time.perf_counter() - start
        return Summary(
            folder=self.folder,
            t_env=count.t_env,
            evaluations=self.evaluations,
            seconds={**self.stopwatch.seconds, "total": seconds},
            steps_per_second=(count.t_env - first) / max(seconds, 1e-9),
            stopped=self.stop_reason,
        )

    def close(self) -> None:
        """Free what the environments hold."""
        self.env.close()
        if self.tester.env is not self.env:
            self.tester.env.close()

    def _collect(self) -> None:
        count = self.counters
        progress = Progress(count.t_env, count.episode, count.update)
        behaviour = Behaviour(self.agent.actor, progress, self.exploration_rng)
        rollout = self.runner.collect(behaviour, self.seeds)
        with self.stopwatch.measure("replay"):
            self._keep(rollout, progress)
        count.episode = self.seeds.following
        count.t_env += self.agent.schedule.time_passed(rollout.steps, len(self.owed))
        stats = statistics([rollout])
        if stats:
            stats["return_square_mean"] = stats.pop("return_std") ** 2 + stats["return_mean"] ** 2
            self.meter.add(stats, weight=len(rollout.lengths))
        self.meter.note(self.agent.actor.metrics(progress))
        self.meter.note(self.runner.incidents())

    def _keep(self, rollout: Rollout, progress: Progress) -> None:
        """Keep the rows one by one, and owe the updates that each brings once there is a batch.

        So the updates and the episodes that they follow are those of one environment at a time.
        """
        agent, batch = self.agent, rollout.batch
        numbers = batch.episode.tolist()
        for row, length in enumerate(batch.lengths.tolist()):
            agent.buffer.add(batch.rows(row, row + 1))
            ready = agent.sampler.ready(agent.buffer)
            due = agent.schedule.after_row(length, bool(rollout.ended[row]), ready)
            self.owed += [numbers[row]] * due
        ready = agent.sampler.ready(agent.buffer)
        self.owed += agent.schedule.after_collection(progress, ready)

    def _learn(self) -> None:
        """Do the updates that are owed."""
        count = self.counters
        for episode in self.owed:
            progress = Progress(count.t_env, episode, count.update)
            with self.stopwatch.measure("replay"):
                samples = self.agent.sampler.sample(self.agent.buffer, self.sampling_rng)
            with self.stopwatch.measure("learning"):
                here = {name: batch.to(self.device) for name, batch in samples.items()}
                metrics = self.agent.learner.update(here, progress)
            self.meter.add(metrics)
            count.update += 1
        self.owed.clear()

    def _evaluate(self, log: Log) -> bool:
        """Test the greedy policy, unless that was just done; whether it was tested."""
        t_env = self.counters.t_env
        if self.evaluations and self.evaluations[-1]["t_env"] == t_env:
            return False
        seeds = evaluation_seeds(self.seed, t_env, self.run.test_episodes)
        traces = self._trace_log()
        rollouts = play(self.tester, self.agent.actor, seeds, keep=traces)
        if traces is not None:
            with self.stopwatch.measure("saving"):
                ReplayFolder(self.folder).add(t_env, traces.traces, pages=1)
        metrics = statistics(rollouts, "test_")
        self.evaluations.append({"t_env": t_env, "episodes": len(seeds), **metrics})
        log.write(metrics, t_env)
        return True

    def _trace_log(self) -> TraceLog | None:
        """Where an evaluation's battles are traced, if they are to be."""
        if not self.run.save_replay:
            return None
        facts: dict[str, Fact] = {
            "player": self.plan.config_name,
            "t_env": self.counters.t_env,
        }
        return TraceLog(self.plan.env, self.agent.learner, self.device, facts)

    def _log(self, log: Log, steps_per_second: float) -> None:
        count = self.counters
        metrics = self.meter.drain()
        if "return_mean" in metrics:  # an episode ended since the last time
            variance = metrics.pop("return_square_mean") - metrics["return_mean"] ** 2
            metrics["return_std"] = max(0.0, variance) ** 0.5
        metrics |= {"episode": count.episode, "updates": count.update}
        metrics["steps_per_second"] = steps_per_second
        metrics |= {f"time_{part}": share for part, share in self.stopwatch.shares().items()}
        log.write(metrics, count.t_env)

    def save(self) -> None:
        """Write a checkpoint of everything, unless that is done already."""
        if self.saved_at == self.counters.t_env:
            return
        with self.stopwatch.measure("saving"):
            parts = {"learner": self.agent.learner.state_dict(), "train": self._state()}
            if self.run.save_replay_buffer:
                parts["replay"] = self.agent.buffer.state_dict()
            models = self.folder / checkpoint.MODELS
            checkpoint.save(models / str(self.counters.t_env), parts)
            checkpoint.prune(models)
        self.saved_at = self.counters.t_env

    def _state(self) -> State:
        return {
            "counters": dict(vars(self.counters)),
            "schedule": self.agent.schedule.state_dict(),
            "runner": self.runner.state_dict(),
            "exploration_rng": self.exploration_rng.get_state(),
            "sampling_rng": self.sampling_rng.get_state(),
            "meter": self.meter.state_dict(),
            "evaluations": self.evaluations,
            "spec": spec_state(self.env.spec),
            "dataset": None if self.dataset is None else dict(vars(self.dataset)),
            "replay_rows": len(self.agent.buffer) if self.dataset is None else 0,
        }

    def load(self, parts: dict[str, State]) -> None:
        """Go on from a checkpoint's parts (on the CPU), exactly as if training never stopped."""
        train = parts["train"]
        self._check_dataset(train.get("dataset"))
        self.counters = Counters(**train["counters"])
        self.seeds.following = self.counters.episode
        self.exploration_rng.set_state(train["exploration_rng"])
        self.sampling_rng.set_state(train["sampling_rng"])
        self.meter.load_state_dict(train["meter"])
        self.evaluations = list(train["evaluations"])
        checkpoint.load_into(self.agent.schedule.load_state_dict, train["schedule"], "updates")
        checkpoint.load_into(self.agent.learner.load_state_dict, parts["learner"], "networks")
        checkpoint.load_into(self.runner.load_state_dict, train["runner"], "running episodes")
        if "replay" in parts:
            checkpoint.load_into(self.agent.buffer.load_state_dict, parts["replay"], "replay")

    def _check_dataset(self, before: State | None) -> None:
        """CheckpointError where the run learnt from another file. before: that file."""
        now = self.dataset
        if before is not None and now is not None and before["sha256"] != now.sha256:
            raise CheckpointError(
                f"buffer.path: {now.path} is not the file that this run learnt from; that was "
                f"{before['path']} with SHA-256 {before['sha256']}: say where it is now"
            )

    @contextmanager
    def _saved_if_env_fails(self) -> Iterator[None]:
        """An environment that gives up, a game that does not start any more say, costs nothing."""
        try:
            yield
        except EnvError:
            self.save()
            raise


def resume(trainer: Trainer, path: Path) -> list[str]:
    """Load the checkpoint to go on from; returns what the user should know about it."""
    found = checkpoint.find(path, trainer.run.load_step)
    if found.resolve().parent != (trainer.folder / checkpoint.MODELS).resolve():
        raise CheckpointError(
            f"{found} is not in the run's {checkpoint.MODELS} folder; move it there"
        )
    parts = checkpoint.load(found)
    trainer.load(parts)
    t_env = trainer.counters.t_env
    notes: list[str] = []
    aside = checkpoint.set_aside(trainer.folder, t_env)
    if aside is not None:
        notes.append(f"going on from {t_env:,}; what came after it was moved to {aside}")
    if "replay" not in parts and parts["train"].get("replay_rows", 1):
        notes.append(
            "the replay of this checkpoint was not kept: it fills anew, so training goes on, "
            "but not exactly as it would have"
        )
    trainer.saved_at = t_env
    write_config(trainer.folder, trainer.plan)
    if trainer.dataset is not None:
        write_dataset(trainer.folder, trainer.dataset)
    return notes


def train(trainer: Trainer, sinks: Sequence[MetricSink] = ()) -> Summary:
    """Train (or go on with the run that the plan resumes) and report.

    sinks: where metrics go beside the run folder and the console.
    """
    plan = trainer.plan
    try:
        notes = resume(trainer, Path(plan.run.resume)) if plan.run.resume is not None else []
        log = trainer.open_log(sinks)
        try:
            if trainer.note:
                notes.append(f"note: {trainer.note}")
            for note in [trainer.introduction(), *notes]:
                log.message(note)
            if trainer.finished:
                t_max = plan.run.t_max
                log.message(f"already at t_max={t_max}; set t_max={2 * t_max} to go on, say")
                return Summary(trainer.folder, trainer.counters.t_env, trainer.evaluations)
            summary = trainer.train(log)
            log.summary(summary)
        finally:
            log.close()
    finally:
        trainer.close()
    return summary

"""The training loop: collect, learn, test, log, save. One loop for every recipe and environment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import torch

from marl import seeding
from marl.algos.agent import Timed
from marl.errors import CheckpointError, ConfigError, EnvError
from marl.log.log import Log, open_log
from marl.log.summary import Summary
from marl.nets.threads import set_learner_threads
from marl.protocols.acting import Behaviour, Stopped
from marl.protocols.collecting import Rollout
from marl.protocols.experience import FromFile, StatefulSampler
from marl.protocols.loop import MetricSink, Progress, State
from marl.run import checkpoint
from marl.run.counters import Counters
from marl.run.device import pick_device
from marl.run.finite import FiniteWatch
from marl.run.folder import open_folder, write_dataset
from marl.run.interrupts import StopRequest
from marl.run.memory import MemoryWatch
from marl.run.meter import Meter
from marl.run.opening import (
    check_memory,
    check_threads,
    introduction,
    note_on_rounds,
    remarks,
)
from marl.run.plan import Plan
from marl.run.policy_tests import PolicyTests
from marl.run.starting import take_weights
from marl.run.states import refuse_other_kinds, refuse_unreadable
from marl.runners.evaluation import statistics
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds
from marl.spec import spec_state

INTERRUPTED = "interrupted"


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
        set_learner_threads(self.run.learner_threads)
        self.device = pick_device(self.run.device)
        seeding.seed_everything(self.seed)
        try:
            self.env = plan.env.build(self.run.num_envs, self.run.env_threads)
        except MemoryError as error:
            raise ConfigError(
                f"num_envs: no memory for {self.run.num_envs:,} environments"
            ) from error
        try:
            self.agent = plan.recipe.build(self.env.spec, self.device)
            check_threads(plan, self.agent, self.device)
            check_memory(plan, self.agent, self.env.spec)
            len(self.agent.buffer)  # reads a dataset, so that it is refused before a folder is made
            buffer = self.agent.buffer
            self.taken = take_weights(plan, self.agent)
            self.dataset = buffer.file if isinstance(buffer, FromFile) else None
            if self.dataset is not None and not self.agent.sampler.ready(buffer):
                raise ConfigError(f"buffer.path: {self.dataset.path}: {self.agent.waiting()}")
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
        self.tests = PolicyTests(plan, self.agent, self.runner, self.device, self.stopwatch)
        self.seeds = EpisodeSeeds(self.seed, seeding.TRAIN_EPISODES)
        self.exploration_rng = seeding.generator(self.seed, seeding.EXPLORATION)
        self.sampling_rng = seeding.generator(self.seed, seeding.SAMPLING)
        self.counters = Counters()
        self.meter = Meter()
        self.watch = FiniteWatch(self.folder)
        self.memory = MemoryWatch(self.agent.buffer)
        # The episodes just played that an update is due for, in order.
        self.owed: deque[int] = deque()
        self.stop_reason = ""
        self.stopping: Callable[[], bool] = lambda: False
        self.saved_at: int | None = None  # t_env of the newest checkpoint

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do up to t_max, the last evaluation included."""
        t_env = self.counters.t_env
        return t_env >= self.run.t_max and not self.owed and self.tests.done_at(t_env)

    def introduction(self) -> list[str]:
        """What is about to be trained, and where to; and what should be known about it."""
        parts = self.plan, self.agent, self.env.spec
        notes = [self.note, *self.taken, note_on_rounds(*parts), *remarks(self.plan, self.env)]
        return [
            f"{introduction(*parts, self.device)}; results in {self.folder}",
            *(f"note: {note}" for note in notes if note),
        ]

    def open_log(self, sinks: Sequence[MetricSink] = ()) -> Log:
        """The log of this run, from where training starts or goes on; sinks: further ones."""
        return open_log(
            self.folder,
            self.run.t_max,
            self.counters.t_env,
            self.tests.last,
            sinks,
            self.run.tensorboard,
            self.run.progress_bar,
        )

    def train(self, log: Log) -> Summary:
        """Train until t_max, the time limit or Ctrl-C; always ends with a checkpoint."""
        refuse_unreadable({"learner": self.agent.learner.state_dict()})  # not after hours
        count = self.counters
        start, first, updates = time.perf_counter(), count.t_env, count.update
        stopping = "stopping, then saving; Ctrl-C again to stop at once"
        with StopRequest(lambda: log.message(stopping)) as stop, self._saved_if_env_fails():
            self.stopping = lambda: stop.requested
            with suppress(Stopped):
                self._rounds(log, start, first)
            if not self.meter.is_empty:  # kept, so that a resumed run logs the whole interval
                self._write_interval(log, self.meter.read(), self._speed(start, first))
            self.save()  # before the last evaluation, so that whatever stops that loses nothing
            with suppress(Stopped):
                if not stop.requested and self._evaluate(log):
                    self.saved_at = None
                    self.save()  # with that evaluation
            if stop.requested:
                self.stop_reason = INTERRUPTED
        if count.update == updates:
            log.message(f"note: no update was done: {self.agent.waiting()}")
        seconds = time.perf_counter() - start
        return Summary(
            folder=self.folder,
            t_env=count.t_env,
            evaluations=self.tests.results,
            seconds={**self.stopwatch.seconds, "total": seconds},
            steps_per_second=self._speed(start, first),
            stopped=self.stop_reason,
        )

    def _rounds(self, log: Log, start: float, first: int) -> None:
        """Collect, learn, test, log and save until t_max or the time limit; Stopped at Ctrl-C.

        start, first: the clock and t_env when this training began.
        """
        count = self.counters
        deadline = start + (self.run.max_seconds or float("inf"))
        while count.t_env < self.run.t_max or self.owed:
            if not self.owed:  # they are left by a stop in the middle of a round's updates
                if count.t_env >= count.next_test:
                    self._evaluate(log)
                    count.next_test = count.t_env + self.run.test_interval
                self.memory.look(self.run.t_max - count.t_env, log.message, self.save)
                self._collect()
            self._learn()
            log.progress(count.t_env, self.meter.latest)
            if count.t_env >= count.next_log:
                self._log(log, self._speed(start, first))
                count.next_log = count.t_env + self.run.log_interval
            if count.t_env >= count.next_save:
                count.next_save = count.t_env + self.run.save_interval
                self.save()
            if self.stopping():
                raise Stopped
            if time.perf_counter() >= deadline:
                self.stop_reason = f"max_seconds={self.run.max_seconds:g} is over"
                return

    def close(self) -> None:
        """Free what the environments hold."""
        self.env.close()
        self.tests.close(self.env)

    def _collect(self) -> None:
        count = self.counters
        progress = Progress(count.t_env, count.episode, count.update)
        drawn = self.exploration_rng.get_state()
        behaviour = Behaviour(
            self.agent.actor, progress, self.exploration_rng, stopping=self.stopping
        )
        try:
            rollout = self.runner.collect(behaviour, self.seeds)
        except Stopped:  # a resumed run collects the same again
            self.exploration_rng.set_state(drawn)
            self.seeds.following = count.episode
            raise
        self.watch.rollout(rollout, count.t_env)
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
        """Do the updates that are owed; Stopped where some are left."""
        count = self.counters
        while self.owed:
            if self.stopping():
                raise Stopped
            progress = Progress(count.t_env, self.owed[0], count.update)
            with self.stopwatch.measure("replay"):
                samples = self.agent.sampler.sample(self.agent.buffer, self.sampling_rng)
            with self.stopwatch.measure("learning"):
                here = {name: batch.to(self.device) for name, batch in samples.items()}
                metrics = self.agent.learner.update(here, progress)
            self.meter.add(metrics)
            self.watch.update(metrics, samples, progress)
            count.update += 1
            self.owed.popleft()
            self.saved_at = None

    def _evaluate(self, log: Log) -> bool:
        """Test the greedy policy, unless that was just done; whether it was tested."""
        t_env = self.counters.t_env
        if self.tests.done_at(t_env):
            return False
        self._write(log, self.tests.run(t_env, self.folder, self.watch, self.stopping))
        return True

    def _speed(self, start: float, first: int) -> float:
        """Environment steps a second since the clock showed `start`, at t_env `first`."""
        return (self.counters.t_env - first) / max(time.perf_counter() - start, 1e-9)

    def _log(self, log: Log, steps_per_second: float) -> None:
        """Log the interval that ends here."""
        self._write_interval(log, self.meter.drain(), steps_per_second)

    def _write_interval(self, log: Log, metrics: dict[str, float], steps_per_second: float) -> None:
        """Log an interval's metrics, and where the training stands."""
        count = self.counters
        if "return_mean" in metrics:  # an episode ended since the last time
            variance = metrics.pop("return_square_mean") - metrics["return_mean"] ** 2
            metrics["return_std"] = max(0.0, variance) ** 0.5
        metrics |= {"episode": count.episode, "updates": count.update}
        metrics["steps_per_second"] = steps_per_second
        metrics |= {f"time_{part}": share for part, share in self.stopwatch.shares().items()}
        self._write(log, metrics)

    def _write(self, log: Log, metrics: Mapping[str, float]) -> None:
        self.watch.logged(metrics, self.counters.t_env)
        log.write(metrics, self.counters.t_env)

    def save(self) -> None:
        """Write a checkpoint of everything, unless that is done already."""
        if self.saved_at == self.counters.t_env:
            return
        with self.stopwatch.measure("saving"):
            self.watch.weights(self.agent.learner.parameters, self.counters.t_env)
            parts = {"learner": self.agent.learner.state_dict(), "train": self._state()}
            if self.run.save_replay_buffer:
                parts["replay"] = self.agent.buffer.state_dict()
            models = self.folder / checkpoint.MODELS
            checkpoint.save(models / str(self.counters.t_env), parts)
            checkpoint.prune(models)
        self.saved_at = self.counters.t_env

    def _state(self) -> State:
        sampler = self.agent.sampler
        return {
            "counters": self.counters.state_dict(),
            "schedule": self.agent.schedule.state_dict(),
            "runner": self.runner.state_dict(),
            "exploration_rng": self.exploration_rng.get_state(),
            "sampling_rng": self.sampling_rng.get_state(),
            "owed": list(self.owed),
            "sampler": sampler.state_dict() if isinstance(sampler, StatefulSampler) else {},
            "meter": self.meter.state_dict(),
            "evaluations": self.tests.results,
            "spec": spec_state(self.env.spec),
            "dataset": None if self.dataset is None else dict(vars(self.dataset)),
            "replay_rows": len(self.agent.buffer) if self.dataset is None else 0,
        }

    def load(self, parts: dict[str, State]) -> None:
        """Go on from a checkpoint's parts (on the CPU), exactly as if training never stopped."""
        checkpoint.load_into(self._load_train, parts["train"], "counters")
        agent, train = self.agent, parts["train"]
        checkpoint.load_into(agent.schedule.load_state_dict, train["schedule"], "updates")
        checkpoint.load_learner(agent.learner, parts["learner"])
        checkpoint.load_into(self._load_runner, train["runner"], "running episodes")
        if "replay" in parts:
            checkpoint.load_into(agent.buffer.load_state_dict, parts["replay"], "replay")

    def _load_train(self, train: State) -> None:
        """What is the loop's own."""
        # What is missing was not written yet when the checkpoint was.
        own = {key: value for key, value in self._state().items() if key in train}
        refuse_other_kinds(own, train, "train")
        self._check_dataset(train.get("dataset"))
        self.counters.load_state_dict(train["counters"])
        self.seeds.following = self.counters.episode
        self.exploration_rng.set_state(train["exploration_rng"])
        self.sampling_rng.set_state(train["sampling_rng"])
        if isinstance(self.agent.sampler, StatefulSampler) and "sampler" in train:
            self.agent.sampler.load_state_dict(train["sampler"])
        self.owed = deque(train.get("owed", []))
        self.meter.load_state_dict(train["meter"])
        self.tests.load_results(train["evaluations"])

    def _load_runner(self, state: State) -> None:
        fresh = self.agent.actor.initial_carry(self.run.num_envs)
        carry = state.get("carry", fresh)
        if {name: (values.shape, values.dtype) for name, values in carry.items()} != {
            name: (values.shape, values.dtype) for name, values in fresh.items()
        }:
            raise ValueError("what the actor remembers has other sizes")
        self.runner.load_state_dict(state)

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

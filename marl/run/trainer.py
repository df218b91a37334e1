"""The training loop: collect, learn, test, log, save. One loop for every recipe and environment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from marl.errors import EnvError
from marl.log.log import Log, open_log
from marl.log.summary import Summary
from marl.protocols.acting import Behaviour, Stopped
from marl.protocols.collecting import Rollout
from marl.protocols.experience import Samples
from marl.protocols.learning import Weighing
from marl.protocols.loop import MetricSink, Progress
from marl.run.ending import INTERRUPTED
from marl.run.interrupts import StopRequest
from marl.run.opening import (
    introduction,
    note_on_rounds,
    remarks,
)
from marl.run.states import refuse_unreadable
from marl.run.training_state import TrainingState
from marl.runners.evaluation import statistics


class Trainer(TrainingState):
    """One training run, from its plan to its folder of results."""

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
            self._give_feedback(samples)
            count.update += 1
            self.owed.popleft()
            self.saved_at = None

    def _give_feedback(self, samples: Samples) -> None:
        """Tell a sampler that asks for it how wrong the learner was."""
        learner = self.agent.learner
        if self.agent.feedback is not None and isinstance(learner, Weighing):
            with self.stopwatch.measure("replay"):
                self.agent.feedback.learnt(samples, learner.row_errors)

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

    @contextmanager
    def _saved_if_env_fails(self) -> Iterator[None]:
        """An environment that gives up, a game that does not start any more say, costs nothing."""
        try:
            yield
        except EnvError:
            self.save()
            raise

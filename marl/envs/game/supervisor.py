"""Supervision of the workers: launch, answers within time limits, replacement.

A worker that is late, silent, gone, too large, or whose client lost its game is ended together
with its game, and another takes its place at the next reset.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from typing import Any

from marl.envs.game.message import GarbledError, Message
from marl.envs.game.options import GameConfig
from marl.envs.game.process import WorkerProcess, memory_of_sessions
from marl.errors import EnvError

logger = logging.getLogger(__name__)

MEGABYTE = 1 << 20
LONGEST_BACK_OFF = 60.0  # seconds
TICK = 0.2  # seconds between two checks of the limits
CLOSE_SECONDS = 5.0
MEMORY_SECONDS = 1.0  # between two checks of the memory within battles
FAR_TOO_LARGE = 1.5  # times the limit: ends the worker within a battle


class Worker:
    """One worker and its processes, one after another. request: the `make` of its client."""

    def __init__(self, index: int, game: GameConfig, request: Mapping[str, Any]) -> None:
        self.index, self.game, self.request = index, game, request
        self.process: WorkerProcess | None = None
        self.episodes = 0  # begun by the current process
        self.failures = 0  # in a row, since the last battle that was played to its end
        self.reason = ""  # of the last failure
        self._not_before = 0.0

    def launch(self, python: str) -> None:
        """Start a process, after the pause that follows repeated failures."""
        assert self.process is None
        time.sleep(max(0.0, self._not_before - time.monotonic()))
        self.process = WorkerProcess(python, f"game-{self.index}")
        self.episodes = 0

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request; a worker that is gone is noticed when its answer is awaited."""
        assert self.process is not None
        try:
            self.process.send(dict(request))
        except OSError:
            logger.debug("worker %d takes no requests", self.index)

    def end(self) -> None:
        """End the process at once."""
        process, self.process = self.process, None
        if process is not None:
            process.end()

    def fail(self, reason: str) -> None:
        """Count a failure and end the process."""
        tail = self.process.log_tail() if self.process is not None else ""
        self.end()
        self.failures += 1
        self.reason = f"{reason}; its log ends: {tail}" if tail else reason
        logger.warning("game worker %d: %s", self.index, self.reason)
        pause = self.game.back_off_seconds * 2 ** (self.failures - 2) if self.failures > 1 else 0.0
        self._not_before = time.monotonic() + min(pause, LONGEST_BACK_OFF)

    def finished(self) -> None:
        """Count a battle that was played to its end."""
        self.failures = 0


class Supervisor:
    """The workers of one environment, and the counts of their replacements."""

    def __init__(self, game: GameConfig, python: str, requests: Sequence[Mapping[str, Any]]):
        self.game, self.python = game, python
        self.workers = [Worker(i, game, request) for i, request in enumerate(requests)]
        self.restarts = 0  # workers replaced because something broke
        self.recycled = 0  # workers replaced because they were old or large
        self._memory_checked = 0.0  # time.monotonic()

    def ready(self, workers: Sequence[Worker]) -> tuple[dict[int, dict[str, Any]], list[Worker]]:
        """Give those of `workers` that have not played yet a process and a client.

        Returns the sizes of each new client, by worker, and the workers that failed.
        """
        fresh = [w for w in workers if w.process is None or w.episodes == 0]
        for worker in fresh:
            if worker.process is None:
                worker.launch(self.python)
            worker.send(worker.request)
        answers = self.answers(fresh, self.game.launch_seconds)
        return (
            {index: header["sizes"] for index, (header, _) in answers.items()},
            [worker for worker in fresh if worker.index not in answers],
        )

    def recycle(self, workers: Sequence[Worker]) -> None:
        """End old and large workers, between two battles."""
        memory = memory_of_sessions()
        for worker in workers:
            if worker.process is None:
                continue
            size = memory.get(worker.process.session, 0) / MEGABYTE
            if size > self.game.memory_mb or worker.episodes >= self.game.recycle_episodes:
                logger.info(
                    "game worker %d: renewed, %.0f MB, %d battles",
                    worker.index,
                    size,
                    worker.episodes,
                )
                self.close([worker])
                self.recycled += 1

    def answers(self, workers: Sequence[Worker], seconds: float) -> dict[int, Message]:
        """The answers that arrive in time, by the workers' indices; the other workers have failed.

        EnvError where a worker refuses: any other would too.
        """
        waiting = {worker.process.connection: worker for worker in workers if worker.process}
        begun = time.monotonic()
        last_message = dict.fromkeys(waiting, begun)
        answers: dict[int, Message] = {}
        while waiting:
            for connection in wait(list(waiting), TICK):
                worker = waiting[connection]  # type: ignore[index]
                last_message[connection] = time.monotonic()  # type: ignore[index]
                outcome = self._read(worker)
                if outcome is not None:
                    del waiting[connection]  # type: ignore[arg-type]
                    if not isinstance(outcome, str):
                        answers[worker.index] = outcome
                    else:
                        self._fail(worker, outcome)
            now = time.monotonic()
            too_large = self._too_large(now, waiting.values())
            for connection, worker in list(waiting.items()):
                why = ""
                if now - begun > seconds:
                    why = f"no answer within {seconds:g} s"
                elif now - last_message[connection] > self.game.silence_seconds:
                    why = f"no heartbeat for {self.game.silence_seconds:g} s"
                elif worker in too_large:
                    why = f"more than {FAR_TOO_LARGE:g} x game.memory_mb"
                if why:
                    del waiting[connection]
                    self._fail(worker, why)
        return answers

    def _read(self, worker: Worker) -> Message | str | None:
        """The worker's answer, or the reason of its failure; None while there is neither."""
        assert worker.process is not None
        try:
            for header, raw in worker.process.messages():
                if "refused" in header:
                    raise EnvError(str(header["refused"]))
                if "broken" in header:
                    return str(header["broken"])
                if "ok" in header:
                    return header, raw
        except (EOFError, ConnectionError):
            return "its process ended"
        except GarbledError as error:
            return f"it sent {error}"
        return None

    def _fail(self, worker: Worker, reason: str) -> None:
        worker.fail(reason)
        self.restarts += 1
        if worker.failures >= self.game.attempts:
            raise EnvError(
                f"game worker {worker.index} failed {worker.failures} times in a row: "
                f"{worker.reason}"
            )

    def _too_large(self, now: float, workers: Any) -> list[Worker]:
        if now - self._memory_checked < MEMORY_SECONDS:
            return []
        self._memory_checked = now
        memory = memory_of_sessions()
        limit = FAR_TOO_LARGE * self.game.memory_mb * MEGABYTE
        return [w for w in workers if w.process and memory.get(w.process.session, 0) > limit]

    def close(self, workers: Sequence[Worker] | None = None) -> None:
        """Ask the workers to end their games, then end the workers; None: all of them."""
        workers = self.workers if workers is None else workers
        alive = {w.process.connection: w for w in workers if w.process}
        for worker in alive.values():
            worker.send({"do": "close"})
        seconds = self.game.call_seconds if self.game.save_replays else CLOSE_SECONDS
        deadline = time.monotonic() + seconds
        while alive and time.monotonic() < deadline:
            for connection in wait(list(alive), TICK):
                try:
                    outcome = self._read(alive[connection])  # type: ignore[index]
                except EnvError:
                    outcome = ""
                if outcome is not None:
                    del alive[connection]  # type: ignore[arg-type]
        if alive and self.game.save_replays:
            logger.warning(
                "%d games gave no answer in %g s: their replays are missing", len(alive), seconds
            )
        for worker in workers:
            worker.end()

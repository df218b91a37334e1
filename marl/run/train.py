"""A training from its plan to its summary, and going on with one from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marl.config.schema import flatten
from marl.errors import CheckpointError, MemoryShortError
from marl.log.summary import Summary
from marl.protocols.loop import MetricSink
from marl.run import checkpoint
from marl.run.ending import ending, note, noted_if_it_fails
from marl.run.folder import read_config, write_config, write_dataset
from marl.run.plan import REPLAY_SIZE
from marl.run.trainer import Trainer


def resume(trainer: Trainer, path: Path) -> list[str]:
    """Load the checkpoint to go on from; returns what the user should know about it."""
    found = checkpoint.find(path, trainer.run.load_step)
    if found.resolve().parent != (trainer.folder / checkpoint.MODELS).resolve():
        raise CheckpointError(
            f"{found} is not in the run's {checkpoint.MODELS} folder; move it there"
        )
    parts = checkpoint.load(found)
    for name in ("learner", "train"):
        if name not in parts:
            raise CheckpointError(f"{found}: has no part {name!r}, without which no run goes on")
    try:
        trainer.load(parts)
    except MemoryShortError as error:
        raise MemoryShortError(
            f"{error}: resume with the newest of them by buffer.episodes"
        ) from None
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
    before, now = (flatten(m) for m in (read_config(trainer.folder)[0], trainer.plan.values))
    notes += [
        f"{key}={now[key]}, it was {before[key]}: training goes on, but not as it would have"
        for key in REPLAY_SIZE
        if key in now and key in before and now[key] != before[key]
    ]
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
            for line in [*trainer.introduction(), *notes]:
                log.message(line)
            if trainer.finished:
                t_max = plan.run.t_max
                log.message(f"already at t_max={t_max}; set t_max={2 * t_max} to go on, say")
                return Summary(trainer.folder, trainer.counters.t_env, trainer.tests.results)
            with noted_if_it_fails(trainer.folder):
                summary = trainer.train(log)
            note(trainer.folder, ending(summary))
            log.summary(summary)
        finally:
            log.close()
    finally:
        trainer.close()
    return summary

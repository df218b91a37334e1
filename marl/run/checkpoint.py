"""Checkpoints: folders models/<t_env>/ that are complete or not there at all.

Each part is a file `<name>.pt` with tensors, numbers and strings only, read by
marl/untrusted/tensors.py: a file from a stranger cannot run code. `manifest.json` holds sizes and
SHA-256 sums, so that a cut-off or changed file is found before anything is loaded from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, BinaryIO, cast

import torch

from marl.errors import CheckpointError, UnreadableError, one_line
from marl.protocols.learning import Learner
from marl.protocols.loop import State
from marl.run.manifest import (
    FORMAT,
    MANIFEST,
    OPTIONAL,
    DamagedError,
    check_part,
    manifest_of,
    part_file,
    parts_in,
)
from marl.run.states import refuse_other_kinds, refuse_unreadable
from marl.untrusted.tensors import load_tensors

MODELS = "models"
# What reading a part raises that was written for another configuration, or by nobody of ours.
MISFITS = (RuntimeError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
STEP_FOLDER = re.compile(r"(\d{1,18})(\.old)?")  # .old: set aside while its successor moves in
WRITING = ".{}.writing"  # a checkpoint's folder until it is whole


def save(folder: Path, parts: Mapping[str, State]) -> None:
    """Write the checkpoint `folder` (models/<t_env>), whole or not at all.

    Everything is written beside it first, then renamed; an older one is replaced only then.
    CheckpointError where the disk refuses, or a part holds what could not be read again.
    """
    refuse_unreadable(parts)
    temporary = folder.with_name(WRITING.format(folder.name))
    try:
        for left in folder.parent.glob(WRITING.format("*")):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        temporary.mkdir(parents=True)
        entries = {name: _write_part(temporary, name, state) for name, state in parts.items()}
        manifest = {"format": FORMAT, "parts": entries}
        with open(temporary / MANIFEST, "wb") as file:
            file.write(json.dumps(manifest, indent=1).encode())
            _sync(file)
        _sync_folder(temporary)
        _swap_in(temporary, folder)
    except OSError as error:
        raise CheckpointError(
            f"could not write the checkpoint {folder}: {error.strerror}; older ones are untouched. "
            "Free some space (save_replay_buffer=False makes checkpoints small) and resume"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load(folder: Path, only: Collection[str] | None = None) -> dict[str, State]:
    """The parts of a checkpoint (or those named in `only`), after checking every byte of them.

    Their tensors are on the CPU. An optional part that was pruned is absent; any other missing one
    is an error.
    """
    try:
        entries = parts_in(folder)
        wanted = {n: entry for n, entry in entries.items() if only is None or n in only}
        for name, entry in wanted.items():
            check_part(part_file(folder, name), entry)
    except DamagedError as error:
        raise CheckpointError(f"{error}{_advice(folder)}") from None
    for name in only or ():
        if name not in wanted:
            raise CheckpointError(f"{folder / MANIFEST} names no part {name!r}")
    return {name: _load_part(part_file(folder, name)) for name in wanted}


def load_into(load: Callable[[State], None], state: State, part: str) -> None:
    """Load the state of a part; CheckpointError where its sizes or names differ."""
    try:
        load(state)
    except MISFITS as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise CheckpointError(
            f"the checkpoint's {part} do not fit this configuration ({reason[:200]}); "
            "use the run's own config"
        ) from error


def load_learner(learner: Learner, state: State) -> None:
    """Load what a learner has learnt; CheckpointError where it is another's."""

    def load(state: State) -> None:
        refuse_other_kinds(learner.state_dict(), state, "learner")
        learner.load_state_dict(state)

    load_into(load, state, "networks")


def find(path: Path, load_step: int = 0) -> Path:
    """The checkpoint at `path`: a run folder, its models folder, or the checkpoint's own.

    load_step: environment steps; the nearest checkpoint is taken. 0: the newest.
    """
    if not path.exists():
        raise CheckpointError(
            f"{path} does not exist; give a run folder or a models/<t_env> folder"
        )
    if (path / MANIFEST).is_file() or STEP_FOLDER.fullmatch(path.name):
        return path
    models = path / MODELS if (path / MODELS).is_dir() else path
    steps = list_steps(models)
    if not steps:
        raise CheckpointError(f"{path} holds no checkpoint")
    if load_step == 0:
        return steps[max(steps)]
    return steps[min(steps, key=lambda step: abs(step - load_step))]


def list_steps(models: Path) -> dict[int, Path]:
    """t_env -> folder of every checkpoint in `models`, oldest first."""
    steps: dict[int, Path] = {}
    for path in models.iterdir() if models.is_dir() else ():
        match = STEP_FOLDER.fullmatch(path.name)
        if match and path.is_dir():
            step = int(match[1])
            if step not in steps or match[2] is None:  # .old counts only while it stands alone
                steps[step] = path
    return dict(sorted(steps.items()))


def prune(models: Path, keep: int = 1) -> None:
    """Delete the optional parts of all but the newest `keep` checkpoints.

    Does nothing while a part of those has the wrong size. The older ones still serve evaluation.
    """
    steps = list(list_steps(models).values())
    newest, older = steps[-keep:], steps[:-keep]
    if all(_looks_intact(folder) for folder in newest):
        for folder in older:
            for name in OPTIONAL:
                (folder / f"{name}.pt").unlink(missing_ok=True)


def set_aside(run: Path, step: int) -> Path | None:
    """Move a run's checkpoints beyond `step` out of the way, with a copy of its metrics.

    For a run that resumes from an older checkpoint. Returns the folder they went to; None if there
    were none.
    """
    matches = [(path, STEP_FOLDER.fullmatch(path.name)) for path in (run / MODELS).iterdir()]
    later = [path for path, match in matches if match and int(match[1]) > step]
    if not later:
        return None
    aside = run / f"abandoned-at-{step}"
    number = 1
    while aside.exists():
        number += 1
        aside = run / f"abandoned-at-{step}.{number}"
    aside.mkdir()
    metrics = run / "metrics.jsonl"
    if metrics.exists():
        shutil.copy2(metrics, aside)
    for folder in later:
        folder.rename(aside / folder.name)
    return aside


def is_intact(folder: Path) -> bool:
    """Whether all parts are there and every byte is as it was written."""
    try:
        for name, entry in parts_in(folder).items():
            check_part(part_file(folder, name), entry)
    except DamagedError:
        return False
    return True


class _HashingFile:
    """Passes writes on to a file and hashes them."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()
        self.size = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self.file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self.file.flush()


def _write_part(folder: Path, name: str, state: State) -> dict[str, object]:
    """Write one part; returns its manifest entry."""
    with open(part_file(folder, name), "wb") as file:
        hashing = _HashingFile(file)
        try:
            torch.save(state, cast("IO[bytes]", hashing))  # it only writes and flushes
        except RuntimeError:  # torch hides why a write failed
            if hashing.error is not None:
                raise hashing.error from None
            raise
        _sync(file)
    return {"bytes": hashing.size, "sha256": hashing.hash.hexdigest(), "optional": name in OPTIONAL}


def _sync(file: BinaryIO) -> None:
    """Flush the file's bytes to the disk."""
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap_in(temporary: Path, folder: Path) -> None:
    """Rename `temporary` to `folder`; an older one is set aside until that is done."""
    aside = folder.with_name(f"{folder.name}.old")
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    temporary.rename(folder)
    _sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _load_part(path: Path) -> State:
    try:
        state = load_tensors(path)
    except UnreadableError as error:
        raise CheckpointError(str(error)) from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds no mapping of names to values")
    return state


def _looks_intact(folder: Path) -> bool:
    """Whether all parts, optional ones too, have the size they were written with."""
    try:
        for name, entry in manifest_of(folder).items():
            check_part(part_file(folder, name), entry, contents=False)
    except DamagedError:
        return False
    return True


def _advice(folder: Path) -> str:
    """Advice for a damaged checkpoint: the newest intact one beside it."""
    others = [path for path in list_steps(folder.parent).values() if path.name != folder.name]
    for other in reversed(others):
        if is_intact(other):
            return f"; the newest intact one is {other} (load_step={other.name})"
    return "; there is no other intact one beside it"

"""The results folder: one folder per run.

results/<environment>-<backend>/<map>/<config>[+<key>=<value> ...]/<time>-s<seed>[-label]/
The keys are those that the command line changed, as in marl/run/labels.py. In it:
    config.yaml     every value and where it came from
    dataset.json    offline: the file that the run learns from, and its SHA-256
    metrics.jsonl   one line per logged point
    ended.json      how the last training ended, and why
    evaluations.jsonl  one line per `run.py evaluate` of the run
    replays/        battles of `run.py replay`, and of evaluations with save_replay=True
    tb/             TensorBoard events
    models/<t_env>/ checkpoints
    abandoned-at-<t_env>/ checkpoints beyond the one that the run resumed from
    not-finite-at-<t_env>/ the batch with the NaN at which the training stopped
    sacred/<n>/     sacred's record of the run, another one each time it was resumed
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from marl.config.files import dump, parse_text, read_sources
from marl.errors import ConfigError
from marl.run.labels import name_of
from marl.run.plan import Plan
from marl.untrusted.bounds import YAML_BYTES
from marl.untrusted.files import read_text, refuse_ways_out

if TYPE_CHECKING:  # a mistyped command line is refused without torch
    from marl.protocols.experience import DataFile

CONFIG = "config.yaml"
DATASET = "dataset.json"
EVALUATIONS = "evaluations.jsonl"
SACRED = "sacred"
LONGEST = 120  # bytes of a folder's name; file systems have 255
DIGITS = 8  # of the digest that ends a shortened one


def create_folder(results_dir: str, spec_name: str, name: str, seed: int, label: str) -> Path:
    """Make a new run folder; never one that exists, even if two runs start in the same second.

    spec_name: an EnvSpec's name, `<environment>-<backend>/<map>`; name: of the configuration.
    """
    parts = [*spec_name.split("/"), name.replace(" ", "+")]
    parent = Path(results_dir).joinpath(*map(_safe, parts))
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"results_dir: cannot make {parent}: {error.strerror}") from error
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-s{seed}" + (f"-{_safe(label)}" if label else "")
    for number in count(1):
        folder = parent / (stem if number == 1 else f"{stem}.{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")


def open_folder(plan: Plan, spec_name: str) -> Path:
    """The folder of a run that begins (a new one, with its configuration) or goes on (as it is).

    spec_name: as in `create_folder`.
    """
    run = plan.run
    if plan.command == "train" and run.resume is not None:
        return own_folder(run.resume, "resume")
    if run.checkpoint is not None:
        return own_folder(run.checkpoint, "checkpoint")
    assert run.seed is not None
    name = name_of(plan.values, plan.sources)
    folder = create_folder(run.results_dir, spec_name, name, run.seed, run.label)
    write_config(folder, plan)
    return folder


def _safe(name: str) -> str:
    """The name with `_` for characters that a folder's name should not have.

    Of one that is too long the first part, and a digest of it all.
    """
    safe = re.sub(r"[^\w.+=-]+", "_", name).strip(".") or "_"
    if len(safe.encode()) <= LONGEST:
        return safe
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGITS]
    start = safe.encode()[: LONGEST - DIGITS - 1].decode(errors="ignore")
    return f"{start}~{digest}"


def write_config(folder: Path, plan: Plan) -> None:
    """Write config.yaml; on a resumed run, over the old one."""
    _write(folder / CONFIG, dump(plan.values, plan.sources))


def write_dataset(folder: Path, file: DataFile) -> None:
    """Write dataset.json; on a resumed run, over the old one."""
    _write(folder / DATASET, json.dumps(vars(file), indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def read_config(folder: Path) -> tuple[dict[str, object], dict[str, str]]:
    """The values of config.yaml, and where each came from."""
    path = folder / CONFIG
    text = read_text(path, YAML_BYTES)
    return parse_text(text, path), read_sources(text)


def own_folder(path: str | Path, key: str) -> Path:
    """As `run_folder`, to write into: nothing in it may lead elsewhere."""
    folder = run_folder(path, key)
    refuse_ways_out(folder)
    return folder


def run_folder(path: str | Path, key: str) -> Path:
    """The run folder that `path` is or lies in (as its models/ or a checkpoint does).

    key: the option with the path, for the message.
    """
    if not str(path).strip():
        raise ConfigError(f"{key}: is empty; give the folder of a run")
    start = Path(path).expanduser()
    if not start.exists():
        raise ConfigError(f"{key}: {start} does not exist; give the folder of a run")
    here = start.resolve()
    for folder in [here, *here.parents[:2]]:
        if (folder / CONFIG).is_file():
            return start if folder == here else folder
    raise ConfigError(f"{key}: {start} is not the folder of a run: there is no {CONFIG} in it")

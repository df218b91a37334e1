"""Names of configurations: which runs are the seeds of one, and in what others differ from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marl.config.files import COMMAND_LINE
from marl.config.schema import field_types, flatten
from marl.errors import printable
from marl.run.plan import RunConfig

PLACES = ("map", "env_id", "module", "game")  # settings that name what is played
# Values of a run that say where and how it was run, not what was learnt.
HOUSEKEEPING = {
    "progress_bar",
    "tensorboard",
    "results_dir",
    "resume",
    "checkpoint",
    "load_step",
    "episodes",
    "max_seconds",
    "save_interval",
    "save_replay_buffer",
    "save_replay",
    "video",
    "label",
    "plugins",
    "seed",
    "map",
    "recipe",
    "env",
    "config",
    "env_config",
    "log_interval",
    "env_threads",
    "torch_threads",
    "learner_threads",
    "device",
}


@dataclass(frozen=True, eq=False)
class Configuration:
    """Of one run: its name, what is played, and what was learnt and how."""

    label: str
    task: str
    settings: Mapping[str, object]  # dotted key -> value, without HOUSEKEEPING


def learnt_settings(values: Mapping[str, object]) -> dict[str, object]:
    """Dotted key -> value of what was learnt and how; HOUSEKEEPING is left out."""
    leaves = flatten(values)
    return {key: leaf for key, leaf in leaves.items() if key.split(".")[0] not in HOUSEKEEPING}


def changes(values: Mapping[str, object], sources: Mapping[str, str]) -> dict[str, object]:
    """Dotted key -> value of what the command line changed in the algorithm and the environment.

    values, sources: of config.yaml. The options of the run itself are left out, and so is what
    names the task; what only repeats the files has another source.
    """
    run = field_types(RunConfig).keys() | {"config", "env_config", "recipe", "env"}
    return {
        key: value
        for key, value in sorted(flatten(values).items())
        if sources.get(key) == COMMAND_LINE and key.split(".")[0] not in run and key not in PLACES
    }


def name_of(values: Mapping[str, object], sources: Mapping[str, str]) -> str:
    """The algorithm and what was changed: `lagma codebook.size=128`."""
    changed = changes(values, sources)
    parts = [f"{_short(key, values)}={as_text(changed[key])}" for key in changed]
    return " ".join([str(values["config"]), *(part.replace(" ", "") for part in parts)])


def _short(key: str, values: Mapping[str, object]) -> str:
    """The last two words of a dotted key, or all of it where another key ends like that."""
    short = ".".join(key.split(".")[-2:])
    others = [one for one in flatten(values) if one != key and f".{one}".endswith(f".{short}")]
    return key if others else short


def task_of(values: Mapping[str, object]) -> str:
    """The map, or what else names the environment; `env_config` where nothing does."""
    named = (values.get(key) for key in PLACES)
    task = next((one for one in named if isinstance(one, str) and one), values["env_config"])
    return printable(str(task))


def full_labels(runs: Sequence[Configuration]) -> list[str]:
    """Of each run: its label, and the settings in which runs of that label differ on some map.

    What differs only from map to map, as a preset for each map does, is one configuration. Runs
    with the same full label on the same map are seeds of one.
    """
    keys: dict[str, dict[str, None]] = {run.label: {} for run in runs}
    same: dict[tuple[str, str], list[Mapping[str, object]]] = {}
    for run in runs:
        same.setdefault((run.label, run.task), []).append(run.settings)
    for (label, _), settings in same.items():
        keys[label].update(dict.fromkeys(differing(settings)))
    return [_full(run, keys[run.label]) for run in runs]


def _full(run: Configuration, keys: Mapping[str, None]) -> str:
    parts = [f"{key}={as_text(run.settings[key])}" for key in keys if key in run.settings]
    return " ".join([run.label, *parts])


def differing(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Keys that some have with different values.

    A key that one lacks came to the package later: its default is what there was before.
    """
    found: dict[str, set[str]] = {}
    for one in settings:
        for key, value in one.items():
            found.setdefault(key, set()).add(as_text(value))
    return [key for key, values in found.items() if len(values) > 1]


def as_text(value: object) -> str:
    """A setting's value; a tuple is the list that files keep of it."""
    return printable(str(list(value) if isinstance(value, tuple) else value))

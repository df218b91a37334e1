"""Runs in a folder, and the state of each."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from marl.errors import ConfigError, UnreadableError, printable
from marl.log.jsonl import METRICS
from marl.replay.videofile import video_of
from marl.run.ending import FINISHED, ending_of
from marl.run.folder import CONFIG, read_config
from marl.run.labels import Configuration, full_labels, learnt_settings, name_of, task_of
from marl.watch.follow import MetricsFile

MAX_DEPTH = 6  # of a run below the watched folder; results/ has its runs at 4
REPLAYS = "replays"
INDEX = "index.html"
LIST_POINTS = 120  # of a curve in the list of runs
WIN, RETURN = "test_battle_won_mean", "test_return_mean"
# Keys of config.yaml that the page shows.
SETTINGS = ("config", "env_config", "env", "map", "game", "seed", "label", "t_max", "test_episodes")
# A training is quiet after so many seconds, and so many of its usual intervals, without a line.
QUIET_SECONDS = 30.0
QUIET_INTERVALS = 5


@dataclass
class Run:
    """A run's folder, with its metrics and settings as read so far."""

    folder: Path
    name: str  # its path below the folder that is watched, "." for that folder itself
    metrics: MetricsFile = field(init=False)
    _settings: dict[str, object] = field(default_factory=dict)
    _configuration: Configuration | None = None
    _settings_time: int = -1  # change of the config.yaml that they were read from
    _trouble: str = ""  # why that can't be read

    def __post_init__(self) -> None:
        self.metrics = MetricsFile(self.folder / METRICS)

    def settings(self) -> dict[str, object]:
        """SETTINGS in config.yaml, `name` and `codes`; {} where it can't be read (yet)."""
        path = self.folder / CONFIG
        try:
            changed = path.stat().st_mtime_ns
            if changed != self._settings_time:
                self._settings, self._configuration, self._trouble = {}, None, ""
                self._settings_time = changed
                self._read()
        except FileNotFoundError:
            self._settings, self._configuration, self._trouble = {}, None, ""
        except OSError as error:
            self._trouble = f"{path}: {error.strerror}"
        except (ConfigError, UnreadableError) as error:
            self._trouble = str(error)
        return self._settings

    def _read(self) -> None:
        values, sources = read_config(self.folder)
        shown = {**values, "codes": _number_of_codes(values)}
        names = [name for name in (*SETTINGS, "codes") if name in shown]
        self._settings = {name: shown[name] for name in names if _is_plain(shown[name])}
        self._configuration = _configuration(values, sources)
        if self._configuration is not None:
            self._settings["name"] = self._configuration.label

    @property
    def trouble(self) -> str:
        """Why the run can't be read, or not whole; "" where it can."""
        self.settings()
        return self.metrics.trouble or self._trouble

    def configuration(self) -> Configuration:
        """What is played and how it is learnt; its own name where config.yaml does not tell."""
        if self.settings() and self._configuration is not None:
            return self._configuration
        return Configuration(self.name, "", {})

    def state(self, now: float | None = None) -> dict[str, object]:
        """Progress, and the state: `training`, `quiet`, `waiting`, `broken` or one of HOW.

        why: what it waits for, and why it ended; "" where the state says all.
        """
        now = time.time() if now is None else now
        metrics, t_max = self.metrics, self.settings().get("t_max")
        goal = t_max if isinstance(t_max, int | float) else None
        age = max(0.0, now - metrics.written) if metrics.points else None
        trouble, why, ended = self.trouble, "", ending_of(self.folder)
        if trouble:
            state = "broken"
        elif ended is not None and ended.how != FINISHED:
            state, why = ended.how, ended.line
        elif age is None:
            state, why = "waiting", self._waits_for()
        elif goal is not None and metrics.t_env >= goal:
            state = "finished"
        else:
            state = "training" if age <= self._patience() else "quiet"
        progress = {"age": age, "t_env": metrics.t_env, "t_max": goal}
        return {"state": state, "trouble": trouble, "why": why, **progress}

    def _waits_for(self) -> str:
        """What comes before the first figures."""
        count = self.settings().get("test_episodes")
        size = f" of {count} episodes" if isinstance(count, int) else ""
        return f"waits for its first test{size}; on a new machine the engine is compiled before"

    def _patience(self) -> float:
        """Seconds without a new line until the training is quiet."""
        times = [point.get("time") for point in self.metrics.points[-20:]]
        known = [moment for moment in times if moment is not None]
        gaps = [after - before for before, after in pairwise(known)]
        return max(QUIET_SECONDS, QUIET_INTERVALS * statistics.median(gaps) if gaps else 0.0)

    def summary(self, line: str) -> dict[str, object]:
        """The run's row in the list of runs. line: the name of its configuration, `full_labels`."""
        metrics = self.metrics
        key = WIN if metrics.latest(WIN) is not None else RETURN
        return {
            "name": self.name,
            "line": line,
            "task": self.configuration().task,
            "settings": self.settings(),
            **self.state(),
            "written": metrics.written,
            "win": metrics.latest(WIN),
            "return": metrics.latest(RETURN),
            "curve": metrics.curve(key, LIST_POINTS),
            "curve_key": key,
        }

    def replays(self) -> dict[str, object]:
        """Paths within replays/ of the newest recorded battle's page and video; how many pages."""
        folder = self.folder / REPLAYS
        pages = list(_pages(folder))
        battles = [(age, path) for age, path in pages if path.name != INDEX]
        newest = max(battles, default=None)
        index = folder / INDEX
        return {
            "newest": str(newest[1].relative_to(folder)) if newest else None,
            "video": None if newest is None else _video(folder, newest[1]),
            "time": newest[0] if newest else None,
            "count": len(battles),
            "index": INDEX if index.is_file() else None,
        }


def _pages(folder: Path) -> Iterator[tuple[float, Path]]:
    """The pages, and the time of each; those alone that can be read now."""
    for path in folder.rglob("*.html"):
        try:
            if path.is_file():
                yield path.stat().st_mtime, path
        except OSError:  # just removed, or not ours to read
            continue


def _video(folder: Path, page: Path) -> str | None:
    """Path within the folder of the video beside a page; None without one."""
    video = video_of(page)
    return None if video is None else video.relative_to(folder).as_posix()


def _is_plain(value: object) -> bool:
    """Whether JSON and the page know the value."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


def _number_of_codes(values: Mapping[str, object]) -> object:
    """K, the size of LAGMA's codebook in the run; None without one."""
    bonus = values.get("bonus")
    codebook = bonus.get("codebook") if isinstance(bonus, Mapping) else None
    if not isinstance(codebook, Mapping):
        return None
    levels = codebook.get("levels")  # of kind fsq
    return math.prod(levels) if isinstance(levels, list) else codebook.get("size")


def _configuration(
    values: Mapping[str, object], sources: Mapping[str, str]
) -> Configuration | None:
    """None where the file lacks what a training writes into it."""
    if not {"config", "env_config"} <= values.keys():
        return None
    label = printable(name_of(values, sources))
    return Configuration(label, task_of(values), learnt_settings(values))


class Runs:
    """The runs in a folder, which may itself be one; new ones are found at each `scan`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, Run] = {}

    def scan(self) -> list[Run]:
        """All present runs, their new lines read; the one written last comes first.

        A folder that can't be read is one of them, for it may hold some.
        """
        there = {_name(path, self.folder): path for path in find(self.folder, unreadable=True)}
        self.known = {name: self.known.get(name) or Run(path, name) for name, path in there.items()}
        for run in self.known.values():
            run.metrics.poll()
        return sorted(self.known.values(), key=lambda run: (-run.metrics.written, run.name))

    def summaries(self) -> list[dict[str, object]]:
        """The rows of all present runs, in the order of `scan`."""
        runs = self.scan()
        lines = full_labels([run.configuration() for run in runs])
        return [run.summary(line) for run, line in zip(runs, lines, strict=True)]

    def get(self, name: str) -> Run | None:
        """A run by its name, its new lines read; None if there is no such run."""
        if name not in self.known:
            self.scan()
        run = self.known.get(name)
        if run is not None:
            run.metrics.poll()
        return run


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def find(folder: Path, depth: int = MAX_DEPTH, unreadable: bool = False) -> Iterator[Path]:
    """The run folders at or below `folder`; a run holds no other run.

    unreadable: the folders that can't be read are given too.
    """
    try:
        if is_run(folder):
            yield folder
            return
        below = sorted(entry.path for entry in os.scandir(folder) if _may_hold_runs(entry))
    except FileNotFoundError:  # just removed
        return
    except OSError:
        if unreadable:
            yield folder
        return
    for path in below if depth > 0 else ():
        yield from find(Path(path), depth - 1, unreadable)


def is_run(folder: Path) -> bool:
    """Whether the folder has the files of a training."""
    return any((folder / name).is_file() for name in (METRICS, CONFIG))


def _may_hold_runs(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")

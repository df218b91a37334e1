"""A suite: the trainings of a campaign, from configs/suites/<name>.yaml.

    env_config: sc2                    # for all entries that do not say another one
    settings: {t_max: 2_050_000}       # likewise; what stands after `with`
    maps: [3m, 8m]
    seeds: [1, 2, 3]
    runs:
      - {label: qmix, config: qmix}
      - {label: lagma large, config: lagma, settings: {bonus: {codebook: {size: 256}}}}

An entry may have env_config, settings, maps and seeds of its own; settings are merged. Order: all
entries on the first map with the first seed, then the next map; so the first seed of all comes
first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marl.config.files import CONFIGS, merge, read
from marl.config.schema import flatten, option, parse
from marl.errors import ConfigError, nearest_or_all

SUITES = CONFIGS / "suites"


@dataclass(frozen=True)
class Entry:
    """One configuration of a suite."""

    label: str
    config: str
    env_config: str | None = None  # None: the suite's
    settings: dict[str, object] = field(default_factory=dict)
    maps: tuple[str, ...] | None = None  # None: the suite's
    seeds: tuple[int, ...] | None = None  # None: the suite's


@dataclass(frozen=True)
class SuiteFile:
    """The keys of a suite's file."""

    runs: list[dict[str, object]]
    env_config: str = "sc2"
    settings: dict[str, object] = field(default_factory=dict)
    maps: tuple[str, ...] = ()  # none: the settings say what is played
    seeds: tuple[int, ...] = option((1, 2, 3), low=0)


@dataclass(frozen=True)
class Job:
    """One training."""

    suite: str
    label: str
    config: str
    env_config: str
    seed: int
    map: str | None
    settings: Mapping[str, object]  # nested, without map and seed

    @property
    def name(self) -> str:
        """Of its folder and its summary."""
        parts = [self.label, *([self.map] if self.map else []), f"s{self.seed}"]
        return "-".join(re.sub(r"[^\w.+]+", "_", part) for part in parts)

    def words(self, **more: object) -> list[str]:
        """Its command line after `python run.py`; more: further settings."""
        values = {**self.settings, "seed": self.seed, **more}
        if self.map is not None:
            values["map"] = self.map
        updates = [f"{key}={_word(value)}" for key, value in flatten(values).items()]
        return [f"--config={self.config}", f"--env-config={self.env_config}", "with", *updates]


def _word(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def suite_names() -> list[str]:
    """The suites that there are."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suite(name: str) -> list[Job]:
    """The jobs of configs/suites/<name>.yaml, or of a file that `name` is the path of."""
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else SUITES / f"{name}.yaml"
    if not path.is_file():
        if path.parent != SUITES:
            raise ConfigError(f"suite: there is no file {name}")
        hint = nearest_or_all(name, suite_names())
        raise ConfigError(f"suite: {name!r} is not one; {hint}, or give the path of a .yaml file")
    file = parse(SuiteFile, read(path), path.name)
    entries = [parse(Entry, run, f"{path.name}: runs.{at}") for at, run in enumerate(file.runs)]
    jobs = _jobs(path.stem, file, entries)
    names = [job.name for job in jobs]
    twice = {one for one in names if names.count(one) > 1}
    if twice:
        raise ConfigError(f"{path.name}: two runs are called {min(twice)}; give them other labels")
    if not jobs:
        raise ConfigError(f"{path.name}: there is nothing to run; name entries under `runs`")
    return jobs


def _jobs(suite: str, file: SuiteFile, entries: list[Entry]) -> list[Job]:
    found = []
    for entry in entries:
        settings: dict[str, object] = {}
        merge(settings, file.settings)
        merge(settings, entry.settings)
        maps: tuple[str | None, ...] = file.maps if entry.maps is None else entry.maps
        seeds = file.seeds if entry.seeds is None else entry.seeds
        for place, map_name in enumerate(maps or (None,)):
            for turn, seed in enumerate(seeds):
                job = Job(
                    suite=suite,
                    label=entry.label,
                    config=entry.config,
                    env_config=entry.env_config or file.env_config,
                    seed=seed,
                    map=map_name,
                    settings=settings,
                )
                order = file.maps.index(map_name) if map_name in file.maps else place
                found.append(((turn, order), job))
    return [job for _, job in sorted(found, key=lambda pair: pair[0])]

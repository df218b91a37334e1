"""The numbers of the codebook's figures as CSV files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marl.plots.codebook.courses import Band, Course
from marl.plots.codebook.pictures import Picture, shown
from marl.plots.codebook.usage import UsagePanel
from marl.plots.statistics import Array
from marl.plots.tables import write_csv
from marl.run.battles import Battles


def write_states(path: Path, pictures: Sequence[Picture], battles: Battles) -> None:
    """A row for each state that is drawn in each picture."""
    write_csv(path, ["coverage", "battle", "slot", "code", "x", "y"], _states(pictures, battles))


def _states(pictures: Sequence[Picture], battles: Battles) -> Iterator[list[object]]:
    battle, slot = battles.battle.numpy(), battles.slot.numpy()
    for picture in pictures:
        for row in np.sort(shown(len(slot))):
            place = picture.states[row]
            yield [picture.name, battle[row], slot[row], picture.chosen[row], *place]


def write_codes(path: Path, pictures: Sequence[Picture]) -> None:
    """A row for each code of each picture."""
    rows = (
        [picture.name, code, *picture.codes[code], picture.share[code]]
        for picture in pictures
        for code in range(len(picture.codes))
    )
    write_csv(path, ["coverage", "code", "x", "y", "share"], rows)


def write_values(path: Path, own: Picture, values: Array, held: NDArray[np.int64]) -> None:
    """A row for each code of the run's own. values [K]: C_q; held [K]: returns it is made of."""
    rows = (
        [code, *own.codes[code], own.share[code], values[code], held[code]]
        for code in range(len(own.codes))
    )
    write_csv(path, ["code", "x", "y", "share", "code_value", "returns_held"], rows)


def write_courses(path: Path, courses: Sequence[Course]) -> None:
    """A row for each slot of the battles of each outcome."""
    heads = ["battles", "slot", "going_on"]
    heads += [f"code_value{end}" for end in ("", "_low", "_high", "_known")]
    heads += [f"return{end}" for end in ("", "_low", "_high")]
    write_csv(path, heads, _slots(courses))


def _slots(courses: Sequence[Course]) -> Iterator[list[object]]:
    for course in courses:
        for slot, going_on in enumerate(course.going_on):
            value = [*_numbers(course.code_value, slot), course.code_value.count[slot]]
            yield [course.name, slot, going_on, *value, *_numbers(course.earned, slot)]


def _numbers(band: Band, slot: int) -> list[object]:
    return [band.mean[slot], band.low[slot], band.high[slot]]


def write_usage(path: Path, panels: Sequence[UsagePanel]) -> None:
    """A row for each logged value."""
    rows = (
        [series.metric, int(t_env), value]
        for panel in panels
        for series in panel.series
        for t_env, value in zip(series.t_env, series.values, strict=True)
    )
    write_csv(path, ["metric", "steps", "value"], rows)

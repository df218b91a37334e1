"""Checks of a film's or a trace's header and arrays; ValueError or TypeError for wrong ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from marl.replay.container import Arrays
from marl.untrusted.bounds import FRAMES

MAX_CHARACTERS = 4000  # of a string
MAX_FACTS = 256
MAX_KINDS = 64
MAX_UNITS = 2000
MAX_SIDE = 1024  # cells of a map


def check_string(value: object) -> str:
    """A string of at most MAX_CHARACTERS."""
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        raise ValueError(f"expects a short string, not {str(value)[:40]!r}")
    return value


def check_number(value: object, low: int, high: int) -> int:
    """An integer within low..high."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"expects an integer within {low}..{high}, not {str(value)[:40]!r}")
    return value


def check_finite(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expects a number, not {str(value)[:40]!r}")
    return float(value)


def check_facts(value: object) -> dict[str, Any]:
    """A flat mapping of strings, numbers and booleans."""
    if not isinstance(value, Mapping) or len(value) > MAX_FACTS:
        raise ValueError("expects a short mapping of facts")
    for key, fact in value.items():
        check_string(key)
        if isinstance(fact, str):
            check_string(fact)
        elif not isinstance(fact, bool):
            check_finite(fact)
    return dict(value)


def check_kinds(value: object, cls: type) -> list[dict[str, Any]]:
    """The fields of each unit type of a film, of the types declared by `cls`."""
    if not isinstance(value, list) or len(value) > MAX_KINDS:
        raise ValueError("its unit types are no list, or too many")
    types = {item.name: item.type for item in fields(cls)}
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != set(types):
            raise ValueError("a unit type has other fields than expected")
        for name, fact in entry.items():
            if types[name] == "str":
                check_string(fact)
            elif types[name] == "bool":
                if not isinstance(fact, bool):
                    raise ValueError(f"{name}: expects true or false")
            elif check_finite(fact) < 0:
                raise ValueError(f"{name}: is negative")
    return value


def check_arrays(arrays: Arrays, columns: Mapping[str, str], n_kinds: int) -> None:
    """Check that a film's arrays are complete, of the right types, and of matching sizes."""
    fixed = {"kind": "u1", "side": "u1", "terrain": "u1", "height": "u1", "loops": "i4"}
    for name, dtype in {**fixed, **columns}.items():
        if name not in arrays or arrays[name].dtype.str[1:] != dtype:
            raise ValueError(f"its {name} is missing or of another type")
    if extra := set(arrays) - set(fixed) - set(columns):
        raise ValueError(f"has an unknown array {sorted(extra)[0]!r}")
    units, frames = arrays["kind"].shape, arrays["loops"].shape
    if len(units) != 1 or len(frames) != 1 or units[0] > MAX_UNITS or frames[0] > FRAMES:
        raise ValueError("has too many units or frames, or lists of more than one axis")
    if arrays["side"].shape != units or any(arrays[n].shape != frames + units for n in columns):
        raise ValueError("its columns are of different lengths")
    ground = arrays["terrain"].shape
    if (
        len(ground) != 2
        or arrays["height"].shape != ground
        or not all(1 <= side <= MAX_SIDE for side in ground)
    ):
        raise ValueError("its terrain is no grid of a map's size")
    if units[0] and (arrays["kind"].max() >= n_kinds or arrays["side"].max() > 1):
        raise ValueError("a unit is of an unknown type or side")
    if frames[0] and (arrays["loops"][0] < 0 or (arrays["loops"][1:] < arrays["loops"][:-1]).any()):
        raise ValueError("its frames run backwards")
    for name in ("order_target", "target", "shot", "missile"):
        column = arrays[name]
        if column.size and (column.min() < -1 or column.max() >= units[0]):
            raise ValueError(f"its {name} names a unit that does not exist")

"""Hints for unknown keys and values: the nearest known one, and PyMARL's names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from marl.config import pymarl
from marl.errors import nearest, nearest_or_all
from marl.program import PROGRAM

PLUGIN = "one from outside the package needs its module: plugins=NAME"
# Values that other libraries use -> ours, where ours is among the known ones.
VALUES = {"gpu": "cuda"}
SIZED = re.compile(r"[a-z]+_\d+_vs_\d+")  # a map of SMACv2
MOST = 24  # known keys in a message; more are only counted
PRINT = f"{PROGRAM} print_config --config=... --env-config=..."


def unknown_key(
    key: str, value: object, known: Iterable[str], inside: Iterable[str], path: str
) -> str:
    """The message about an unknown key, without its path.

    value: what it was given; known: the valid keys beside it; inside: the dotted keys below `path`.
    """
    known, inside = sorted(known), list(inside)
    theirs = None if path else pymarl.key_hint(key, value, known)
    if theirs is not None:
        return f"unknown key; {theirs}"
    deeper = [dotted for dotted in inside if dotted.rpartition(".")[2] == key]
    if deeper:
        if isinstance(value, str):  # the kind of a section, most likely
            deeper = [f"{one}.kind={value}" if f"{one}.kind" in inside else one for one in deeper]
        return f"unknown key; did you mean {' or '.join(map(repr, deeper))}?"
    near = nearest(key, known)
    if near:
        return f"unknown key; did you mean {'.'.join([*([path] if path else []), near])!r}?"
    if len(known) > MOST:
        return f"unknown key, like none of {len(known)}; {PRINT} lists all"
    return f"unknown key; known are: {', '.join(known)}"


def unknown_file(flag: str, name: str, known: Collection[str]) -> str:
    """Hint for an unknown --config or --env-config."""
    if flag == "config":
        theirs = pymarl.algorithm_hint(name, known)
    else:
        theirs = pymarl.environment_hint(name, SIZED.fullmatch(name) is not None)
    return theirs or nearest_or_plugin(name, known)


def nearest_or_plugin(name: str, known: Collection[str]) -> str:
    """Hint for an unknown part: the nearest known one, or all and where others come from."""
    hint = nearest_or_all(name, known)
    return hint if hint.endswith("?") else f"{hint}; {PLUGIN}"


def unknown_value(value: object, known: Collection[object], registered: bool = False) -> str:
    """The message about an unknown value, without its path.

    registered: plugins may add values.
    """
    meant = VALUES.get(str(value))
    near = meant if meant in known else nearest(str(value), [str(item) for item in known])
    plugin = f"; {PLUGIN}" if registered else ""
    hint = f"; did you mean {near!r}?" if near else plugin
    return f"{value!r} is not one of {list(known)}{hint}"

"""Misspelt keys of the command line, refused before torch is imported: that takes seconds.

The dataclasses that know every key import it. But a word that no class of the package has for a
field is no key, and what stands beside it in the files of the run says what was meant. Whatever
these do not tell is left to the dataclasses (marl/config/split.py), whose message is the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from marl.cli.drafts import REGISTRIES, Draft
from marl.cli.plugins import GROUP
from marl.config import pymarl
from marl.config.files import COMMAND_LINE, Layers
from marl.config.schema import field_types, flatten
from marl.errors import ConfigError, SeveralKeysError, nearest
from marl.run.plan import RunConfig

PACKAGE = Path(__file__).resolve().parents[1]
FIELD = re.compile(r"^    (\w+): ", re.MULTILINE)
FREE = re.compile(r"^    (\w+): dict\[.*= field\(", re.MULTILINE)  # a section with keys of any name


def refuse_misspelt(draft: Draft, updates: Mapping[str, object], plugins: list[str]) -> None:
    """ConfigError for keys in `updates` that are surely none, where what was meant is clear.

    plugins: those named; their parts may have keys of their own, and so all is left as it is.
    """
    known_already = any(module in sys.modules for module in REGISTRIES)  # then nothing is saved
    if known_already or plugins or draft.folder is not None or entry_points(group=GROUP):
        return
    below = Layers()
    for mapping, source in draft.layers.laid:
        if source != COMMAND_LINE:
            below.lay(mapping, source)
    words, free = fields_of_package()
    lines = {}
    for key, value in flatten(updates).items():
        path = key.split(".")
        at = next((n for n, word in enumerate(path) if word not in words), None)
        if at is None:
            continue
        meant = _meant(path[: at + 1], value, below.values)
        if meant is None or free.intersection(path[:at]):
            return
        wrong = ".".join(path[: at + 1])
        lines[wrong] = f"{wrong}: unknown key; did you mean {meant!r}? [{COMMAND_LINE}]"
    if lines:
        said = list(lines.values())
        raise SeveralKeysError(said) if len(said) > 1 else ConfigError(said[0])


def _meant(path: list[str], value: object, values: Mapping[str, object]) -> str | None:
    """The key beside the wrong one, the last of `path`, that is like it; None where none is."""
    section: object = values
    for word in path[:-1]:
        section = section.get(word) if isinstance(section, Mapping) else None
    beside = list(section) if isinstance(section, Mapping) else []
    if len(path) == 1:
        beside += field_types(RunConfig)
        if pymarl.key_hint(path[0], value, beside) is not None:
            return None  # PyMARL's name of something, which has a message of its own
    near = nearest(path[-1], beside)
    return None if near is None else ".".join([*path[:-1], near])


def fields_of_package() -> tuple[set[str], set[str]]:
    """The names of the fields of all classes here, and of those that hold keys of any name."""
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    fields, free = (
        {name for text in texts for name in pattern.findall(text)} for pattern in (FIELD, FREE)
    )
    return fields, free

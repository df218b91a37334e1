"""Options that name a program to start or a module to import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from marl.config.schema import join

Named = dict[str, str]  # dotted key -> the program or module


def code_named(config: object, path: str = "") -> Named:
    """What a parsed section names of that kind, defaults left out.

    Its dataclasses mark such options with `option(..., code=test)`.
    """
    return dict(_named(config, path))


def _named(config: object, path: str) -> Iterator[tuple[str, str]]:
    for item in fields(config):  # type: ignore[arg-type]
        value, dotted = getattr(config, item.name), join(path, item.name)
        names_code = item.metadata.get("code")
        if is_dataclass(value):
            yield from _named(value, dotted)
        elif names_code is not None and value != item.default and names_code(value):
            yield dotted, str(value)

"""One merged mapping parsed into several dataclasses: those of the run, environment and recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from marl.config.hints import unknown_key
from marl.config.schema import UnknownKeyError, dotted_keys, field_types, parse
from marl.errors import ConfigError, FieldError, SeveralKeysError


def split_parse(
    mapping: Mapping[str, object],
    parts: Mapping[str, type],
    sources: Mapping[str, str] | None = None,
    elsewhere: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One mapping parsed into several dataclasses with disjoint fields, one per part.

    sources: dotted key -> where it was set, for the message about a refused value.
    elsewhere: top-level keys of other parts -> the name of that part, for the message.
    """
    unknown: list[UnknownKeyError] = []
    rest: object = mapping
    while isinstance(rest, Mapping):
        try:
            parsed = _split(rest, parts, elsewhere or {})
        except UnknownKeyError as problem:  # there may be more of them
            unknown.append(problem)
            rest = _without(rest, problem.path.split("."))
        except FieldError as problem:
            if not unknown:
                raise ConfigError(_with_source(problem, sources or {})) from None
            break
        else:
            if not unknown:
                return parsed
            break
    lines = [_with_source(problem, sources or {}) for problem in unknown]
    raise SeveralKeysError(lines) if len(lines) > 1 else ConfigError(lines[0])


def _split(
    mapping: Mapping[str, object], parts: Mapping[str, type], elsewhere: Mapping[str, str]
) -> dict[str, Any]:
    owner = _owners(parts)
    sections: dict[str, dict[str, object]] = {part: {} for part in parts}
    for key, value in mapping.items():
        if key in owner:
            sections[owner[key]][key] = value
        elif key in elsewhere:
            raise UnknownKeyError(key, f"belongs to {elsewhere[key]}")
        else:
            inside = [dotted for cls in parts.values() for dotted in dotted_keys(cls)]
            raise UnknownKeyError(key, unknown_key(key, value, owner, inside, ""))
    return {part: parse(cls, sections[part]) for part, cls in parts.items()}


def _without(mapping: Mapping[str, object], path: list[str]) -> dict[str, object] | None:
    """A copy without the key at `path`; None where that is no path of sections."""
    rest = copy.deepcopy(dict(mapping))
    here: object = rest
    for name in path[:-1]:
        here = here.get(name) if isinstance(here, dict) else None
    if not isinstance(here, dict) or path[-1] not in here:
        return None
    del here[path[-1]]
    return rest


def _with_source(problem: FieldError, sources: Mapping[str, str]) -> str:
    where = source_of(problem.path, sources)
    return f"{problem} [{where}]" if where else str(problem)


def source_of(path: str, sources: Mapping[str, str]) -> str | None:
    """Where `path` was set, or else a key inside it or the section around it."""
    inside = [source for key, source in sources.items() if key.startswith(f"{path}.")]
    while path and path not in sources and not inside:
        path = path.rpartition(".")[0]
    return sources.get(path, inside[0] if inside else None)


def _owners(parts: Mapping[str, type]) -> dict[str, str]:
    """Key -> its part; TypeError for a key in two parts, a bug of the caller."""
    owner: dict[str, str] = {}
    for part, cls in parts.items():
        for key in field_types(cls):
            if key in owner:
                raise ConfigError(f"{key}: is a key of both {owner[key]} and {part}; rename one")
            owner[key] = part
    return owner

"""Typed configuration: frozen dataclasses parsed strictly from one merged mapping.

Refused with their dotted path: unknown keys (with the nearest known one), wrong types, values out
of bounds, a single value in place of a section.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from marl.config.hints import unknown_key, unknown_value
from marl.config.kinds import Kinds, kinds_of
from marl.config.values import (
    check_bounds,
    checked_path,
    described,
    literal,
    own_values,
    scalar,
)
from marl.errors import FieldError

Config = TypeVar("Config")


class UnknownKeyError(FieldError):
    """A key that does not exist; the others can be read without it."""


# The keys that choose between the dataclasses of a union; dist_type is the SMACv2 client's.
TAGS = ("kind", "dist_type")


def option(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    code: Callable[[Any], bool] | None = None,
    path: bool = False,
) -> Any:
    """A dataclass field with bounds: low <= value <= high, value > above. `parse` checks them.

    code: whether a value names a program to start or a module to import. Such a value is taken
    from the user, never from a run's folder (marl/run/trust.py). path: of a file or folder; `parse`
    puts the home folder for a ~ and refuses an empty one.
    """
    metadata = {"low": low, "high": high, "above": above, "code": code, "path": path}
    return field(default=default, metadata=metadata)


def parse(
    cls: type[Config], mapping: Mapping[str, object], path: str = "", default: object = None
) -> Config:
    """The dataclass `cls` filled from `mapping`; keys that are absent keep their defaults.

    default: the section's own default, where the field that holds it has one of type `cls`.
    Field types: int, float, bool, str, Literal, tuple, list, dict[str, X], X | None, dataclasses,
    and unions of dataclasses with different values of one of TAGS (a ClassVar of each).
    """
    known = field_types(cls)
    _check_known(mapping, known, dotted_keys(cls, path), path)
    values = own_values(cls, default)
    for item in fields(cls):  # type: ignore[arg-type]
        if item.name in mapping:
            before = getattr(default, item.name) if type(default) is cls else item.default
            values[item.name] = _field(item, known[item.name], mapping[item.name], path, before)
    try:
        return cls(**values)
    except TypeError as error:  # a field without a default
        raise FieldError(path, f"{cls.__name__}: {error}") from None
    except ValueError as error:  # the dataclass's own checks, "<field>: <reason>" or a sentence
        name, colon, reason = str(error).partition(": ")
        if colon and name in known:
            raise FieldError(join(path, name), reason) from None
        raise FieldError(path, str(error)) from None


def _check_known(
    mapping: Mapping[str, object], known: Collection[str], inside: list[str], path: str
) -> None:
    for key, value in mapping.items():
        if key not in known:
            hint = unknown_key(str(key), value, known, inside, path)
            raise UnknownKeyError(join(path, str(key)), hint)


def to_mapping(config: object) -> dict[str, object]:
    """The nested plain mapping that `parse` would read back as an equal `config`."""
    types_of = field_types(type(config))
    out: dict[str, object] = {}
    for item in fields(config):  # type: ignore[arg-type]
        value = _plain(getattr(config, item.name))
        if isinstance(value, dict) and _is_tagged(types_of[item.name]):
            section = type(getattr(config, item.name))
            value = {tag_of(section): tag_value(section), **value}
        out[item.name] = value
    return out


def flatten(mapping: Mapping[str, object], path: str = "") -> dict[str, object]:
    """Dotted key -> leaf value; an empty section stays a leaf."""
    out: dict[str, object] = {}
    for key, value in mapping.items():
        dotted = join(path, str(key))
        if isinstance(value, Mapping) and value:
            out.update(flatten(value, dotted))
        else:
            out[dotted] = value
    return out


def join(path: str, key: str) -> str:
    """The dotted path of `key` inside `path`."""
    return f"{path}.{key}" if path else key


def field_types(cls: type) -> dict[str, Any]:
    """Field name -> resolved type, or the Kinds of a section, of the fields that a user may set."""
    hints = typing.get_type_hints(cls)
    names = [item.name for item in fields(cls) if item.init]
    return {name: kinds_of(hints[name]) or hints[name] for name in names}


def dotted_keys(cls: type, path: str = "") -> list[str]:
    """Every key that may be set in `cls` and in the sections inside it."""
    out = []
    for name, kind in field_types(cls).items():
        dotted = join(path, name)
        sections = _dataclasses_in(kind) or ([kind] if is_dataclass(kind) else [])
        out += [dotted, *([join(dotted, tag_of(sections[0]))] if _is_tagged(kind) else [])]
        out += [key for section in sections for key in dotted_keys(section, dotted)]
    return list(dict.fromkeys(out))  # once each, though members of a union share keys


def default_kinds(cls: type) -> dict[str, object]:
    """The kinds of the sections in `cls` where nothing else is set: {"mixer": {"kind": "qmix"}}."""
    defaults: dict[str, object] = {}
    for item in fields(cls):
        factory = item.default_factory
        defaults[item.name] = item.default if factory is MISSING else factory()
    return _kinds_in(cls, defaults)


def _kinds_in(cls: type, values: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, kind in field_types(cls).items():
        value = values[name]
        if not is_dataclass(value):
            continue
        section = type(value)
        own = {tag_of(section): tag_value(section)} if _is_tagged(kind) else {}
        inside = {item.name: getattr(value, item.name) for item in fields(value)}
        found[name] = {**own, **_kinds_in(section, inside)}
    return {name: section for name, section in found.items() if section}


def tag_of(section: type) -> str:
    """The one of TAGS that `section` has."""
    return next(tag for tag in TAGS if hasattr(section, tag))


def tag_value(section: type) -> str:
    """The value of its tag."""
    return str(getattr(section, tag_of(section)))


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _field(item: Field[Any], kind: Any, value: object, path: str, default: object) -> object:
    path = join(path, item.name)
    converted = _convert(kind, value, path, default)
    if item.metadata.get("path") and isinstance(converted, str):
        return checked_path(converted, path)
    for number in converted if isinstance(converted, tuple | list) else [converted]:
        if isinstance(number, int | float) and not isinstance(number, bool):
            check_bounds(number, item.metadata, path)
    return converted


def _convert(kind: Any, value: object, path: str, default: object = None) -> object:
    """`value` as the type `kind`, or FieldError. default: the values that a section starts from."""
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return value
    if isinstance(kind, Kinds):
        return _convert_kind(_dataclasses_in(kind), value, path, default, registered=True)
    if origin in (Union, types.UnionType):
        return _convert_union(kind, value, path, default)
    if origin is Literal:
        return literal(get_args(kind), value, path)
    if origin in (tuple, list):
        return _convert_sequence(kind, origin, value, path)
    if origin is dict:
        return _convert_dict(kind, value, path)
    if is_dataclass(kind):
        cls = typing.cast("type", kind)
        return parse(cls, _section(list(field_types(cls)), value, path), path, default)
    return scalar(kind, value, path)


def _section(keys: list[str], value: object, path: str) -> Mapping[str, object]:
    """`value`, which must be a mapping: anything else would replace the section's keys."""
    if isinstance(value, Mapping):
        return value
    example = f"; set a key inside it, for example {path}.{keys[0]}=..." if keys else ""
    raise FieldError(path, f"a section with the keys {keys} cannot become {value!r}{example}")


def _dataclasses_in(kind: Any) -> list[Any]:
    """The dataclasses that a union or Kinds may hold."""
    if isinstance(kind, Kinds):
        return list(kind.members)
    return [member for member in get_args(kind) if is_dataclass(member)]


def _is_tagged(kind: Any) -> bool:
    """Whether a tag chooses between dataclasses."""
    return isinstance(kind, Kinds) or len(_dataclasses_in(kind)) > 1


def _convert_union(kind: Any, value: object, path: str, default: object) -> object:
    members = [member for member in get_args(kind) if member is not types.NoneType]
    optional = len(members) < len(get_args(kind))
    if optional and (value is None or value in ("none", "null", "None")):
        return None
    sections = _dataclasses_in(kind)
    if len(sections) > 1:
        return _convert_kind(sections, value, path, default)
    problem: FieldError | None = None
    for member in members:
        try:
            return _convert(member, value, path, default)
        except FieldError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _convert_kind(
    sections: list[Any], value: object, path: str, default: object, registered: bool = False
) -> object:
    """One of several dataclasses, chosen by its tag; the default's where it is not given.

    registered: there may be more of them in plugins.
    """
    tag = tag_of(sections[0])
    by_kind = {tag_value(section): section for section in sections}
    if isinstance(value, str) or value is None:
        meant = "none" if value is None else value
        if meant not in by_kind:
            raise FieldError(path, unknown_value(meant, list(by_kind), registered))
        raise FieldError(path, f"is a section; say {path}.{tag}={meant}")
    given = _section([tag, *field_types(sections[0])], value, path)
    name = given.get(tag, getattr(default, tag, next(iter(by_kind))))
    if not isinstance(name, str) or name not in by_kind:
        raise FieldError(join(path, tag), unknown_value(name, list(by_kind), registered))
    known = [tag, *field_types(by_kind[name])]
    for kind, section in by_kind.items():
        for key in field_types(section):
            if key in given and key not in known:
                hint = f"belongs to {path}.{tag}={kind}, and this is {name}; known are: "
                raise FieldError(join(path, key), hint + ", ".join(sorted(known)))
    _check_known(given, known, dotted_keys(by_kind[name], path), path)
    rest = {key: value for key, value in given.items() if key != tag}
    return parse(by_kind[name], rest, path, default)


def _convert_sequence(kind: Any, origin: Any, value: object, path: str) -> object:
    inner = get_args(kind)
    if not isinstance(value, list | tuple):
        raise FieldError(path, f"expects a list, for example {path}=[...]; got {described(value)}")
    if origin is list or inner[-1] is Ellipsis:
        inner = (inner[0],) * len(value)
    if len(inner) != len(value):
        raise FieldError(path, f"expects {len(inner)} values, got {len(value)}: {value!r}")
    pairs = zip(inner, value, strict=True)
    return origin(_convert(one, item, f"{path}[{i}]") for i, (one, item) in enumerate(pairs))


def _convert_dict(kind: Any, value: object, path: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise FieldError(path, f"expects a mapping, got {described(value)}")
    return {str(k): _convert(get_args(kind)[1], v, join(path, str(k))) for k, v in value.items()}
